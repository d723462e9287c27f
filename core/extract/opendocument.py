"""OpenDocument texts (odt, ott)."""

from __future__ import annotations

from pathlib import Path

from core.errors import UnreadableError
from core.extract import media_types as mt
from core.extract.compose import Composer
from core.extract.dates import iso_wall_clock
from core.extract.zipped import Archive, Element, local_name, open_archive
from core.types import Extraction, Metadata

_LEFT_OUT = frozenset(("tracked-changes", "forms", "sequence-decls", "annotation", "bookmark-ref"))


class OpenDocumentExtractor:
    """Texts as LibreOffice writes them (OpenDocument 1.3, part 3)."""

    name = "opendocument"
    version = 1
    media_types = frozenset((mt.ODT,))

    def extract(self, path: Path, media_type: str) -> Extraction:
        composer = Composer()
        with open_archive(path) as archive:
            if b"encryption-data" in (archive.read("META-INF/manifest.xml") or b""):
                raise UnreadableError("needs a password")
            _blocks(archive.required_xml("content.xml"), composer)
            metadata = _metadata(archive)
        return composer.document(media_type, metadata)


def _blocks(element: Element, composer: Composer) -> None:
    for child in element:
        name = local_name(child)
        if name in _LEFT_OUT:
            continue
        if name in ("h", "p"):
            boxes: list[Element] = []
            text = _text(child, boxes)
            if name == "h":
                composer.heading(text)
            else:
                composer.paragraph(text)
            for box in boxes:
                _blocks(box, composer)
        elif name == "table-row":
            cells = (" ".join("".join(cell.itertext()).split()) for cell in child if local_name(cell) == "table-cell")
            composer.line("\t".join(cells))
        else:
            _blocks(child, composer)


def _text(element: Element, boxes: list[Element]) -> str:
    """A paragraph's text with its tails; text boxes anchored in it are collected instead, as blocks of their own."""
    parts = [element.text or ""]
    for child in element:
        name = local_name(child)
        if name == "s":
            parts.append(" " * min(_number(child.get(_count_attribute(child))) or 1, 100))
        elif name == "tab":
            parts.append("\t")
        elif name == "line-break":
            parts.append("\n")
        elif name in ("text-box", "note"):
            boxes.append(child)
        elif name and name not in _LEFT_OUT:
            parts.append(_text(child, boxes))
        parts.append(child.tail or "")
    return "".join(parts)


def _count_attribute(space: Element) -> str:
    return f"{{{space.nsmap.get(space.prefix, '')}}}c"


def _metadata(archive: Archive) -> Metadata:
    root = archive.xml("meta.xml")
    stated: dict[str, str] = {}
    pages = None
    for element in root.iter() if root is not None else ():
        name = local_name(element)
        stated.setdefault(name, " ".join((element.text or "").split()))
        if name == "document-statistic":
            pages = next((value for key, value in element.attrib.items() if key.endswith("}page-count")), None)
    return Metadata(
        title=stated.get("title") or None,
        author=stated.get("initial-creator") or stated.get("creator") or None,
        taken_at=iso_wall_clock(stated.get("creation-date")) or iso_wall_clock(stated.get("date")),
        pages=_number(pages),
    )


def _number(text: str | None) -> int | None:
    """A count of at most nine digits; None for anything else that a file may say."""
    return int(text) if text is not None and text.isdecimal() and len(text) <= 9 else None
