"""PDF through pdfium: text page by page, the document's own title and date, a picture of the first page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from PIL import Image

from core.errors import UnreadableError
from core.extract import media_types as mt
from core.extract.dates import pdf_wall_clock
from core.extract.image import PREVIEW_PX, Rendering, render
from core.extract.passages import Section, cut
from core.extract.text_codec import CUT_NOTE, MAX_TEXT_BYTES
from core.types import Extraction, Kind, Metadata

MAX_PAGES = 5000
_BROKEN_WORD = re.compile(r"(?<=\w)(?:\u0002|\ufffe|\u00ad)\s*\n?(?=\w)")  # pdfium's mark for a hyphen at a line's end
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\ufffe\uffff]")


class PdfExtractor:
    """PDF documents; the passages know their page."""

    name = "pdf"
    version = 1
    media_types = frozenset((mt.PDF,))

    def extract(self, path: Path, media_type: str) -> Extraction:
        import pypdfium2
        from pypdfium2 import PdfiumError, raw

        with path.open("rb") as file:
            try:
                document = pypdfium2.PdfDocument(file)
            except PdfiumError as error:
                if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
                    raise UnreadableError("needs a password") from error
                raise UnreadableError("damaged, or not a PDF") from error
            try:
                return _read(document, media_type)
            finally:
                document.close()


def _read(document: Any, media_type: str) -> Extraction:
    pages = len(document)
    if pages == 0:
        raise UnreadableError("damaged: it has no pages")
    sections, unreadable, was_cut = _sections(document)
    if unreadable == min(pages, MAX_PAGES):
        raise UnreadableError("damaged: none of its pages can be read")
    facts = document.get_metadata_dict(skip_empty=True)
    rendering = _first_page(document)
    passages = cut(sections)
    return Extraction(
        kind=Kind.DOCUMENT,
        media_type=media_type,
        metadata=Metadata(
            title=_line(facts.get("Title")),
            author=_line(facts.get("Author")),
            taken_at=pdf_wall_clock(facts.get("CreationDate")) or pdf_wall_clock(facts.get("ModDate")),
            pages=pages,
        ),
        passages=passages,
        thumbnail=rendering.thumbnail if rendering else None,
        preview=rendering.preview if rendering else None,
        note=_note(pages, unreadable, was_cut, empty=not passages),
    )


def _sections(document: Any) -> tuple[list[Section], int, bool]:
    """The pages' texts, how many pages could not be read, and whether the text was cut."""
    from pypdfium2 import PdfiumError

    sections: list[Section] = []
    unreadable = 0
    left = MAX_TEXT_BYTES
    for index in range(min(len(document), MAX_PAGES)):
        try:
            page = document[index]
            try:
                textpage = page.get_textpage()
                text = _tidy(textpage.get_text_range())
                textpage.close()
            finally:
                page.close()
        except PdfiumError:
            unreadable += 1
            continue
        if len(text) > left:
            return sections, unreadable, True
        left -= len(text)
        sections.append(Section(text, page=index + 1))
    return sections, unreadable, False


def _first_page(document: Any) -> Rendering | None:
    from pypdfium2 import PdfiumError

    try:
        page = document[0]
        try:
            longest = max(page.get_size())
            if longest <= 0:
                return None
            picture: Image.Image = page.render(scale=PREVIEW_PX / longest).to_pil()
        finally:
            page.close()
    except (PdfiumError, ValueError, MemoryError):
        return None  # a page that cannot be drawn can still be read
    return render(picture.convert("RGB"))


def _note(pages: int, unreadable: int, was_cut: bool, *, empty: bool) -> str | None:
    if was_cut:
        return CUT_NOTE
    if pages > MAX_PAGES:
        return f"only its first {MAX_PAGES} of {pages} pages are read"
    if unreadable:
        return f"{unreadable} of {pages} pages are damaged"
    return "holds no text: scanned or drawn pages" if empty else None


def _tidy(text: str) -> str:
    return _CONTROLS.sub("", _BROKEN_WORD.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def _line(value: str | None) -> str | None:
    line = " ".join(_CONTROLS.sub(" ", value or "").split())
    return line[:500] or None
