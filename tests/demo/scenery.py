"""The places, weathers and times of day behind and around the things of the demo world."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

from tests.demo.canvas import RGB, Grade, Pen, mix

SKIES: dict[str, tuple[RGB, RGB]] = {
    "by day": ((92, 168, 236), (196, 230, 250)),
    "at sunset": ((104, 74, 150), (252, 152, 78)),
    "at night": ((9, 12, 42), (36, 46, 98)),
}
"""Top and bottom of a clear sky."""

GROUNDS: dict[str, RGB] = {
    "on the sea": (40, 116, 182),
    "in a meadow": (116, 184, 82),
    "in the desert": (232, 198, 122),
    "in the city": (128, 129, 136),
    "in the forest": (86, 116, 66),
    "in the snow": (238, 243, 250),
}

RAIN_GREY: RGB = (112, 120, 134)
FOG_TINTS: dict[str, RGB] = {"by day": (212, 218, 222), "at sunset": (226, 192, 172), "at night": (92, 98, 120)}


@dataclass(frozen=True)
class Stage:
    """One picture's canvas with all that the painters of its background need.

    `side` is the edge in pixels of the centred square that a model's centre crop keeps.
    """

    image: Image.Image
    style: str
    rng: random.Random
    place: str
    weather: str
    time: str
    horizon: float  # pixels from the top

    @property
    def side(self) -> int:
        return min(self.image.size)

    def grade(self, *, near: bool) -> Grade:
        """The light on the background, or (milder, so that colours stay what they are) on `near` things."""
        if self.time == "at night":
            return Grade((14, 18, 58), 0.26 if near else 0.58)
        if self.time == "at sunset":
            return Grade((240, 112, 58), 0.10 if near else 0.24)
        if self.weather == "in the rain":
            return Grade(RAIN_GREY, 0.08 if near else 0.3)
        return Grade()

    def pen(self, x: float, y: float, half: float) -> Pen:
        """A pen for a background object at pixel (x, y) with half size in pixels."""
        return Pen(self.image, self.style, self.rng, centre=(x, y), half_px=half, grade=self.grade(near=False))


def paint_background(stage: Stage) -> None:
    """Sky with sun, moon, stars or clouds, then the ground of the place."""
    _sky(stage)
    _ground(stage)
    {
        "on the sea": _sea,
        "in a meadow": _meadow,
        "in the desert": _desert,
        "in the city": _city,
        "in the forest": _forest,
        "in the snow": _snow,
    }[stage.place](stage)
    if stage.weather == "in fog":
        _veil(stage, 0.5)


def paint_foreground(stage: Stage) -> None:
    """What hangs before everything: rain and fog."""
    if stage.weather == "in fog":
        _veil(stage, 0.3)
    elif stage.weather == "in the rain":
        _rain(stage)


def _sky(stage: Stage) -> None:
    width = stage.image.width
    top, bottom = SKIES[stage.time]
    if stage.weather != "in clear weather":
        grey = mix(RAIN_GREY, (0, 0, 20), 0.7) if stage.time == "at night" else RAIN_GREY
        if stage.weather == "in fog":
            grey = FOG_TINTS[stage.time]
        top, bottom = mix(top, grey, 0.68), mix(bottom, grey, 0.55)
    draw = ImageDraw.Draw(stage.image)
    bands = 4 if stage.style in ("papercut", "pixel") else 16
    for band in range(bands):
        y0, y1 = stage.horizon * band / bands, stage.horizon * (band + 1) / bands + 1
        draw.rectangle([0, y0, width, y1], fill=mix(top, bottom, (band + 0.5) / bands))
    if stage.weather == "in clear weather":
        _sun_or_moon(stage)
    if stage.weather == "in the rain":
        for _ in range(5):
            _cloud(stage, mix(RAIN_GREY, (40, 44, 56), 0.65 if stage.time == "at night" else 0.3), 0.16)
    elif stage.time != "at night" and stage.weather == "in clear weather":
        for _ in range(stage.rng.randint(0, 2)):
            _cloud(stage, (255, 250, 246), 0.11)


def _sun_or_moon(stage: Stage) -> None:
    rng, side = stage.rng, stage.side
    x = stage.image.width / 2 + rng.choice((-1, 1)) * rng.uniform(0.25, 0.42) * side
    glow = ImageDraw.Draw(stage.image, "RGBA")
    if stage.time == "at night":
        for _ in range(26):
            sx, sy = rng.uniform(0, stage.image.width), rng.uniform(0, stage.horizon * 0.9)
            r = side * rng.uniform(0.003, 0.007)
            glow.ellipse([sx - r, sy - r, sx + r, sy + r], fill=(250, 246, 220, 230))
        y, r = rng.uniform(0.1, 0.18) * side, 0.075 * side
        glow.ellipse([x - r, y - r, x + r, y + r], fill=(246, 240, 208, 255))
        x, y, r = x + 0.035 * side, y - 0.015 * side, 0.062 * side
        glow.ellipse([x - r, y - r, x + r, y + r], fill=(*SKIES["at night"][0], 255))
        return
    if stage.time == "at sunset":
        y, r, colour = stage.horizon - 0.02 * side, 0.13 * side, (255, 104, 60)
    else:
        y, r, colour = rng.uniform(0.11, 0.17) * side, 0.085 * side, (255, 222, 84)
    for grow, alpha in ((1.6, 50), (1.3, 70)):
        glow.ellipse([x - r * grow, y - r * grow, x + r * grow, y + r * grow], fill=(*colour, alpha))
    glow.ellipse([x - r, y - r, x + r, y + r], fill=(*colour, 255))


def _cloud(stage: Stage, colour: RGB, size: float) -> None:
    rng = stage.rng
    x, y = rng.uniform(0, stage.image.width), rng.uniform(0.03, 0.2) * stage.side
    half = stage.side * size * rng.uniform(0.8, 1.2)
    draw = ImageDraw.Draw(stage.image, "RGBA")
    for dx, dy, r in ((-0.7, 0.1, 0.4), (0.0, -0.1, 0.55), (0.7, 0.1, 0.42), (0.3, 0.15, 0.4)):
        cx, cy = x + dx * half, y + dy * half
        draw.ellipse(
            [cx - r * half * 1.2, cy - r * half * 0.8, cx + r * half * 1.2, cy + r * half * 0.8], (*colour, 225)
        )


def _ground(stage: Stage) -> None:
    width, height = stage.image.size
    near = stage.grade(near=False)(GROUNDS[stage.place])
    far = mix(near, SKIES[stage.time][1], 0.22)
    draw = ImageDraw.Draw(stage.image)
    for band in range(8):
        y0 = stage.horizon + (height - stage.horizon) * band / 8
        draw.rectangle([0, y0, width, height], fill=mix(far, near, band / 7))


def _sea(stage: Stage) -> None:
    rng, (width, height) = stage.rng, stage.image.size
    draw = ImageDraw.Draw(stage.image, "RGBA")
    light = stage.grade(near=False)((214, 236, 250))
    for _ in range(26):
        depth = rng.random()
        x, y = rng.uniform(0, width), stage.horizon + (height - stage.horizon) * (0.03 + 0.95 * depth)
        reach = stage.side * (0.03 + 0.06 * depth)
        dip = reach * 0.22
        points = [(x - reach, y), (x - reach / 2, y - dip), (x, y), (x + reach / 2, y - dip), (x + reach, y)]
        draw.line(points, fill=(*light, 150), width=max(1, round(stage.side * 0.008)), joint="curve")


def _hills(stage: Stage, colour: RGB, share: float) -> None:
    rng, width = stage.rng, stage.image.width
    for step in range(3):
        x = width * (step + rng.uniform(0.1, 0.9)) / 3
        pen = stage.pen(x, stage.horizon + 0.06 * stage.side, stage.side * rng.uniform(0.3, 0.45))
        pen.oval(0.0, 0.0, 1.0, share, colour)
    _ground_strip(stage, 0.05)


def _ground_strip(stage: Stage, offset: float) -> None:
    """Covers the lower halves of what stands on the horizon."""
    width, height = stage.image.size
    fill = mix(stage.grade(near=False)(GROUNDS[stage.place]), SKIES[stage.time][1], 0.1)
    ImageDraw.Draw(stage.image).rectangle([0, stage.horizon + offset * stage.side, width, height], fill=fill)


def _meadow(stage: Stage) -> None:
    _hills(stage, (98, 166, 74), 0.38)
    rng, (width, height) = stage.rng, stage.image.size
    draw = ImageDraw.Draw(stage.image, "RGBA")
    blade = stage.grade(near=False)((66, 132, 52))
    for _ in range(34):
        x, y = rng.uniform(0, width), rng.uniform(stage.horizon + 0.08 * stage.side, height)
        h = stage.side * 0.03
        for lean in (-0.5, 0.0, 0.5):
            draw.line([(x, y), (x + lean * h, y - h)], fill=blade, width=max(1, round(stage.side * 0.006)))
    for _ in range(10):
        x, y, r = rng.uniform(0, width), rng.uniform(stage.horizon + 0.12 * stage.side, height), stage.side * 0.008
        draw.ellipse([x - r, y - r, x + r, y + r], fill=stage.grade(near=False)((250, 246, 230)))


def _desert(stage: Stage) -> None:
    _hills(stage, (222, 180, 104), 0.3)
    rng, (width, height) = stage.rng, stage.image.size
    ripple = stage.grade(near=False)((196, 152, 84))
    draw = ImageDraw.Draw(stage.image, "RGBA")
    for _ in range(9):
        x, y = rng.uniform(0, width), rng.uniform(stage.horizon + 0.1 * stage.side, height)
        reach = stage.side * rng.uniform(0.08, 0.2)
        points = [(x + reach * t, y - math.sin((t + 1) * math.pi / 2) * reach * 0.16) for t in (-1, -0.5, 0, 0.5, 1)]
        draw.line(points, fill=(*ripple, 170), width=max(1, round(stage.side * 0.009)))
    for edge in (0.08, 0.92):
        if rng.random() < 0.85:
            x = width * (edge + rng.uniform(-0.05, 0.05))
            pen = stage.pen(x, stage.horizon + 0.02 * stage.side, stage.side * rng.uniform(0.09, 0.13))
            cactus = (60, 128, 80)
            pen.line([(0.0, 0.95), (0.0, -0.85)], 0.32, cactus)
            pen.line([(0.0, 0.3), (0.5, 0.3), (0.5, -0.3)], 0.24, cactus)
            pen.line([(0.0, 0.0), (-0.5, 0.0), (-0.5, -0.5)], 0.24, cactus)


def _city(stage: Stage) -> None:
    rng, (width, height) = stage.rng, stage.image.size
    night = stage.time == "at night"
    x = -0.02 * width
    while x < width:
        w, h = stage.side * rng.uniform(0.1, 0.19), stage.side * rng.uniform(0.16, 0.46)
        wall = rng.choice(((136, 130, 140), (160, 146, 134), (112, 122, 138), (150, 122, 116)))
        pen = stage.pen(x + w / 2, stage.horizon - h / 2, w / 2)
        tall = h / w
        pen.box(-1.0, -tall, 1.0, tall, wall)
        window = (255, 222, 130) if night or rng.random() < 0.15 else (92, 104, 122)
        draw = ImageDraw.Draw(stage.image)
        step = w / 4
        rows = int(h / step) - 1
        for row in range(rows):
            for column in range(3):
                if night and rng.random() < 0.35:
                    continue
                wx, wy = x + step * (column + 0.72), stage.horizon - h + step * (row + 0.6)
                fill = window if night else stage.grade(near=False)(window)
                draw.rectangle([wx, wy, wx + step * 0.5, wy + step * 0.55], fill=fill)
        x += w * rng.uniform(1.0, 1.12)
    draw = ImageDraw.Draw(stage.image)
    road = stage.grade(near=False)((84, 86, 94))
    draw.rectangle([0, stage.horizon + 0.1 * stage.side, width, height], fill=road)
    stripe = stage.grade(near=False)((232, 228, 210))
    y, h = stage.horizon + 0.26 * stage.side, 0.012 * stage.side
    for index in range(int(width / (0.16 * stage.side)) + 1):
        sx = index * 0.16 * stage.side
        draw.rectangle([sx, y - h, sx + 0.09 * stage.side, y + h], fill=stripe)


def _pine(stage: Stage, x: float, base: float, half: float, colour: RGB) -> None:
    pen = stage.pen(x, base - half, half)
    pen.box(-0.09, 0.6, 0.09, 1.0, (104, 74, 52))
    for y, reach in ((0.75, 0.55), (0.25, 0.44), (-0.25, 0.32)):
        pen.poly([(-reach, y), (0.0, y - 0.75), (reach, y)], colour)


def _forest(stage: Stage) -> None:
    rng, width, side = stage.rng, stage.image.width, stage.side
    for row, colour in ((0, (50, 92, 66)), (1, (38, 78, 52))):
        x = -0.04 * side
        while x < width + 0.04 * side:
            _pine(stage, x, stage.horizon + 0.06 * side * (row + 0.5), side * rng.uniform(0.17, 0.26), colour)
            x += side * rng.uniform(0.1, 0.15)
    for edge in (0.03, 0.97):
        _pine(stage, width * edge, stage.horizon + 0.28 * side, side * rng.uniform(0.3, 0.36), (30, 66, 44))


def _snow(stage: Stage) -> None:
    _hills(stage, (250, 252, 255), 0.34)
    rng, (width, height), side = stage.rng, stage.image.size, stage.side
    draw = ImageDraw.Draw(stage.image, "RGBA")
    for _ in range(5):
        x, y = rng.uniform(0, width), rng.uniform(stage.horizon + 0.1 * side, height)
        reach = side * rng.uniform(0.06, 0.16)
        draw.ellipse([x - reach, y, x + reach, y + reach * 0.22], fill=(196, 212, 234, 110))
    for edge in (0.07, 0.93):
        x, base = width * (edge + rng.uniform(-0.04, 0.04)), stage.horizon + 0.1 * side
        half = side * rng.uniform(0.1, 0.15)
        _pine(stage, x, base, half, (92, 130, 122))
        pen = stage.pen(x, base - half, half)
        for y, reach in ((-0.1, 0.24), (-0.62, 0.16)):
            pen.poly([(-reach, y), (0.0, y - 0.4), (reach, y)], (250, 252, 255))
    for _ in range(22):
        x, y, r = rng.uniform(0, width), rng.uniform(0, height), side * rng.uniform(0.005, 0.01)
        draw.ellipse([x - r, y - r, x + r, y + r], fill=(255, 255, 255, 210))


def _veil(stage: Stage, strength: float) -> None:
    """Fog: densest at the horizon, in uneven bands."""
    width, height = stage.image.size
    draw = ImageDraw.Draw(stage.image, "RGBA")
    tint = FOG_TINTS[stage.time]
    bands = 24
    phase = stage.rng.uniform(0, 2 * math.pi)
    for band in range(bands):
        y = (band + 0.5) / bands
        near_horizon = math.exp(-(((y - stage.horizon / height) / 0.34) ** 2))
        dense = strength * (0.6 + 0.4 * near_horizon) * (1 + 0.18 * math.sin(band * 0.9 + phase))
        box = [0, round(height * band / bands), width, round(height * (band + 1) / bands) - 1]
        draw.rectangle(box, fill=(*tint, round(255 * min(0.9, dense))))


def _rain(stage: Stage) -> None:
    rng, (width, height), side = stage.rng, stage.image.size, stage.side
    draw = ImageDraw.Draw(stage.image, "RGBA")
    lean = rng.uniform(-0.4, 0.4)
    drop = (224, 234, 248) if stage.time == "at night" else (234, 242, 252)
    for _ in range(int(64 * width / side)):
        x, y, length = rng.uniform(0, width), rng.uniform(-0.05, 1.0) * height, side * rng.uniform(0.05, 0.09)
        draw.line([(x, y), (x + lean * length, y + length)], fill=(*drop, 165), width=max(1, round(side * 0.006)))
