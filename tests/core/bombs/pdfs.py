"""PDF documents that draw, nest, count or unpack to more than is read of any."""

from __future__ import annotations

import zlib
from pathlib import Path

from tests.core.bombs import GIGABYTE, Maker, deflated, write
from tests.core.pdf_maker import pdf_file


def pdf_bytes(*objects: bytes) -> bytes:
    """A file of these objects; the first is the catalogue."""
    return pdf_file(objects, b"/Root 1 0 R")


CATALOGUE = b"<< /Type /Catalog /Pages 2 0 R >>"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
WORDS = b"BT /F1 14 Tf 40 40 Td (red boat) Tj ET"


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


def page(box: bytes = b"[0 0 600 800]", contents: int = 4, resources: bytes = b"/Font << /F1 5 0 R >>") -> bytes:
    return b"<< /Type /Page /Parent 2 0 R /MediaBox %s /Contents %d 0 R /Resources << %s >> >>" % (
        box, contents, resources,
    )  # fmt: skip


def one_page(box: bytes = b"[0 0 600 800]", contents: bytes = stream(WORDS)) -> bytes:
    return pdf_bytes(CATALOGUE, b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>", page(box), contents, FONT)


def pdf_with_count(folder: Path) -> Path:
    pages = b"<< /Type /Pages /Count 2000000000 /Kids [3 0 R] >>"
    return write(folder / "count.pdf", pdf_bytes(CATALOGUE, pages, page(), stream(WORDS), FONT))


def pdf_of_pages(count: int) -> bytes:
    kids = b" ".join(b"%d 0 R" % number for number in range(6, 6 + count))
    pages = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (count, kids)
    return pdf_bytes(CATALOGUE, pages, b"null", stream(WORDS), FONT, *[page()] * count)


def pdf_loop(folder: Path) -> Path:
    """Pages that are their own children."""
    pages = b"<< /Type /Pages /Count 3 /Kids [2 0 R 3 0 R 2 0 R] >>"
    return write(folder / "loop.pdf", pdf_bytes(CATALOGUE, pages, page(), stream(WORDS), FONT))


def pdf_nested(folder: Path) -> Path:
    deep = b"[" * 200_000 + b"]" * 200_000
    pages = b"<< /Type /Pages /Count 1 /Kids [3 0 R] /Deep %s >>" % deep
    return write(folder / "nested.pdf", pdf_bytes(CATALOGUE, pages, page(), stream(WORDS), FONT))


def pdf_nested_dictionaries(folder: Path) -> Path:
    deep = b"<</A " * 200_000 + b"1" + b">>" * 200_000
    pages = b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>"
    objects = (CATALOGUE, pages, page(), stream(WORDS), FONT, deep)
    return write(folder / "dictionaries.pdf", pdf_bytes(*objects))


def pdf_deep_tree(folder: Path) -> Path:
    """20,000 levels of pages of pages."""
    levels = 20_000
    first = 7
    middle = [b"<< /Type /Pages /Count 1 /Kids [%d 0 R] >>" % (first + level + 1) for level in range(levels - 1)]
    objects = (
        CATALOGUE,
        b"<< /Type /Pages /Count 1 /Kids [%d 0 R] >>" % first,
        page(),
        stream(WORDS),
        FONT,
        b"null",
        *middle,
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
    )
    return write(folder / "tree.pdf", pdf_bytes(*objects))


def pdf_deflated(folder: Path) -> Path:
    """A page's contents of 128 MB of blanks, packed twice."""
    packed = zlib.compress(deflated(b" ", GIGABYTE // 8), 9)
    contents = stream(packed, b"/Filter [/FlateDecode /FlateDecode]")
    return write(folder / "deflated.pdf", one_page(contents=contents))


def pdf_image(folder: Path) -> Path:
    picture = stream(
        deflated(b"\0", GIGABYTE // 4),
        b"/Type /XObject /Subtype /Image /Width 90000 /Height 90000 /BitsPerComponent 8 /ColorSpace /DeviceRGB "
        b"/Filter /FlateDecode",
    )
    contents = stream(b"q 600 0 0 800 0 0 cm /I Do Q " + WORDS)
    own = page(resources=b"/Font << /F1 5 0 R >> /XObject << /I 6 0 R >>")
    pages = b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>"
    return write(folder / "image.pdf", pdf_bytes(CATALOGUE, pages, own, contents, FONT, picture))


def pdf_of_forms(folder: Path) -> Path:
    """Ten levels of forms, each of which draws the one below ten times."""
    levels, first = 10, 6
    forms = []
    for level in range(levels):
        last = level == levels - 1
        draw = WORDS if last else b"/X Do " * 10
        inside = b"/Font << /F1 5 0 R >>" if last else b"/XObject << /X %d 0 R >>" % (first + level + 1)
        entries = b"/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources << %s >>" % inside
        forms.append(stream(draw, entries))
    own = page(resources=b"/XObject << /X %d 0 R >>" % first)
    pages = b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>"
    return write(folder / "forms.pdf", pdf_bytes(CATALOGUE, pages, own, stream(b"/X Do"), FONT, *forms))


def _boxed(name: str, box: bytes) -> Maker:
    def make(folder: Path) -> Path:
        return write(folder / f"{name}.pdf", one_page(box))

    make.__name__ = name
    return make


PDFS: tuple[Maker, ...] = (
    _boxed("huge_page", b"[0 0 1000000000 1000000000]"),
    _boxed("strip", b"[0 0 100000000 1]"),
    _boxed("needle", b"[0 0 0.001 100000000]"),
    _boxed("negative", b"[5000000000 9999999999 -5000000000 -1]"),
    _boxed("no_number", b"[0 0 1e400 nan]"),
    pdf_with_count, pdf_loop, pdf_nested, pdf_nested_dictionaries, pdf_deep_tree, pdf_deflated, pdf_image,
)  # fmt: skip
