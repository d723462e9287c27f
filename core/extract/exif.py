"""What a photo says about itself: EXIF to our metadata."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PIL import ExifTags, Image

_DATE = re.compile(r"(\d{4})[:\-/.](\d{2})[:\-/.](\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2}))?)?")
_TURNED = frozenset((5, 6, 7, 8))  # EXIF orientations that swap width and height


@dataclass(frozen=True)
class PhotoFacts:
    """EXIF fields that we keep; ``orientation`` is 1..8."""

    orientation: int = 1
    taken_at: str | None = None
    camera: str | None = None
    title: str | None = None
    author: str | None = None
    latitude: float | None = None
    longitude: float | None = None

    @property
    def turned(self) -> bool:
        return self.orientation in _TURNED


def read_facts(exif: Image.Exif) -> PhotoFacts:
    """Facts from EXIF. Fields that are damaged are left out: cameras and editors write much that is wrong."""
    base: Mapping[int, Any] = exif
    detail = _directory(exif, ExifTags.IFD.Exif)
    place = _directory(exif, ExifTags.IFD.GPSInfo)
    orientation = base.get(ExifTags.Base.Orientation)
    latitude = _degrees(place, ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, 90.0)
    longitude = _degrees(place, ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, 180.0)
    if latitude is None or longitude is None or (latitude == 0.0 and longitude == 0.0):
        latitude = longitude = None  # half a place is none, and 0, 0 is what devices write before they know
    return PhotoFacts(
        orientation=orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
        taken_at=(
            wall_clock(detail.get(ExifTags.Base.DateTimeOriginal))
            or wall_clock(detail.get(ExifTags.Base.DateTimeDigitized))
            or wall_clock(base.get(ExifTags.Base.DateTimeOriginal))
            or wall_clock(base.get(ExifTags.Base.DateTime))
        ),
        camera=camera_name(_words(base.get(ExifTags.Base.Make)), _words(base.get(ExifTags.Base.Model))),
        title=_words(base.get(ExifTags.Base.XPTitle)) or _words(base.get(ExifTags.Base.ImageDescription)),
        author=_words(base.get(ExifTags.Base.Artist)) or _words(base.get(ExifTags.Base.XPAuthor)),
        latitude=latitude,
        longitude=longitude,
    )


def wall_clock(value: object) -> str | None:
    """A date as EXIF writes it to ISO 8601 without zone; None for blanks, zeros and impossible days."""
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if not isinstance(value, str) or (match := _DATE.search(value)) is None:
        return None
    try:
        moment = datetime(*(int(part or 0) for part in match.groups()))  # type: ignore[arg-type]
    except ValueError:
        return None
    return moment.isoformat() if match.group(4) else moment.date().isoformat()


def camera_name(make: str | None, model: str | None) -> str | None:
    """Maker and model as one name, without the maker said twice ("Canon", "Canon EOS 5D")."""
    if not make or not model:
        return model or make
    first = make.split()[0]
    return model if model.lower().startswith(first.lower()) else f"{make} {model}"


def _directory(exif: Image.Exif, which: ExifTags.IFD) -> Mapping[int, Any]:
    try:
        return exif.get_ifd(which)
    except (OSError, ValueError, KeyError, TypeError, SyntaxError, EOFError):  # a damaged directory
        return {}


def _words(value: object) -> str | None:
    """A text field: XP fields are UTF-16, others are ASCII in name and anything in practice."""
    if isinstance(value, tuple) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in value):
        value = bytes(value)
    if isinstance(value, bytes):
        codec = "utf-16-le" if value[1:2] == b"\0" or value.endswith(b"\0\0") else "utf-8"
        value = value.decode(codec, "replace")
    if not isinstance(value, str):
        return None
    text = " ".join(value.split("\0")[0].split())
    return text[:500] or None


def _degrees(place: Mapping[int, Any], field: int, reference: int, limit: float) -> float | None:
    try:
        whole, minutes, seconds = (float(part) for part in place[field])
        side = place[reference]
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    degrees = whole + minutes / 60 + seconds / 3600
    if not math.isfinite(degrees) or not 0 <= degrees <= limit:
        return None
    if isinstance(side, bytes):
        side = side.decode("ascii", "replace")
    return round(-degrees if str(side).strip().upper()[:1] in ("S", "W") else degrees, 7)
