"""EPUB books: chapters in reading order, title, author and cover."""

from __future__ import annotations

import io
import posixpath
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from core.errors import UnreadableError
from core.extract import media_types as mt
from core.extract.compose import Composer
from core.extract.dates import iso_wall_clock
from core.extract.image import Rendering, read_picture, render
from core.extract.markup import add_html
from core.extract.text_codec import declared_charset, decode
from core.extract.zipped import Archive, Element, local_name, open_archive
from core.types import Extraction, Metadata

_PAGES = frozenset(("application/xhtml+xml", "text/html", "application/x-dtbook+xml"))


class EpubExtractor:
    """E-books; a passage's label is its chapter's title, its offset counts from the book's first character."""

    name = "epub"
    version = 1
    media_types = frozenset((mt.EPUB,))

    def extract(self, path: Path, media_type: str) -> Extraction:
        composer = Composer()
        with open_archive(path) as archive:
            package_part = _package_part(archive)
            package = archive.required_xml(package_part)
            chapters = _chapters(package, posixpath.dirname(package_part))
            locked = _locked(archive)
            if chapters and all(chapter in locked for chapter in chapters):
                raise UnreadableError("protected against copying (DRM)")
            for chapter in chapters:
                if chapter not in locked:
                    _add_chapter(archive, chapter, composer)
            rendering = _cover(archive, package, posixpath.dirname(package_part))
        extraction = composer.document(media_type, _metadata(package))
        if rendering is None:
            return extraction
        return replace(extraction, thumbnail=rendering.thumbnail, preview=rendering.preview)


def _package_part(archive: Archive) -> str:
    container = archive.xml("META-INF/container.xml")
    for element in container.iter() if container is not None else ():
        if local_name(element) == "rootfile" and element.get("full-path") in archive.names:
            return str(element.get("full-path"))
    raise UnreadableError("damaged: it does not say where its book is")


def _chapters(package: Element, folder: str) -> list[str]:
    """The names of the parts in the order of the spine, each once."""
    items = {
        element.get("id"): _part(folder, element.get("href", ""))
        for element in package.iter()
        if local_name(element) == "item" and element.get("media-type") in _PAGES
    }
    ids = (element.get("idref") for element in package.iter() if local_name(element) == "itemref")
    return list(dict.fromkeys(items[one] for one in ids if one in items))


def _part(folder: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(href.split("#")[0])))


def _locked(archive: Archive) -> frozenset[str]:
    """Parts that are encrypted; books often lock their fonts alone, which is no hindrance."""
    root = archive.xml("META-INF/encryption.xml")
    references = (one for one in root.iter() if local_name(one) == "CipherReference") if root is not None else ()
    return frozenset(unquote(one.get("URI", "")) for one in references)


def _add_chapter(archive: Archive, name: str, composer: Composer) -> None:
    data = archive.read(name)
    if data is None:
        return
    chapter = Composer()
    metadata = add_html(decode(data, declared_charset(data)), chapter)
    sections = chapter.sections()
    if not sections:
        return
    section = sections[0]
    label = metadata.title
    if section.headings:
        label = section.text[section.headings[0] :].split("\n", 1)[0][:200]
    composer.begin(label=label)
    composer.add(section)


def _cover(archive: Archive, package: Element, folder: str) -> Rendering | None:
    named = {one.get("content") for one in package.iter() if local_name(one) == "meta" and one.get("name") == "cover"}
    for element in package.iter():
        if local_name(element) == "item" and (
            "cover-image" in element.get("properties", "").split() or element.get("id") in named
        ):
            data = archive.read(_part(folder, element.get("href", "")))
            try:
                return render(read_picture(io.BytesIO(data))[0]) if data else None
            except UnreadableError:
                return None  # a book without its cover is still a book
    return None


def _metadata(package: Element) -> Metadata:
    stated: dict[str, str] = {}
    for element in package.iter():
        text = " ".join((element.text or "").split())
        if text:
            stated.setdefault(local_name(element), text[:500])
    return Metadata(
        title=stated.get("title"), author=stated.get("creator"), taken_at=iso_wall_clock(stated.get("date"))
    )
