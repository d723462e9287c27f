"""JPEG previews to the pixels that a photo model reads, without torch, equal to open_clip's own preprocessing."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from core.errors import UnreadableError
from core.models.failures import one_line
from core.models.specs import PictureSpec

Pixels = NDArray[np.float32]

FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
RESIZE_MODES = ("shortest", "squash")


def pixels_of(jpegs: Sequence[bytes], spec: PictureSpec) -> Pixels:
    """Upright JPEG previews to float32 of shape (n, 3, size, size).

    Raises ``UnreadableError`` when one of them is no picture.
    """
    batch = np.empty((len(jpegs), 3, spec.size, spec.size), np.float32)
    # (level / 255 - mean) / std as one product and one sum, on planes as the model reads them.
    std = np.asarray(spec.std, np.float64).reshape(3, 1, 1)
    scale = (1 / (255 * std)).astype(np.float32)
    offset = (np.asarray(spec.mean, np.float64).reshape(3, 1, 1) / std).astype(np.float32)
    for place, jpeg in enumerate(jpegs):
        levels = np.asarray(_fit(decode(jpeg, place + 1), spec)).transpose(2, 0, 1)
        np.multiply(levels, scale, out=batch[place])
        batch[place] -= offset
    return batch


def decode(jpeg: bytes, place: int) -> Image.Image:
    """The RGB picture; ``place`` in its batch is named when it is none. Raises ``UnreadableError``."""
    try:
        with Image.open(io.BytesIO(jpeg)) as picture:
            return picture.convert("RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise UnreadableError(f"preview {place} of the batch cannot be decoded: {one_line(error)}") from error


def _fit(picture: Image.Image, spec: PictureSpec) -> Image.Image:
    """As torchvision's ``Resize`` and ``CenterCrop`` round."""
    size = spec.size
    resample = FILTERS[spec.interpolation]
    if spec.resize_mode == "squash":
        return picture if picture.size == (size, size) else picture.resize((size, size), resample)
    width, height = picture.size
    if min(width, height) != size:
        wide = (int(size * width / height), size) if width > height else (size, int(size * height / width))
        picture = picture.resize(wide, resample)
    left, top = round((picture.width - size) / 2), round((picture.height - size) / 2)
    return picture.crop((left, top, left + size, top + size))
