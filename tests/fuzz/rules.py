"""What holds for every input, whoever wrote it. A breach of it is a finding."""

from __future__ import annotations

import atexit
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path

from core.extract.messages import Extracted, reply_decoder, reply_encoder
from core.extract.passages import MAX_WORDS, count_words
from core.extract.text_codec import MAX_TEXT_BYTES
from core.types import Extraction

INPUT_BYTES = 64 * 1024  # the largest input that is tried
MOST_SECONDS = 2.0  # of processor time, for such an input
MOST_MEMORY_BYTES = 512 * 1024**2  # that reading it may add to the process

# Characters of text by bytes of input, unpacked where the format is an archive. Passages repeat up to a quarter of
# their words, a space of OpenDocument is written in twenty bytes for up to a hundred, HTML and XML have no more.
GROWTH = 8
_GROWTH_BASE = 64 * 1024
_LONGEST_FACT = 1000  # characters of a title and the like

_UNWANTED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # what is a control or half a character


class Broken(Exception):
    """A rule that does not hold."""


@dataclass(frozen=True)
class Finding:
    """What one input brought to light. ``signature`` is the same for inputs that fail in the same place."""

    signature: str
    detail: str  # with the trace


def judge(run: Callable[[bytes], None], data: bytes, *, timed: bool = True) -> Finding | None:
    """Run a target on one input; None where every rule holds. ``timed`` leaves the rule on time out where false."""
    before = _peak_bytes()
    start = time.process_time()
    try:
        run(data)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        return Finding(_signature(error), "".join(traceback.format_exception(error)))
    seconds = time.process_time() - start
    if timed and seconds > MOST_SECONDS and len(data) <= INPUT_BYTES:
        return Finding("slow", f"took {seconds:.1f} s of processor time for {len(data)} bytes")
    grown = _peak_bytes() - before
    if grown > MOST_MEMORY_BYTES:
        return Finding("memory", f"took {grown / 1e6:.0f} MB for {len(data)} bytes")
    return None


def check_extraction(extraction: Extraction, input_bytes: int) -> None:
    """Raise ``Broken`` where what a reader made of ``input_bytes`` bytes is nothing for the index."""
    reply_decoder.decode(reply_encoder.encode(Extracted(extraction=extraction)))
    metadata = extraction.metadata
    for field in fields(metadata):
        value = getattr(metadata, field.name)
        if isinstance(value, str):
            _check_line(field.name, value, _LONGEST_FACT)
        elif isinstance(value, int) and not 0 <= value < 2**31:
            raise Broken(f"{field.name} is out of range")
    if metadata.taken_at is not None:
        check_moment(metadata.taken_at)
    if extraction.note is not None:
        _check_line("note", extraction.note, 200)
    for passage in extraction.passages:
        check_passage_text(passage.text)
        if passage.locator.label is not None:
            _check_line("label", passage.locator.label, _LONGEST_FACT)
        if passage.locator.offset is not None and passage.locator.offset < 0:
            raise Broken("offset is negative")
        if passage.locator.page is not None and passage.locator.page < 1:
            raise Broken("page is below one")
    characters = sum(len(passage.text) for passage in extraction.passages)
    if characters > min(GROWTH * input_bytes + _GROWTH_BASE, 2 * MAX_TEXT_BYTES):
        raise Broken(f"more text than was there: {characters} characters")


def check_passage_text(text: str) -> None:
    """Raise ``Broken`` where a text is no passage."""
    if not text or text != text.strip():
        raise Broken("a passage is empty or has blanks at its ends")
    if count_words(text) > MAX_WORDS:
        raise Broken("a passage is over the limit of words")
    if unwanted := _UNWANTED.search(text):
        raise Broken(f"a passage holds U+{ord(unwanted[0]):04X}")


def check_moment(value: str) -> None:
    """Raise ``Broken`` where a text is no local date, or date and time, of a calendar that people use."""
    moment = datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)
    if moment.isoformat() != value or getattr(moment, "tzinfo", None) is not None:
        raise Broken("a date is not written as dates are")


def scratch() -> Path:
    """A new folder for a target's files, until this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="findling-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _check_line(name: str, value: str, longest: int) -> None:
    if not value.strip():
        raise Broken(f"{name} is blank")
    if len(value) > longest:
        raise Broken(f"{name} is longer than {longest} characters")
    if "\n" in value or "\t" in value or _UNWANTED.search(value):
        raise Broken(f"{name} holds control characters")


def _signature(error: Exception) -> str:
    """The kind of an error and where it arose; a broken rule by its words."""
    if isinstance(error, Broken):
        return f"Broken-{re.sub('[^A-Za-z]+', '-', str(error)).strip('-')}"
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/core/" in frame.filename]
    place = (ours or frames)[-1]
    return f"{type(error).__name__}-{Path(place.filename).stem}-{place.name}".replace("<", "").replace(">", "")


def _peak_bytes() -> int:
    """The most memory that this process ever had; 0 where the platform does not say."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
