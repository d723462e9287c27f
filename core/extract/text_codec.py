"""Bytes in any encoding to text."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from core.extract.filetype import utf16_order

MAX_TEXT_BYTES = 20 * 1024 * 1024  # three million words; what is longer is data rather than something to read
CUT_NOTE = "cut at 20 MB of text"

_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)|<\?xml[^>]+encoding\s*=\s*["']([\w.:-]+)""", re.I)
_CHARSET_WITHIN = 4096  # bytes; HTML asks for it in the first 1024
_SAMPLE_BYTES = 64 * 1024  # enough to tell an encoding; detection over megabytes takes seconds
# Codecs of Python's that are no encodings of texts: they take time that grows with the square of their input, or turn
# what is written into something else.
_NOT_OF_TEXTS = frozenset(("idna", "mbcs", "oem", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"))
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_text(path: Path, declared: str | None = None) -> tuple[str, bool]:
    """A file's text with ``\\n`` for every line end, and whether it was cut at ``MAX_TEXT_BYTES``."""
    with path.open("rb") as file:
        data = file.read(MAX_TEXT_BYTES + 1)
    return decode(data[:MAX_TEXT_BYTES], declared), len(data) > MAX_TEXT_BYTES


def decode(data: bytes, declared: str | None = None) -> str:
    """Text by byte order mark, else the zeros of UTF-16, else UTF-8, else as declared, else the likeliest encoding.

    Never raises. UTF-8 goes before what is declared because text that is valid UTF-8 is nothing else, whatever it
    claims.
    """
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return _tidy(data[len(mark) :].decode(codec, "replace"))
    if wide := utf16_order(data[:_SAMPLE_BYTES]):  # first, because letters with zeros between them are UTF-8 too
        return _tidy(data.decode(wide, "replace"))
    try:
        # Not final: a character cut in half by the read limit is no reason to doubt the encoding.
        return _tidy(codecs.getincrementaldecoder("utf-8")("strict").decode(data))
    except UnicodeDecodeError:
        pass
    for codec_name, errors in (
        (declared, "strict"),
        (_likeliest(data), "replace"),
        (declared, "replace"),
    ):
        if codec_name is None or _plain_name(codec_name) in _NOT_OF_TEXTS:
            continue
        try:
            return _tidy(data.decode(codec_name, errors))
        except (LookupError, ValueError):  # not known, no name at all, not of text, or not the one that it claims to be
            continue
    return _tidy(data.decode("cp1252", "replace"))


def declared_charset(data: bytes) -> str | None:
    """The encoding that a page or an XML document names in its first lines."""
    match = _CHARSET.search(data[:_CHARSET_WITHIN])
    return (match.group(1) or match.group(2)).decode("ascii") if match else None


def _plain_name(codec: str) -> str:
    return re.sub("[^a-z0-9]+", "_", codec.lower()).strip("_")


def _likeliest(data: bytes) -> str | None:
    import charset_normalizer

    best = charset_normalizer.from_bytes(data[:_SAMPLE_BYTES]).best()
    return best.encoding if best is not None else None


def _tidy(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", " ")
