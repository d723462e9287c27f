"""PDF through pdfium: text page by page, the document's own title and date, a picture of the first page."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
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
_MAX_ANNOTATIONS = 2000  # of one page
_ANNOTATION_KEYS = {1: b"Contents", 3: b"Contents", 20: b"V"}  # notes, text on the page, form fields (ISO 32000 12.5.6)
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
                text = _tidy("\n\n".join((textpage.get_text_range(), *_annotations(page))))
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


def _annotations(page: Any) -> Iterator[str]:
    """What was filled into a form and what was noted on a page; pdfium's page text holds neither."""
    from pypdfium2 import raw

    for index in range(min(raw.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        key = _ANNOTATION_KEYS.get(raw.FPDFAnnot_GetSubtype(annotation))
        if key is not None:
            text = _annotation_value(annotation, key).strip()
            if text:
                yield text
        raw.FPDFPage_CloseAnnot(annotation)


def _annotation_value(annotation: Any, key: bytes) -> str:
    from pypdfium2 import raw

    size = raw.FPDFAnnot_GetStringValue(annotation, key, None, 0)  # bytes of UTF-16, its closing zero included
    buffer = ctypes.create_string_buffer(size)
    raw.FPDFAnnot_GetStringValue(annotation, key, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), size)
    return buffer.raw[: max(size - 2, 0)].decode("utf-16-le", "replace")


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
