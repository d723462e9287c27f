"""How the look-alike channel tells a changed copy from pictures of like colours.

    python -m tests.quality.look_alike [--corpora DIR]

changes photographs of Flickr8k, and says how far each stands out from the others for its changed copy.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from core.extract.look_alike import describe, perceptual_hash
from core.search.answer import STRONG
from core.search.calibrate import LOOK_ALIKE_GATE, LOOK_ALIKE_PAIRS, against_each_other, robust_background
from core.search.hashes import NEAR_COPY_BITS
from tests.conftest import CORPORA

EVERY = 5  # one photo in so many is changed and searched with


def _recompressed(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=30)
    return Image.open(buffer)


def _cut(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    return picture.crop((width // 10, height // 10, width - width // 10, height - height // 10))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG at quality 30": _recompressed,
    "half the size": lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
    "a tenth cut off each side": _cut,
    "30% brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.3),
    "mirrored": ImageOps.mirror,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, default=CORPORA)
    folder = parser.parse_args().corpora / "flickr8k" / "images"
    pictures = [Image.open(path).convert("RGB") for path in sorted(folder.glob("*.jpg"))]
    rows = np.stack([describe(picture) for picture in pictures])
    sample = rows[::2]
    pairs = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    print(f"{len(rows)} photos; cosine of two of them: mean {pairs.mean():.3f}, deviation {pairs.std():.3f}")
    print("change                     first  passes the gate  others that pass  recognised by hash")
    for name, change in CHANGES.items():
        first, passed, others, recognised = [], [], [], []
        for at in range(0, len(pictures), EVERY):
            changed = change(pictures[at])
            cosines = rows @ describe(changed)
            background = robust_background(cosines).with_prior(LOOK_ALIKE_PAIRS)
            standardised = against_each_other(rows, sample, cosines, background, LOOK_ALIKE_PAIRS)
            strong = LOOK_ALIKE_GATE.probability(standardised) >= STRONG
            first.append(cosines.argmax() == at)
            passed.append(strong[at])
            others.append(strong.sum() - strong[at])
            differing = perceptual_hash(changed) ^ perceptual_hash(pictures[at])
            recognised.append(differing.bit_count() <= NEAR_COPY_BITS)
        print(
            f"{name:25}  {np.mean(first):5.2f}  {np.mean(passed):15.2f}  {np.mean(others):16.2f}"
            f"  {np.mean(recognised):18.2f}"
        )


if __name__ == "__main__":
    main()
