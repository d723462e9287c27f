"""Scenes of the demo world and how they are drawn."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.demo.canvas import RGB, STYLES, Pen
from tests.demo.drawings import DRAWINGS
from tests.demo.scenery import Stage, paint_background, paint_foreground
from tests.demo.vocabulary import COLOURS, COUNTS, PLACES, THINGS, TIMES, WEATHERS, Noun, Word

PAINTS: dict[str, RGB] = {
    "red": (214, 44, 46),
    "blue": (42, 102, 222),
    "green": (46, 162, 74),
    "yellow": (250, 210, 40),
    "orange": (246, 132, 28),
    "purple": (142, 64, 192),
    "black": (40, 40, 44),
    "white": (247, 247, 245),
}

FLYING = frozenset({"butterfly", "kite", "balloon", "airplane", "rocket"})
TURNING = {"key": 0.5, "ball": 0.9, "kite": 0.35, "butterfly": 0.4, "banana": 0.25, "airplane": 0.18}
"""How far (radians) a thing may be turned; the others stand upright."""

SLOTS: dict[int, tuple[tuple[tuple[float, float], ...], ...]] = {
    1: (((0.5, 0.0),),),
    2: (((0.28, 0.0), (0.72, 0.0)), ((0.3, -0.07), (0.7, 0.05))),
    3: (((0.19, 0.0), (0.5, 0.0), (0.81, 0.0)), ((0.22, 0.04), (0.5, -0.12), (0.78, 0.04))),
}
"""Where one, two or three things stand: x and a vertical offset, in shares of the square's side."""

HALF_SIZES = {1: (0.26, 0.34), 2: (0.19, 0.23), 3: (0.14, 0.165)}


@dataclass(frozen=True)
class Scene:
    """What a picture shows, and which of its many drawings it is."""

    thing: Noun
    colour: Word
    count: Word
    place: Word
    weather: Word
    time: Word
    style: str
    seed: int

    def attributes(self) -> tuple[int, int, int, int, int, int]:
        """Positions in THINGS, COLOURS, COUNTS, PLACES, WEATHERS and TIMES."""
        return (
            THINGS.index(self.thing),
            COLOURS.index(self.colour),
            COUNTS.index(self.count),
            PLACES.index(self.place),
            WEATHERS.index(self.weather),
            TIMES.index(self.time),
        )


def combinations() -> Iterator[tuple[Noun, Word, Word, Word, Word, Word]]:
    """Every combination of attributes, in a fixed order."""
    return itertools.product(THINGS, COLOURS, COUNTS, PLACES, WEATHERS, TIMES)


def is_held_out(thing: Noun, colour: Word, count: Word, place: Word, weather: Word, time: Word) -> bool:
    """Whether a combination (one in twenty) is kept from training."""
    name = "|".join((thing.en, colour.en, count.en, place.en, weather.en, time.en))
    return hashlib.sha256(name.encode()).digest()[0] % 20 == 0


def sample_scenes(count: int, seed: int, *, held_out: bool) -> list[Scene]:
    """`count` scenes of different combinations, all held out or none, in random order and style."""
    rng = random.Random(seed)
    pool = [combination for combination in combinations() if is_held_out(*combination) == held_out]
    picked = rng.sample(pool, count) if count <= len(pool) else rng.choices(pool, k=count)
    return [Scene(*combination, rng.choice(STYLES), rng.getrandbits(32)) for combination in picked]


def draw(scene: Scene, size: int | tuple[int, int]) -> Image.Image:
    """The scene as an RGB picture of `size` pixels (a square's edge, or width and height).

    The same scene and size always give the same pixels. What matters lies in the centred
    square, which is what remains after a model's centre crop.
    """
    width, height = (size, size) if isinstance(size, int) else size
    rng = random.Random("|".join((*map(str, scene.attributes()), scene.style, str(scene.seed))))
    finer = 3 if min(width, height) <= 160 else 2
    image = Image.new("RGB", (width * finer, height * finer))
    stage = Stage(
        image=image,
        style=scene.style,
        rng=rng,
        place=scene.place.en,
        weather=scene.weather.en,
        time=scene.time.en,
        horizon=image.height * rng.uniform(0.5, 0.6),
    )
    paint_background(stage)
    _paint_things(stage, scene)
    paint_foreground(stage)
    return _finish(image, (width, height), scene.style, np.random.default_rng(rng.getrandbits(32)))


