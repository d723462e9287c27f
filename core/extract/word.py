"""Word documents (docx, docm, templates): paragraphs, tables, text boxes, content controls and notes."""

from __future__ import annotations

import re
from pathlib import Path

from core.extract import media_types as mt
from core.extract.compose import Composer
from core.extract.office import main_part, properties, relationships
from core.extract.zipped import Archive, Element, local_name, open_archive
from core.types import Extraction

# Deleted and moved-away text, and the second form of a drawing for old programs, which repeats the first.
_LEFT_OUT = frozenset(("del", "moveFrom", "Fallback", "instrText", "delText"))
_HEADING = re.compile(r"(?:heading \d|title|subtitle)$", re.IGNORECASE)


class WordExtractor:
    """Word documents; the passages know their offset, for pages exist only once Word has laid them out."""

    name = "word"
    version = 1
    media_types = frozenset((mt.DOCX,))

    def extract(self, path: Path, media_type: str) -> Extraction:
        composer = Composer()
        with open_archive(path) as archive:
            part = main_part(archive, "word/document.xml")
            related = relationships(archive, part)
            headings = _heading_styles(archive, next((r.target for r in related.values() if r.type == "styles"), None))
            _blocks(archive.required_xml(part), composer, headings)
            for target in dict.fromkeys(r.target for r in related.values() if r.type in ("footnotes", "endnotes")):
                notes = archive.xml(target)
                if notes is not None:
                    _blocks(notes, composer, headings)
            metadata = properties(archive)
        return composer.document(media_type, metadata)


def _heading_styles(archive: Archive, part: str | None) -> frozenset[str]:
    """Ids of heading styles. Their names are the English ones in every language of Word."""
    root = archive.xml(part) if part else None
    found = set()
    for style in root if root is not None else ():
        for child in style:
            if local_name(child) == "name" and _HEADING.match(_value(child)):
                found.add(_attribute(style, "styleId") or "")
    return frozenset(found)


def _blocks(element: Element, composer: Composer, headings: frozenset[str]) -> None:
    """Paragraphs and tables below an element, in order."""
    for child in element:
        name = local_name(child)
        if name in _LEFT_OUT:
            continue
        if name == "p":
            boxes: list[Element] = []
            text = _text(child, boxes)
            if _style(child) in headings:
                composer.heading(text)
            else:
                composer.paragraph(text)
            for box in boxes:
                _blocks(box, composer, headings)
        elif name == "tr":
            cells = (" ".join(_cell(cell).split()) for cell in child if local_name(cell) in ("tc", "sdt"))
            composer.line("\t".join(cells))
        else:
            _blocks(child, composer, headings)


def _cell(cell: Element) -> str:
    """A table cell's text, tables inside it included."""
    composer = Composer()
    _blocks(cell, composer, frozenset())
    return " ".join(section.text for section in composer.sections())


def _text(element: Element, boxes: list[Element]) -> str:
    """The text of one paragraph. Text boxes anchored in it are collected instead: they are blocks of their own."""
    parts: list[str] = []
    for child in element:
        name = local_name(child)
        if name == "t":
            parts.append(child.text or "")
        elif name in ("tab", "ptab"):
            parts.append("\t")
        elif name in ("br", "cr"):
            parts.append("\n")
        elif name == "noBreakHyphen":
            parts.append("-")
        elif name == "txbxContent":
            boxes.append(child)
        elif name not in _LEFT_OUT and name != "pPr":
            parts.append(_text(child, boxes))
    return "".join(parts)


def _style(paragraph: Element) -> str | None:
    for child in paragraph:
        if local_name(child) == "pPr":
            return next((_value(one) for one in child if local_name(one) == "pStyle"), None)
    return None


def _value(element: Element) -> str:
    return _attribute(element, "val") or ""


def _attribute(element: Element, name: str) -> str | None:
    """A ``w:`` attribute, in whichever of the two namespaces the file is written."""
    return next((str(value) for key, value in element.attrib.items() if key.rsplit("}", 1)[-1] == name), None)
