"""HTML, and XML with what is written in it (SVG drawings included: their words are what can be searched)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from core.extract import media_types as mt
from core.extract.compose import Composer
from core.extract.dates import iso_wall_clock
from core.extract.text_codec import CUT_NOTE, MAX_TEXT_BYTES, declared_charset, decode
from core.extract.zipped import local_name, parse_xml
from core.types import Extraction, Metadata

_BLOB_CHARS = 60  # base64 is written in lines of 64 or 76
_UNSPOKEN = frozenset(("style", "script", "stylesheet", "binary", "binData"))
_BLANK = re.compile(r"\s+")
_UNSEEN = frozenset(("head", "script", "style", "template", "noscript", "iframe", "object", "select", "svg", "math"))
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_LINES = frozenset(("li", "tr", "dt", "dd", "option", "caption", "figcaption", "summary", "legend"))
_BLOCKS = frozenset(
    "address article aside blockquote body center details dialog dir div dl fieldset figure footer form header hr "  # noqa: SIM905
    "html main menu nav ol p pre section table tbody tfoot thead ul".split()
)


class HtmlExtractor:
    """Web pages, without scripts, styles and what is not shown."""

    name = "html"
    version = 1
    media_types = frozenset((mt.HTML,))

    def extract(self, path: Path, media_type: str) -> Extraction:
        with path.open("rb") as file:
            data = file.read(MAX_TEXT_BYTES + 1)
        composer = Composer()
        metadata = add_html(decode(data[:MAX_TEXT_BYTES], declared_charset(data)), composer)
        return composer.document(media_type, metadata, CUT_NOTE if len(data) > MAX_TEXT_BYTES else None)


class XmlExtractor:
    """XML of any vocabulary: the text between the tags."""

    name = "xml"
    version = 1
    media_types = frozenset((mt.XML, mt.SVG))

    def extract(self, path: Path, media_type: str) -> Extraction:
        with path.open("rb") as file:
            data = file.read(MAX_TEXT_BYTES + 1)
        composer = Composer()
        title = None
        root = parse_xml(data[:MAX_TEXT_BYTES])
        if root is None:
            composer.paragraph(decode(data[:MAX_TEXT_BYTES], declared_charset(data)))
        else:
            for element in root.iter():
                name = local_name(element)
                if name and name not in _UNSPOKEN:
                    composer.line(_words(element.text))
                    if title is None and name in ("title", "book-title"):
                        title = " ".join("".join(element.itertext()).split())[:500] or None
                composer.line(_words(element.tail))
        return composer.document(media_type, Metadata(title=title), CUT_NOTE if len(data) > MAX_TEXT_BYTES else None)


def _words(text: str | None) -> str:
    """Text between tags; nothing where it is mostly one long string: pictures and programs as base64."""
    text = text or ""
    unbroken = sum(len(word) for word in text.split() if len(word) >= _BLOB_CHARS)
    return "" if unbroken > len(text) / 2 else text


def add_html(html: str, composer: Composer) -> Metadata:
    """Add a page's text to a composer; its title, author and date."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(html)
    if tree.root is not None:
        _Walk(composer).over(tree.root)
    title = tree.css_first("title")
    words = " ".join(title.text().split())[:500] if title is not None else ""
    return Metadata(
        title=words or None,
        author=_meta(tree, "author", "dc.creator", "article:author"),
        taken_at=iso_wall_clock(_meta(tree, "date", "dc.date", "article:published_time")),
    )


def _meta(tree: Any, *names: str) -> str | None:
    for node in tree.css("meta[content]"):
        name = (node.attributes.get("name") or node.attributes.get("property") or "").lower()
        if name in names:
            return " ".join((node.attributes.get("content") or "").split())[:500] or None
    return None


class _Walk:
    """Goes through a page's nodes in order, without recursion: hostile pages nest a hundred thousand deep."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._parts: list[str] = []
        self._preformatted = 0

    def over(self, root: Any) -> None:
        node, depth = root, 0
        while True:
            child = node.child if self._enter(node) else None
            if child is not None:
                node, depth = child, depth + 1
                continue
            self._leave(node)
            while node.next is None and depth > 0:
                node, depth = node.parent, depth - 1
                self._leave(node)
            if depth == 0:
                return
            node = node.next

    def _enter(self, node: Any) -> bool:
        """Whether what is inside is wanted too."""
        tag = node.tag
        if tag == "-text":
            text = node.text_content or ""
            self._parts.append(text if self._preformatted else _BLANK.sub(" ", text))
            return False
        if tag in _UNSEEN or tag.startswith(("-", "!")):
            return False
        if tag == "br":
            self._parts.append("\n")
        elif tag in ("td", "th"):
            self._parts.append(" ")
        elif tag in _BLOCKS or tag in _HEADINGS or tag in _LINES:
            self._flush("")
        self._preformatted += tag in ("pre", "textarea")
        return True

    def _leave(self, node: Any) -> None:
        tag = node.tag
        if tag in _BLOCKS or tag in _HEADINGS or tag in _LINES:
            self._flush(tag)
        self._preformatted -= tag in ("pre", "textarea")

    def _flush(self, tag: str) -> None:
        text = "".join(self._parts)
        self._parts.clear()
        if not self._preformatted:
            text = "\n".join(" ".join(line.split()) for line in text.split("\n"))  # of ``br`` alone
        if tag in _HEADINGS:
            self._composer.heading(text)
        elif tag in _LINES:
            self._composer.line(text)
        else:
            self._composer.paragraph(text)
