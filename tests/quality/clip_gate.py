"""The gate for pictures on real CLIP vectors.

    python -m tests.quality.clip_gate [--corpora DIR]

takes the vectors of 101 photos and 690 phrases that OpenAI's ViT-B/32 made, and says how often the gate opens for a
phrase that a photo shows, and for one that none shows. 101 other phrases stand in for the everyday queries, since the
model itself is not there to encode those.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.search.answer import STRONG
from core.search.background import EVERYDAY_QUERIES
from core.search.calibrate import Floats, against_rows, photo_probability, robust_background
from core.types import Matrix
from tests.conftest import CORPORA

# What the photos show, judged by eye; photos by their position in the file.
SHOWN: dict[str, tuple[int, ...]] = {
    "dog": (51, 52, 62, 73, 84, 95, 97, 98, 99, 100),
    "pug-dog": (51, 95),
    "cat": (53, 54, 55, 56, 57, 58, 59, 60, 61, 63),
    "car_(automobile)": (86, 87, 88),
    "banana": (22, 23),
    "pizza": (39, 40),
    "avocado": (21,),
    "elephant": (30,),
    "boat": (89, 90, 91, 92),
    "cruise_ship": (91,),
    "cargo_ship": (89,),
    "bus_(vehicle)": (31,),
    "seabird": (0,),
    "sheep": (1,),
    "necktie": (72, 74),
    "windmill": (41,),
}
# What none of them shows.
ABSENT = tuple(
    """
    pool_table piano typewriter toilet zebra penguin spider scissors guitar parachute gorilla goldfish kayak wheelchair
    snowmobile tractor bathtub sewing_machine helicopter pistol syringe telephone toolbox walrus shark
    space_shuttle sunflower waffle sushi snake pumpkin printer pillow ladder hammer giraffe frog flamingo bagpipe
    umbrella turtle washbasin television_set trampoline toaster_oven stove sofa spoon refrigerator pencil pineapple
    parking_meter
    """.split()  # noqa: SIM905 - a list of words reads better as words
)


@dataclass(frozen=True)
class Vectors:
    """Unit rows: photos (101, 512), phrases (690, 512), and each phrase's row."""

    photos: Matrix
    phrases: Matrix
    row: dict[str, int]


@dataclass(frozen=True)
class Rates:
    """Shares, means over several draws of the library and of the everyday queries."""

    answered: float  # of the phrases that a photo shows: one of those photos passes
    matches_shown: float  # of the pairs of phrase and matching photo: it passes
    others: float  # photos that pass beside, for each such phrase; most are close kin (a boat for "cruise ship")
    strangers_answered: float  # of the phrases that no photo shows: some photo passes


def read_vectors(folder: Path) -> Vectors:
    with np.load(folder / "vit_b32_openai_dev.npz") as file:
        photos, phrases = (file[name].astype(np.float32) for name in ("image_vec", "text_vec"))
        row = {str(text).removeprefix("a "): at for at, text in enumerate(file["text"])}
    return Vectors(
        photos / np.linalg.norm(photos, axis=1, keepdims=True),
        phrases / np.linalg.norm(phrases, axis=1, keepdims=True),
        row,
    )


def report(vectors: Vectors, pictures: int, draws: int = 20) -> Rates:
    """Rates for libraries of ``pictures`` photos."""
    return Rates(*np.mean([_rates_of_one(vectors, pictures, seed) for seed in range(draws)], axis=0))


def _rates_of_one(vectors: Vectors, pictures: int, seed: int) -> tuple[float, float, float, float]:
    random = np.random.default_rng(seed)
    used = {vectors.row[phrase] for phrase in (*SHOWN, *_known(vectors, ABSENT))}
    free = [row for row in range(len(vectors.phrases)) if row not in used]
    bank = vectors.phrases[random.choice(free, len(EVERYDAY_QUERIES), replace=False)]
    kept = np.sort(random.choice(len(vectors.photos), pictures, replace=False))

    def probabilities(phrase: str) -> Floats:
        cosines = vectors.photos[kept] @ vectors.phrases[vectors.row[phrase]]
        background = robust_background(cosines)
        outstanding = against_rows(vectors.photos[kept], bank, cosines)
        return photo_probability(outstanding, background.standardise(cosines))

    asked = answered = pairs = passed = others = 0
    for phrase, shown in SHOWN.items():
        matching = np.isin(kept, shown)
        if matching.any():
            strong = probabilities(phrase) >= STRONG
            asked, answered = asked + 1, answered + bool(strong[matching].any())
            pairs, passed = pairs + int(matching.sum()), passed + int(strong[matching].sum())
            others += int(strong[~matching].sum())
    absent = _known(vectors, ABSENT)
    strangers = sum(bool((probabilities(phrase) >= STRONG).any()) for phrase in absent)
    return answered / asked, passed / pairs, others / asked, strangers / len(absent)


def _known(vectors: Vectors, phrases: tuple[str, ...]) -> list[str]:
    return [phrase for phrase in phrases if phrase in vectors.row]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, default=CORPORA)
    vectors = read_vectors(parser.parse_args().corpora / "clip_vectors")
    print("photos  phrases answered  matches shown  others a phrase  absent phrases answered")
    for pictures in (101, 50, 20, 10):
        rates = report(vectors, pictures)
        print(
            f"{pictures:6}  {rates.answered:16.3f}  {rates.matches_shown:13.3f}  {rates.others:15.2f}"
            f"  {rates.strangers_answered:23.3f}"
        )


if __name__ == "__main__":
    main()
