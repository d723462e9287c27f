"""Photos: what Pillow, pi-heif and rawpy open, to metadata, an upright preview and how the picture looks."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from core.errors import UnreadableError
from core.extract import look_alike
from core.extract import media_types as mt
from core.extract.exif import PhotoFacts, read_facts
from core.types import Extraction, Kind, Metadata

THUMBNAIL_PX = 256
PREVIEW_PX = 512
JPEG_QUALITY = 85
# What Pillow's plugins raise over damaged files; RuntimeError is what the AVIF decoder does.
_DAMAGED = (
    OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError, OverflowError, ArithmeticError, RuntimeError,
)  # fmt: skip
_FULL_SCALES = (1.0, 255.0, 4095.0, 16383.0, 65535.0)  # of floats, and of 8 to 16 bits
_UNSUPPORTED = "a form of this picture format that is not supported"

MAX_PIXELS = 256_000_000  # a 200-megapixel phone photo passes; decoded it takes 0.8 GB of the sandbox's 4
TOO_LARGE = f"too large: more than {MAX_PIXELS // 1_000_000} million pixels"
# A JPEG is decoded at no less than this many times the preview: at 12 megapixels a quarter of its sides. Measured with
# the filter below against a full decode: a mean error of 0.5 of 255, where the preview's own JPEG coding costs 4.
_DRAFT_FACTOR = 1.5
_FILTER = Image.Resampling.HAMMING  # half the time of BICUBIC; the mean error against it is 0.3 of 255
_GAP = 2.0  # a larger reduction begins with a box filter, and ends with this one from twice the size

# Not among them: EPS, which is a program that Ghostscript would run; WMF and EMF, which Windows itself would draw;
# and Pillow's stubs for formats that it names without reading (BUFR, GRIB, HDF5, MPEG).
_FORMATS = (  # noqa: SIM905 - one name a line would be a page
    "AVIF BLP BMP CUR DCX DDS DIB FITS FLI FTEX GBR GIF HEIF ICNS ICO IM IMT IPTC JPEG JPEG2000 MCIDAS MSP PCD PCX "
    "PIXAR PNG PPM PSD QOI SGI SPIDER SUN TGA TIFF WEBP XBM XPM XVTHUMB"
).split()


@dataclass(frozen=True)
class Rendering:
    """An upright picture, small and in RGB, with what is derived from its pixels."""

    preview: bytes  # JPEG that fits in 512 px
    thumbnail: bytes  # JPEG that fits in 256 px
    small: Image.Image


class ImageExtractor:
    """Photos and other pixel pictures; of an animation or a stack the first picture."""

    name = "image"
    version = 2
    media_types = frozenset(mt.PICTURES)

    def extract(self, path: Path, media_type: str) -> Extraction:
        with path.open("rb") as file:
            if media_type == mt.CAMERA_RAW:
                from core.extract import camera_raw

                small, metadata = camera_raw.read(file)
            else:
                small, metadata = read_picture(file)
        rendering = render(small)
        return Extraction(
            kind=Kind.PHOTO,
            media_type=media_type,
            metadata=metadata,
            thumbnail=rendering.thumbnail,
            preview=rendering.preview,
            look_alike=look_alike.describe(rendering.small).astype("<f4").tobytes(),
            phash=look_alike.perceptual_hash(rendering.small),
        )


def read_picture(file: BinaryIO) -> tuple[Image.Image, Metadata]:
    """A picture file to a small upright RGB picture and its metadata.

    Raises ``UnreadableError``, also for a picture that is cut off: half a picture filled up with grey would be found
    for what it does not show.
    """
    _prepare_pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=_FORMATS) as picture:
                width, height, facts, small = _decode(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableError(TOO_LARGE) from error
    except UnidentifiedImageError as error:
        raise UnreadableError("damaged, or not a picture of a known form") from error
    except EOFError as error:
        raise UnreadableError("the picture is cut off") from error
    except NotImplementedError as error:
        raise UnreadableError(_UNSUPPORTED) from error
    except RecursionError:
        raise
    except _DAMAGED as error:
        raise UnreadableError(_complaint(error)) from error
    return small, metadata_of(facts, width, height)


def _decode(picture: Image.Image) -> tuple[int, int, PhotoFacts, Image.Image]:
    """Stored width and height, facts and the small upright picture."""
    facts = read_facts(picture.getexif())
    size = picture.size
    draft(picture)
    drafted = picture.size
    picture.load()
    if picture.size != drafted:
        size = picture.size  # only decoding told it
    # Some plugins (TIFF, HEIF) turn the picture as they decode it, and then say that it lies upright.
    facts = replace(facts, orientation=read_facts(picture.getexif()).orientation)
    return *size, facts, reduce(picture, facts.orientation)


def metadata_of(facts: PhotoFacts, width: int, height: int) -> Metadata:
    """``width`` and ``height`` are those stored; the metadata's are those seen."""
    if facts.turned:
        width, height = height, width
    return Metadata(
        title=facts.title,
        author=facts.author,
        taken_at=facts.taken_at,
        width=width,
        height=height,
        camera=facts.camera,
        latitude=facts.latitude,
        longitude=facts.longitude,
    )


def render(picture: Image.Image) -> Rendering:
    """An upright RGB picture to its preview and thumbnail. Smaller pictures are not enlarged."""
    small = fit(picture, PREVIEW_PX)
    # From 512 to 256 pixels the box filter alone does: a tenth of the time, and for the eye only.
    return Rendering(preview=_jpeg(small), thumbnail=_jpeg(fit(small, THUMBNAIL_PX, gap=1.0)), small=small)


