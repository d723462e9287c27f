"""Builds the demo library: about 200 pictures and documents of the demo world.

    python -m tests.demo.make_library [--out DIR]

Pictures show only combinations that the demo's CLIP was never trained on, and no two of them
the same thing in the same colour, so that words have one right answer. The recordings are
made by another script and left alone. The same files come out every time.
"""

from __future__ import annotations

import argparse
import datetime as dt
import math
import random
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tests.demo.canvas import STYLES
from tests.demo.texts import DOCUMENTS
from tests.demo.vocabulary import COLOURS, COUNTS, PLACES, THINGS, TIMES, WEATHERS
from tests.demo.world import Scene, combinations, draw, is_held_out
from tests.demo.writers import write

DEMO = Path(__file__).parents[2] / "resources" / "demo"
SEED = 7

SHAPES = ((512, 384), (512, 384), (384, 512), (448, 448), (540, 360))
CAMERAS = (("Lumen", "Pocket 3"), ("Lumen", "Field X"), ("Kolibri", "One"))
"""Makers that do not exist."""

EXIF_ORIENTATION, EXIF_MAKE, EXIF_MODEL, EXIF_IFD, GPS_IFD = 0x0112, 0x010F, 0x0110, 0x8769, 0x8825
EXIF_TAKEN, EXIF_TAKEN_OFFSET = 0x9003, 0x9011

FINE_GRAIN = frozenset({"crayon", "sketch", "shaded"})
"""Styles whose noise makes lossless files large."""


@dataclass(frozen=True)
class Album:
    """A folder of pictures with something in common; empty sets allow everything."""

    folder: str
    first: dt.date
    days: int
    count: int
    things: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    times: frozenset[str] = frozenset()
    where: tuple[float, float] | None = None  # latitude and longitude in degrees, for the GPS block

    def takes(self, thing: str, place: str, time: str) -> bool:
        """Whether a scene of these belongs here."""
        return all(
            not allowed or value in allowed
            for allowed, value in ((self.things, thing), (self.places, place), (self.times, time))
        )


ALBUMS: tuple[Album, ...] = (
    Album("2021/Harbour weekend", dt.date(2021, 6, 12), 3, 15,
          frozenset({"boat", "lighthouse", "fish", "bird", "bridge", "umbrella", "hat", "house", "airplane"}),
          frozenset({"on the sea"}), where=(54.18, 7.89)),
    Album("2021/Autumn forest", dt.date(2021, 10, 9), 2, 14,
          frozenset({"mushroom", "tree", "rabbit", "bird", "tent", "dog", "horse", "butterfly", "bicycle"}),
          frozenset({"in the forest"})),
    Album("2022/Desert trip", dt.date(2022, 3, 14), 7, 16,
          frozenset({"car", "tent", "horse", "mountain", "balloon", "airplane", "hat", "elephant", "train"}),
          frozenset({"in the desert"}), where=(31.1, -4.0)),
    Album("2022/City nights", dt.date(2022, 9, 2), 10, 16,
          frozenset({"car", "bicycle", "lamp", "clock", "cat", "train", "book", "guitar", "umbrella", "bridge"}),
          frozenset({"in the city"}), frozenset({"at night", "at sunset"})),
    Album("2023/Meadow picnic", dt.date(2023, 5, 20), 1, 18,
          frozenset({"cake", "cup", "apple", "banana", "kite", "ball", "butterfly", "flower", "chair", "guitar"}),
          frozenset({"in a meadow"}), frozenset({"by day", "at sunset"})),
    Album("2023/Snow holiday", dt.date(2023, 1, 7), 8, 16,
          frozenset({"house", "train", "rabbit", "dog", "mountain", "cup", "tree", "lamp", "hat", "castle"}),
          frozenset({"in the snow"}), where=(46.6, 8.0)),
    Album("2024/Birthday", dt.date(2024, 4, 27), 1, 16,
          frozenset({"balloon", "cake", "chair", "guitar", "lamp", "book", "key", "ball", "cup", "flower", "clock"})),
    Album("2024/Castle tour", dt.date(2024, 7, 20), 4, 15,
          frozenset({"castle", "bridge", "horse", "clock", "key", "elephant", "lighthouse", "house", "cat"})),
    Album("2025/Sky day", dt.date(2025, 3, 29), 2, 12,
          frozenset({"rocket", "airplane", "kite", "balloon", "butterfly", "bird"})),
    Album("2025/Camera roll", dt.date(2025, 6, 1), 60, 18),
)  # fmt: skip


EXAMPLES: dict[str, str] = {
    "two-elephants.png": "two|purple|elephant|on the sea|in clear weather|at sunset|outlined",
    "kite.jpg": "one|red|kite|in a meadow|in clear weather|by day|flat",
}
"""Pictures that are not in the library, to search by: an attribute of each kind, then the style."""


