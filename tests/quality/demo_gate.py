"""The gate for pictures on the demo's CLIP, a model very unlike the ones that the gate was set on.

    python -m tests.quality.demo_gate [--bundle DIR] [--scenes N]

draws held-out scenes of the demo's world, and asks for them by their captions, by the bare names of things, and for
what that world does not have.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image

from core.resources import resource
from core.search.answer import STRONG
from core.search.background import EVERYDAY_QUERIES
from core.search.calibrate import Floats, against_rows, photo_probability, robust_background
from core.types import Matrix, Vector
from tests.demo.captions import caption_en, caption_zh
from tests.demo.evaluate_clip import DRAWN_SIZE, held_out_scenes
from tests.demo.vocabulary import THINGS
from tests.demo.world import draw

ABSENT = (
    "submarine", "tax invoice", "xyzzy plugh", "birthday party", "insurance policy", "wedding", "a computer keyboard",
    "pizza", "skiing", "the eiffel tower", "a man with a beard", "football match", "screenshot", "passport", "penguin",
    "swimming pool", "hospital", "zebra", "a snake", "toothbrush", "motorcycle race", "quantum cryptography lecture",
)  # fmt: skip
_BATCH = 20


class Bundle:
    """A CLIP bundle through open_clip's own loading."""

    def __init__(self, folder: Path) -> None:
        self._model, _, self._preprocess = open_clip.create_model_and_transforms(
            f"local-dir:{folder}", require_pretrained=True
        )
        self._tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
        self._model.eval()

    @torch.inference_mode()
    def pictures(self, pictures: list[Image.Image]) -> Matrix:
        batches = [pictures[at : at + _BATCH] for at in range(0, len(pictures), _BATCH)]
        rows = [
            self._model.encode_image(torch.stack([self._preprocess(p) for p in b]), normalize=True) for b in batches
        ]
        return torch.cat(rows).numpy()

    @torch.inference_mode()
    def texts(self, texts: list[str]) -> Matrix:
        return self._model.encode_text(self._tokenizer(texts), normalize=True).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=resource("demo", "models", "demo-clip"))
    parser.add_argument("--scenes", type=int, default=200)
    arguments = parser.parse_args()
    bundle = Bundle(arguments.bundle)
    scenes, words = held_out_scenes(arguments.scenes), random.Random(1)
    pictures = bundle.pictures([draw(scene, DRAWN_SIZE) for scene in scenes])
    bank = bundle.texts(list(EVERYDAY_QUERIES))

    def passes(query: Vector) -> Floats:
        cosines = pictures @ query
        standardised = robust_background(cosines).standardise(cosines)
        return photo_probability(against_rows(pictures, bank, cosines), standardised) >= STRONG

    print(f"{len(scenes)} pictures; cosine to an everyday query: mean {(pictures @ bank.T).mean():.3f}")
    for language, caption in (("English", caption_en), ("Chinese", caption_zh)):
        rows = bundle.texts([caption(scene, words, full=True).text for scene in scenes])
        own = [passes(row)[at] for at, row in enumerate(rows)]
        print(f"captions, {language}: their own picture passes {np.mean(own):.3f}")
    for language, names in (("English", [thing.en for thing in THINGS]), ("Chinese", [thing.zh for thing in THINGS])):
        strong = np.stack([passes(row) for row in bundle.texts(names)])
        shown = np.array([[scene.thing is thing for scene in scenes] for thing in THINGS])
        print(
            f"bare names, {language}: pictures of it that pass {strong[shown].mean():.3f}, "
            f"of something else {strong[~shown].mean():.4f}"
        )
    answered = [text for text, row in zip(ABSENT, bundle.texts(list(ABSENT)), strict=True) if passes(row).any()]
    print(f"absent things answered: {len(answered)} of {len(ABSENT)} {answered}")


if __name__ == "__main__":
    main()