def _paint_things(stage: Stage, scene: Scene) -> None:
    rng, side = stage.rng, stage.side
    count = COUNTS.index(scene.count) + 1
    paint = tuple(max(0, min(255, channel + rng.randint(-12, 12))) for channel in PAINTS[scene.colour.en])
    half_px = side * rng.uniform(*HALF_SIZES[count])
    mirrored = rng.random() < 0.5
    left, top = (stage.image.width - side) / 2, (stage.image.height - side) / 2
    slots = rng.choice(SLOTS[count])
    # Those further up are further away: they are drawn first.
    for slot_x, slot_y in sorted(slots, key=lambda slot: slot[1]):
        half = half_px * rng.uniform(0.92, 1.08)
        x = left + side * (slot_x + rng.uniform(-0.03, 0.03))
        if scene.thing.en in FLYING:
            y = top + max(side * (rng.uniform(0.34, 0.46) + slot_y), half * 1.05)
        else:
            y = top + side * (rng.uniform(0.84, 0.92) + slot_y) - half
            _ground_shadow(stage, x, y + half * 0.94, half)
        turn = TURNING.get(scene.thing.en, 0.05)
        pen = Pen(
            stage.image,
            stage.style,
            rng,
            centre=(x, y),
            half_px=half,
            angle=rng.uniform(-turn, turn),
            mirrored=mirrored if rng.random() < 0.8 else not mirrored,
            grade=stage.grade(near=True),
        )
        DRAWINGS[scene.thing.en](pen, (paint[0], paint[1], paint[2]))


def _ground_shadow(stage: Stage, x: float, y: float, half: float) -> None:
    shadow = (230, 242, 252, 90) if stage.place == "on the sea" else (20, 20, 30, 70)
    reach, flat = half * 0.95, half * 0.14
    ImageDraw.Draw(stage.image, "RGBA").ellipse([x - reach, y - flat, x + reach, y + flat], fill=shadow)


def _finish(image: Image.Image, size: tuple[int, int], style: str, noise: np.random.Generator) -> Image.Image:
    """Brought to size, with the grain of the style's paper or camera."""
    if style == "watercolour":
        image = image.filter(ImageFilter.GaussianBlur(min(size) * 0.006))
    if style == "pixel":
        cells = (round(size[0] * 60 / min(size)), round(size[1] * 60 / min(size)))
        return image.resize(cells, Image.Resampling.BOX).resize(size, Image.Resampling.NEAREST)
    image = image.resize(size, Image.Resampling.LANCZOS)
    width, height = size
    pixels = np.asarray(image, dtype=np.float32)
    if style == "crayon":
        # Wax skips the valleys of the paper: flecks along the strokes.
        grain = noise.random((height, width), dtype=np.float32)
        along = grain + sum(np.roll(grain, step, axis=1) for step in (1, 2, 3))
        wax = np.clip((along / 4 - 0.56) * 2.2, 0.0, 0.4)[..., None]
        pixels = pixels * (1 - wax) + 246.0 * wax
    elif style == "watercolour":
        blotches = (noise.random((7, 7)).astype(np.float32) * 255).astype(np.uint8)
        wash = Image.fromarray(blotches).resize(size, Image.Resampling.BICUBIC)
        pixels = pixels + (np.asarray(wash, dtype=np.float32)[..., None] - 128.0) * 0.16 + 8.0
    elif style == "sketch":
        pixels = pixels * 0.86 + 0.14 * 250.0 + noise.normal(0, 4, (height, width, 1)).astype(np.float32)
    elif style == "shaded":
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        pixels = pixels * (1.04 - 0.2 * (x * x + y * y))[..., None]
        pixels = pixels + noise.normal(0, 5, (height, width, 3)).astype(np.float32)
    else:
        return image
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