def fit(picture: Image.Image, side: int, gap: float = _GAP) -> Image.Image:
    """Scaled down so that neither side is over ``side`` pixels; itself where it is small enough.

    ``gap`` as Pillow's ``reducing_gap``.
    """
    factor = side / max(picture.size)
    if factor >= 1:
        return picture
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    # Pillow divides by zero on a strip of a few pixels, and forgets the gap where it has to premultiply by itself.
    reducing_gap = gap if min(picture.size) >= side else None
    premultiplied = {"LA": "La", "RGBA": "RGBa"}.get(picture.mode)
    if premultiplied is None:
        return picture.resize(size, _FILTER, reducing_gap=reducing_gap)
    return picture.convert(premultiplied).resize(size, _FILTER, reducing_gap=reducing_gap).convert(picture.mode)


def draft(picture: Image.Image) -> None:
    """Let a JPEG be decoded at a fraction of its size, still larger than the preview; measured as 3 times faster."""
    longest = max(picture.size)
    if longest > _DRAFT_FACTOR * PREVIEW_PX:
        scale = _DRAFT_FACTOR * PREVIEW_PX / longest
        picture.draft(None, (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))


def reduce(picture: Image.Image, orientation: int = 1) -> Image.Image:
    """A decoded picture at no more than the preview's size: RGB in the sRGB space, on white, turned upright."""
    profile = picture.info.get("icc_profile")
    small = fit(_in_eight_bits(picture), PREVIEW_PX)
    small = _in_srgb(_on_white(small), profile)
    method = _UPRIGHT.get(orientation)
    return small if method is None else small.transpose(method)


_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@cache
def _prepare_pillow() -> None:
    import pi_heif

    pi_heif.register_heif_opener(thumbnails=False)
    # Pillow refuses at twice this and warns above it; the warning is made an error where pictures are opened.
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def _in_eight_bits(picture: Image.Image) -> Image.Image:
    """A mode that scales well: palettes resolved, bits to grey, deep pixels stretched to the range they use."""
    mode = picture.mode
    if mode in ("P", "PA"):
        return picture.convert("RGBA" if mode == "PA" or "transparency" in picture.info else "RGB")
    if mode == "1":
        return picture.convert("L")
    if mode == "F":
        return _stretched(np.asarray(picture, np.float32))
    if mode == "I" or mode.startswith("I;16"):
        values = np.asarray(picture)
        extremes = (float(values.min()), float(values.max())) if values.size else None
        return _stretched(_in_blocks(values), extremes)
    if mode in ("L", "LA", "RGB", "RGBA", "CMYK"):
        if "transparency" in picture.info and mode in ("L", "RGB"):
            return picture.convert("RGBA")
        return picture
    return picture.convert("RGB")


def _in_blocks(values: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Means of blocks, so that what is left is still twice the preview: a hundred million pixels as floats are 3 GB."""
    side = max(1, max(values.shape) // (2 * PREVIEW_PX))
    height, width = (max(1, length // side) for length in values.shape)
    tall, wide = min(side, values.shape[0]), min(side, values.shape[1])
    blocks = values[: height * tall, : width * wide].reshape(height, tall, width, wide)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32), np.float32)


def _stretched(
    values: np.ndarray[Any, np.dtype[np.float32]], extremes: tuple[float, float] | None = None
) -> Image.Image:
    """Eight bits of what lies between the lowest and the highest value, or between ``extremes``."""
    finite = np.isfinite(values)
    if extremes is not None:
        low, high = extremes
    else:
        low, high = (float(values[finite].min()), float(values[finite].max())) if finite.any() else (0.0, 0.0)
    # The range that a device of so many bits writes, where the values fill a good part of it; else their own.
    for full in _FULL_SCALES:
        if low >= 0 and full / 8 <= high <= full:
            low, high = 0.0, full
            break
    if high <= low:
        return Image.new("L", (values.shape[1], values.shape[0]), 128)
    scaled = (np.where(finite, values, low) - low) * (255.0 / (high - low))
    return Image.fromarray(scaled.round().astype(np.uint8))


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode not in ("LA", "RGBA"):
        return picture
    coloured = picture.convert("RGBA")
    ground = Image.new("RGBA", coloured.size, "white")
    return Image.alpha_composite(ground, coloured).convert("RGB")


def _in_srgb(picture: Image.Image, profile: object) -> Image.Image:
    """Through the picture's colour profile where it has one that fits; CMYK and phones' wide gamut need it."""
    if isinstance(profile, bytes) and picture.mode in ("RGB", "CMYK", "L"):
        try:
            converted = ImageCms.applyTransform(picture, _to_srgb(profile, picture.mode))
        except (ImageCms.PyCMSError, OSError, ValueError):
            return picture.convert("RGB")  # a damaged profile, or one for another mode
        return converted if converted is not None else picture.convert("RGB")
    return picture.convert("RGB")


@lru_cache(maxsize=8)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    """Built once for a camera's pictures, which all carry the same profile."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return ImageCms.buildTransform(source, target, mode, "RGB")


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    # Without ``optimize``, which takes three times as long for 4% less.
    picture.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def _complaint(error: Exception) -> str:
    """Pillow's words to a person's."""
    words = str(error).lower()
    if any(word in words for word in ("truncated", "cut off", "unexpected end", "not enough", "eof", "end of file")):
        return "the picture is cut off"
    if any(word in words for word in ("unsupported", "not supported", "unknown", "unrecognized", "cannot handle")):
        return _UNSUPPORTED
    return "damaged picture"
