"""Camera raw files: the preview that the camera embedded, else a quick development by LibRaw."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image

from core.errors import UnreadableError
from core.extract.exif import PhotoFacts, read_facts
from core.extract.image import MAX_PIXELS, TOO_LARGE, metadata_of, read_picture, reduce
from core.types import Metadata

if TYPE_CHECKING:
    import rawpy

_MIN_PREVIEW_PX = 320  # some cameras embed only a postage stamp
_ORIENTATIONS = {0: 1, 3: 3, 5: 8, 6: 6}  # LibRaw's ``flip`` (as dcraw's) to EXIF's orientation
_UNSET_YEAR = 1990  # what LibRaw gives where the file states no time lies before cameras did


def read(file: BinaryIO) -> tuple[Image.Image, Metadata]:
    """A raw file to a small upright RGB picture and its metadata. Raises ``UnreadableError``."""
    import rawpy

    try:
        with rawpy.imread(file) as raw:
            width, height = raw.sizes.width, raw.sizes.height  # developing at half size changes them
            if width * height > MAX_PIXELS:
                raise UnreadableError(TOO_LARGE)
            orientation = _ORIENTATIONS.get(raw.sizes.flip, 1)
            small = _preview(raw, orientation)
            if small is None:
                # ``user_flip=0``: turning is done here, once, for both ways.
                pixels = raw.postprocess(half_size=True, use_camera_wb=True, user_flip=0)
                small = reduce(Image.fromarray(pixels), orientation)
            facts = _facts(file, raw, orientation)
            return small, metadata_of(facts, width, height)
    except rawpy.LibRawError as error:
        raise UnreadableError("damaged, or from a camera that is not known") from error


def _preview(raw: rawpy.RawPy, orientation: int) -> Image.Image | None:
    """The embedded preview, None where there is none that is large enough."""
    import rawpy

    try:
        thumbnail = raw.extract_thumb()
    except rawpy.LibRawError:
        return None
    if thumbnail.format != rawpy.ThumbFormat.JPEG or not isinstance(thumbnail.data, bytes):
        return None
    try:
        with Image.open(io.BytesIO(thumbnail.data), formats=["JPEG"]) as embedded:
            if max(embedded.size) < _MIN_PREVIEW_PX:
                return None
            own_orientation = read_facts(embedded.getexif()).orientation
        small, _ = read_picture(io.BytesIO(thumbnail.data))
    except (OSError, UnreadableError, Image.DecompressionBombError):
        return None
    # A preview that says how it lies was turned by that; most say nothing and lie as the sensor does.
    return small if own_orientation != 1 else reduce(small, orientation)


def _facts(file: BinaryIO, raw: rawpy.RawPy, orientation: int) -> PhotoFacts:
    """From the file's own EXIF where it is a TIFF inside, else what LibRaw found."""
    file.seek(0)
    exif = Image.Exif()
    try:
        exif.load_from_fp(file)
        facts = read_facts(exif)
    except (OSError, SyntaxError, ValueError, KeyError, TypeError):
        facts = PhotoFacts()
    shot = raw.other
    taken_at = facts.taken_at
    if taken_at is None and shot.timestamp is not None and shot.timestamp.year > _UNSET_YEAR:
        taken_at = shot.timestamp.replace(tzinfo=None, microsecond=0).isoformat()
    return replace(facts, orientation=orientation, taken_at=taken_at, author=facts.author or shot.artist or None)
