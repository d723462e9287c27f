"""Plain text and Markdown."""

from __future__ import annotations

import bisect
import re
from pathlib import Path

from core.extract import media_types as mt
from core.extract.passages import Section, cut
from core.extract.text_codec import CUT_NOTE, read_text
from core.types import Extraction, Kind, Metadata

# What may close a heading is taken off by hand: in the pattern, a line of blanks took time that grew with its square.
_HEADING = re.compile(r"^#{1,6}[ \t]+(\S.*)$", re.MULTILINE)
_FENCE = re.compile(r"^(```|~~~).*?(?:^\1|\Z)", re.MULTILINE | re.DOTALL)


class TextExtractor:
    """Text in any encoding, source code and tables of values included."""

    name = "text"
    version = 1
    media_types = frozenset((mt.TEXT, mt.MARKDOWN))

    def extract(self, path: Path, media_type: str) -> Extraction:
        text, was_cut = read_text(path)
        headings = _headings(text) if media_type == mt.MARKDOWN else []
        return Extraction(
            kind=Kind.DOCUMENT,
            media_type=media_type,
            metadata=Metadata(title=headings[0][1][:500] if headings else None),
            passages=cut([Section(text, offset=0, headings=tuple(at for at, _ in headings))]),
            note=CUT_NOTE if was_cut else None,
        )


def _headings(text: str) -> list[tuple[int, str]]:
    """Offsets and words of Markdown headings; a ``#`` in fenced code is a comment, not a heading."""
    fences = [match.span() for match in _FENCE.finditer(text)]
    ends = [end for _, end in fences]
    found = []
    for match in _HEADING.finditer(text):
        next_fence = bisect.bisect_right(ends, match.start())
        if next_fence == len(fences) or match.start() < fences[next_fence][0]:
            found.append((match.start(), _without_closing(match.group(1))))
    return found


def _without_closing(words: str) -> str:
    """A heading's words without the ``#`` that may stand behind them (CommonMark 4.2); "C#" keeps its own."""
    words = words.rstrip()
    bare = words.rstrip("#")
    return bare.rstrip() if bare.endswith((" ", "\t")) else words
