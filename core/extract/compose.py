"""Puts a document's headings, paragraphs and lines together into sections of text that passages are cut from."""

from __future__ import annotations

import re

from core.extract.passages import Section, cut
from core.extract.text_codec import CUT_NOTE, MAX_TEXT_BYTES
from core.types import Extraction, Kind, Metadata

# Soft hyphens, zero-width spaces and marks: they split words for a search and nobody sees them.
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")


class Composer:
    """Collects text in reading order. ``begin`` starts a page, slide, sheet or chapter; none is needed.

    Stops taking text once it holds ``MAX_TEXT_BYTES`` characters: ``full`` says so.
    """

    def __init__(self) -> None:
        self._sections: list[Section] = []
        self._parts: list[str] = []
        self._headings: list[int] = []
        self._length = 0  # of the open section's text
        self._closed = 0  # characters in closed sections
        self._page: int | None = None
        self._label: str | None = None

    @property
    def full(self) -> bool:
        return self._closed + self._length >= MAX_TEXT_BYTES

    def begin(self, *, page: int | None = None, label: str | None = None) -> None:
        """Close the open section and start another."""
        self._close()
        self._page, self._label = page, label

    def heading(self, text: str) -> None:
        words = _INVISIBLE.sub("", " ".join(text.split()))
        if self._add(words, "\n\n"):
            self._headings.append(self._length - len(words))

    def paragraph(self, text: str) -> None:
        self._add(text.strip(), "\n\n")

    def line(self, text: str) -> None:
        """A row, an item, a verse: what belongs to its neighbours more than a paragraph does."""
        self._add(text.strip(), "\n")

    def add(self, section: Section) -> None:
        """Add another composer's section to the open one, headings included."""
        base = self._length + (len("\n\n") if self._parts else 0)
        if self._add(section.text, "\n\n"):
            self._headings.extend(base + at for at in section.headings if base + at < self._length)

    def sections(self) -> list[Section]:
        """All sections that hold text."""
        self._close()
        return self._sections

    def document(self, media_type: str, metadata: Metadata, note: str | None = None) -> Extraction:
        """A document of what was collected, cut into passages; ``note`` goes before the one that it was too much."""
        return Extraction(
            kind=Kind.DOCUMENT,
            media_type=media_type,
            metadata=metadata,
            passages=cut(self.sections()),
            note=note or (CUT_NOTE if self.full else None),
        )

    def _add(self, text: str, separator: str) -> bool:
        text = _INVISIBLE.sub("", text)
        if not text or self.full:
            return False
        text = text[: MAX_TEXT_BYTES - self._closed - self._length]
        if self._parts:
            self._parts.append(separator)
            self._length += len(separator)
        self._parts.append(text)
        self._length += len(text)
        return True

    def _close(self) -> None:
        if self._parts:
            offset = self._closed if self._page is None else None
            text = "".join(self._parts)
            self._sections.append(Section(text, self._page, self._label, offset, tuple(self._headings)))
            self._closed += self._length
        self._parts, self._headings, self._length = [], [], 0
        self._page = self._label = None
