"""A sandbox child's answers, checked: it has read hostile files, and may be one's puppet by now."""

from __future__ import annotations

import math
from datetime import date, datetime

import msgspec

from core.errors import ChildError
from core.extract.messages import AudioDecoded, Extracted, Reply, reply_decoder
from core.extract.worker import encodable
from core.types import Extraction, Locator

_MOST = 2**31  # pixels, pages, characters: what is beyond was never read from a file
_LONGEST_PASSAGE = 1 << 20  # characters; of 200 words the longest has a few thousand, and blanks between them


def unpack_reply(data: bytes) -> Reply:
    """Raises ``ChildError`` for what is no reply, or holds what no reader of ours gives: a child may be taken over."""
    try:
        reply = reply_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChildError(f"an answer could not be read: {type(error).__name__}") from error
    sound = math.isfinite(reply.duration_s) if isinstance(reply, AudioDecoded) else True
    if isinstance(reply, Extracted):
        sound = _is_sound(reply.extraction)
    if not sound:
        raise ChildError("an answer holds what no file has")
    if isinstance(reply, Extracted):
        return msgspec.structs.replace(reply, extraction=encodable(reply.extraction))
    return reply


def _is_sound(extraction: Extraction) -> bool:
    """Whether the numbers are in their ranges, so that storing and showing them cannot fail."""
    metadata = extraction.metadata
    look_alike = extraction.look_alike
    counts = (metadata.width, metadata.height, metadata.pages)
    measures = ((metadata.duration_s, 0.0, math.inf), (metadata.latitude, -90, 90), (metadata.longitude, -180, 180))
    return (
        all(count is None or 0 <= count < _MOST for count in counts)
        and all(value is None or (math.isfinite(value) and low <= value <= high) for value, low, high in measures)
        and (extraction.phash is None or 0 <= extraction.phash < 2**64)
        and (look_alike is None or (look_alike != b"" and len(look_alike) % 4 == 0))
        and _is_moment(metadata.taken_at)
        and all(len(one.text) <= _LONGEST_PASSAGE and _is_place(one.locator) for one in extraction.passages)
    )


def _is_place(locator: Locator) -> bool:
    spans = (locator.start_s, locator.end_s)
    return (
        (locator.page is None or 0 < locator.page < _MOST)
        and (locator.offset is None or 0 <= locator.offset < _MOST)
        and all(at is None or (math.isfinite(at) and at >= 0) for at in spans)
    )


def _is_moment(value: str | None) -> bool:
    try:
        return value is None or bool(datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value))
    except ValueError:
        return False