def choose_scenes(rng: random.Random) -> list[tuple[Album, Scene]]:
    """Scenes for every album, no thing and colour twice in the library."""
    pool = [combination for combination in combinations() if is_held_out(*combination)]
    rng.shuffle(pool)
    chosen: list[tuple[Album, Scene]] = []
    seen: set[tuple[str, str]] = set()
    for album in ALBUMS:
        at_most = math.ceil(album.count / len(album.things)) if album.things else 1
        shown: Counter[str] = Counter()
        for combination in pool:
            thing, colour, _, place, _, time = combination
            if shown.total() == album.count:
                break
            fresh = (thing.en, colour.en) not in seen and shown[thing.en] < at_most
            if fresh and album.takes(thing.en, place.en, time.en):
                seen.add((thing.en, colour.en))
                shown[thing.en] += 1
                chosen.append((album, Scene(*combination, rng.choice(STYLES), rng.getrandbits(32))))
        if shown.total() < album.count:
            raise ValueError(f"too few scenes for the album {album.folder}: {shown.total()} of {album.count}")
    return chosen


def write_pictures(folder: Path) -> list[tuple[str, Scene]]:
    """Draws the library's pictures under `folder`; returns their relative paths with their scenes."""
    rng = random.Random(SEED)
    written = []
    for number, (album, scene) in enumerate(choose_scenes(rng)):
        taken = dt.datetime.combine(album.first, dt.time(), dt.UTC) + dt.timedelta(days=rng.randrange(album.days))
        hour = {"by day": 12, "at sunset": 20, "at night": 22}[scene.time.en]
        taken += dt.timedelta(hours=hour, minutes=rng.randrange(60), seconds=rng.randrange(60))
        name = _file_name(scene, taken, number, rng)
        path = folder / album.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _save(scene, path, album, taken, rng)
        written.append((path.relative_to(folder).as_posix(), scene))
    return written


def _file_name(scene: Scene, taken: dt.datetime, number: int, rng: random.Random) -> str:
    """Mostly what a camera would call it, now and then what a person would."""
    suffix = rng.choices(("jpg", "webp", "png"), (0.74, 0.14, 0.12))[0]
    if suffix == "png" and scene.style in FINE_GRAIN:
        suffix = "webp"
    if number % 14 == 5:
        return f"{scene.colour.en} {scene.thing.en} {scene.time.en}.{suffix}"
    pattern = rng.randrange(4)
    if pattern == 0:
        return f"DSC{2100 + number * 7:05d}.{suffix}"
    if pattern == 1:
        return f"{taken:%Y%m%d_%H%M%S}.{suffix}"
    return f"IMG_{400 + number * 3:04d}.{suffix}"


def _save(scene: Scene, path: Path, album: Album, taken: dt.datetime, rng: random.Random) -> None:
    picture = draw(scene, rng.choice(SHAPES))
    exif = Image.Exif()
    if rng.random() < 0.7:
        exif.get_ifd(EXIF_IFD)[EXIF_TAKEN] = f"{taken:%Y:%m:%d %H:%M:%S}"
        exif[EXIF_MAKE], exif[EXIF_MODEL] = rng.choice(CAMERAS)
        if album.where and rng.random() < 0.7:
            _locate(exif, album.where)
        if path.suffix == ".jpg" and rng.random() < 0.12:
            # Held upright: stored lying on its side, as cameras do.
            picture = picture.transpose(Image.Transpose.ROTATE_90)
            exif[EXIF_ORIENTATION] = 6
    if path.suffix == ".jpg":
        picture.save(path, quality=76, optimize=True, exif=exif)
    elif path.suffix == ".webp":
        picture.save(path, quality=68, method=6, exif=exif)
    else:
        picture.quantize(96, dither=Image.Dither.NONE).save(path, optimize=True, exif=exif)


def _locate(exif: Image.Exif, where: tuple[float, float]) -> None:
    gps = exif.get_ifd(GPS_IFD)
    for reference_tag, value, letters in ((1, where[0], "NS"), (3, where[1], "EW")):
        minutes = abs(value) * 60
        gps[reference_tag] = letters[value < 0]
        gps[reference_tag + 1] = (float(minutes // 60), float(int(minutes % 60)), 0.0)


def write_examples(folder: Path) -> None:
    """Draws the pictures that the tour searches by."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, words in EXAMPLES.items():
        count, colour, thing, place, weather, time, style = words.split("|")
        scene = Scene(
            next(noun for noun in THINGS if noun.en == thing),
            *(
                next(word for word in kind if word.en == said)
                for kind, said in (
                    (COLOURS, colour), (COUNTS, count), (PLACES, place), (WEATHERS, weather), (TIMES, time)
                )
            ),
            style,
            SEED,
        )  # fmt: skip
        draw(scene, SHAPES[0]).save(folder / name)


def make(out: Path) -> list[tuple[str, Scene]]:
    """Writes pictures and documents into the library folder `out` and the examples beside it.

    Returns the pictures' paths and scenes.
    """
    for part in ("Pictures", "Notes", "Letters", "Manuals", "Recipes"):
        shutil.rmtree(out / part, ignore_errors=True)
    pictures = write_pictures(out / "Pictures")
    for document in DOCUMENTS:
        write(document, out)
    write_examples(out.parent / "examples")
    return pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DEMO / "library")
    arguments = parser.parse_args()
    for path, scene in make(arguments.out):
        words = (scene.count, scene.colour, scene.thing, scene.place, scene.weather, scene.time)
        print(f"{path}: {' '.join(word.en for word in words)}, {scene.style}")
    files = [path for path in arguments.out.rglob("*") if path.is_file()]
    print(f"{len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
