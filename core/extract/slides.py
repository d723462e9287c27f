"""PowerPoint presentations (pptx, pptm, shows, templates), slide by slide with its notes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from core.extract import media_types as mt
from core.extract.compose import Composer
from core.extract.office import main_part, properties, relation_id, relationships
from core.extract.zipped import Archive, Element, local_name, open_archive
from core.types import Extraction

_TITLES = frozenset(("title", "ctrTitle"))
_FURNITURE = frozenset(("sldNum", "dt", "ftr", "hdr"))  # placeholders that repeat on every slide
_LABEL_CHARS = 200
_SLIDE = frozenset(("sp", "tr"))
_DIAGRAM = frozenset(("sp", "tr", "pt"))
_PARAGRAPH = frozenset(("p",))


class SlidesExtractor:
    """Presentations; a passage's page is its slide, its label the slide's title."""

    name = "slides"
    version = 1
    media_types = frozenset((mt.PPTX,))

    def extract(self, path: Path, media_type: str) -> Extraction:
        composer = Composer()
        with open_archive(path) as archive:
            slides = _slides(archive)
            seen: set[str] = set()
            for number, part in enumerate(slides, 1):
                _read_slide(archive, part, number, composer, seen)
            metadata = properties(archive, pages=len(slides))
        return composer.document(media_type, metadata)


def _slides(archive: Archive) -> list[str]:
    """The names of the slides' parts in the order in which they are shown, each once."""
    main = main_part(archive, "ppt/presentation.xml")
    related = relationships(archive, main)
    ids = (relation_id(element) for element in archive.required_xml(main).iter() if local_name(element) == "sldId")
    return list(dict.fromkeys(related[one].target for one in ids if one in related))


def _read_slide(archive: Archive, part: str, number: int, composer: Composer, seen: set[str]) -> None:
    """Add one slide with its notes and diagrams; ``seen`` are those of earlier slides, which are not added again."""
    root = archive.xml(part)
    if root is None:
        return  # a damaged slide is no reason to lose the others
    title = next((text for shape, text in _shapes(root) if _placeholder(shape) in _TITLES and text), None)
    composer.begin(page=number, label=" ".join(title.replace("\u00ad", "").split())[:_LABEL_CHARS] if title else None)
    if title:
        composer.heading(title)
    for shape, text in _shapes(root):
        if _placeholder(shape) not in _TITLES | _FURNITURE:
            composer.paragraph(text)
    for relationship in relationships(archive, part).values():
        if relationship.type in ("notesSlide", "diagramData") and relationship.target not in seen:
            seen.add(relationship.target)
            extra = archive.xml(relationship.target)
            for shape, text in _shapes(extra) if extra is not None else ():
                if _placeholder(shape) not in _FURNITURE | {"sldImg"}:
                    composer.paragraph(text)


def _shapes(root: Element) -> Iterator[tuple[Element, str]]:
    """Shapes, table rows and diagram points with their text, in document order."""
    for element in _outermost(root, _DIAGRAM if local_name(root) == "dataModel" else _SLIDE):
        if local_name(element) == "tr":
            cells = (" ".join(_paragraphs(cell)) for cell in element if local_name(cell) == "tc")
            yield element, "\t".join(cells)
        else:
            yield element, "\n".join(_paragraphs(element))


def _paragraphs(element: Element) -> Iterator[str]:
    for paragraph in _outermost(element, _PARAGRAPH):
        text = "".join(
            "\n" if local_name(run) == "br" else run.text or ""
            for run in paragraph.iter()
            if local_name(run) in ("t", "br")
        ).strip()
        if text:
            yield text


def _outermost(root: Element, names: frozenset[str]) -> Iterator[Element]:
    """Elements with one of the names, in document order, but none that is inside another: no text is met twice."""
    walk = etree.iterwalk(root, events=("start",))
    for _, element in walk:
        if local_name(element) in names:
            walk.skip_subtree()
            yield element


def _placeholder(shape: Element) -> str | None:
    """The role that a shape has in the slide's layout; None where it has none."""
    placeholder = next((one for one in shape.iter() if local_name(one) == "ph"), None)
    return None if placeholder is None else placeholder.get("type", "body")
