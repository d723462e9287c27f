"""Dates as documents and recordings write them, to local wall-clock time without zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?(?:[.,]\d+)?[ ]?(Z|[+-]\d{2}:?\d{2})?)?", re.IGNORECASE
)
_PDF = re.compile(r"(?:D:)?(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?")
_EARLIEST_YEAR = 1905  # programs write the start of their calendar for "never": 0001, 1601, 1899, 1904
_UNIX_EPOCH = datetime(1970, 1, 1)


def iso_wall_clock(value: object) -> str | None:
    """An ISO 8601 date and time to wall-clock time.

    With an offset such as ``+02:00`` the clock of that place stays as written; ``Z`` is a machine's way to write and
    is turned into this computer's local time. None for what is not a full date.
    """
    if isinstance(value, datetime):
        value = value.isoformat()
    if not isinstance(value, str) or (match := _ISO.match(value.strip())) is None:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    moment = _moment(year, month, day, hour, minute, second)
    if moment is None:
        return None
    if hour is None:
        return moment.date().isoformat()
    if moment == _UNIX_EPOCH:
        return None  # a clock that was never set
    if zone is not None and zone.upper() == "Z":
        return local_wall_clock(moment.replace(tzinfo=UTC))
    return moment.isoformat()


def pdf_wall_clock(value: str | None) -> str | None:
    """A PDF date, ``D:20240131120000+01'00'`` (ISO 32000 7.9.4), to wall-clock time as written."""
    if not value or (match := _PDF.match(value.strip())) is None or match.group(2) is None:
        return iso_wall_clock(value)
    year, month, day, hour, minute, second = match.groups()
    moment = _moment(year, month, day or "1", hour, minute, second)
    if moment is None:
        return None
    return moment.isoformat() if hour is not None else moment.date().isoformat()


def local_wall_clock(moment: datetime) -> str | None:
    """An aware moment to this computer's local time."""
    try:
        local = moment.astimezone()
    except (OverflowError, ValueError, OSError):
        return None
    return local.replace(tzinfo=None, microsecond=0).isoformat() if local.year >= _EARLIEST_YEAR else None


def _moment(*parts: str | None) -> datetime | None:
    try:
        moment = datetime(*(int(part or 0) for part in parts))  # type: ignore[arg-type]
    except ValueError:
        return None
    return moment if moment.year >= _EARLIEST_YEAR else None
