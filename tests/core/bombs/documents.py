"""Documents that unpack, refer or nest without end."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import docx
import openpyxl
import pptx

from tests.core.bombs import deflated, write

CONTENT_TYPES = (
    b"""<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"""
)
_CONTAINER = b'<container><rootfiles><rootfile full-path="a.opf"/></rootfiles></container>'
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def word_xml(body: str, before: str = "") -> bytes:
    return f'<?xml version="1.0"?>{before}<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>'.encode()


def paragraph(words: str) -> str:
    return f"<w:p><w:r><w:t>{words}</w:t></w:r></w:p>"


def archive(path: Path, parts: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in parts.items():
            out.writestr(name, data)
    return path


def docx_bomb(folder: Path) -> Path:
    """Its text unpacks to 250 MB."""
    path = folder / "bomb.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("[Content_Types].xml", CONTENT_TYPES)
        with out.open("word/document.xml", "w", force_zip64=True) as part:
            part.write(word_xml("")[:-30])
            for _ in range(250):
                part.write(b" " * (1 << 20))
    return path


def docx_that_lies(folder: Path) -> Path:
    """As ``docx_bomb``, and every header says that it unpacks to a hundred bytes."""
    path = docx_bomb(folder)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as packed:
        entry = packed.getinfo("word/document.xml")
    at = data.index(b"PK\1\2", data.index(b"PK\1\2") + 4)
    struct.pack_into("<II", data, at + 20, entry.compress_size, 100)
    return write(folder / "lies.docx", bytes(data))


def docx_of_many_parts(folder: Path) -> Path:
    path = folder / "parts.docx"
    with zipfile.ZipFile(path, "w") as out:
        for number in range(50_001):
            out.writestr(f"word/{number}", b"")
    return path


def zip_of_countless_parts(folder: Path) -> Path:
    """A directory of 100 MB: two million names, all for the same part."""
    name = b"word/document.xml"
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0) + name
    entry = struct.pack(
        "<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0
    ) + name  # fmt: skip
    directory = entry * 2_000_000
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(directory), len(local), 0)
    return write(folder / "countless.docx", local + directory + end)


def docx_that_overlaps(folder: Path) -> Path:
    """A thousand parts that are all the same 60 MB, which is packed once."""
    body = deflated(b" ", 60 << 20)[2:-4]  # raw deflate
    names = [b"[Content_Types].xml", b"word/document.xml", *(b"word/header%d.xml" % n for n in range(1, 1000))]
    crc = zlib.crc32(b" " * (60 << 20))
    out = bytearray()
    first = names[1]
    out += (
        struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 33, crc, len(body), 60 << 20, len(first), 0) + first + body
    )
    start = len(out)
    for name in names:
        out += struct.pack(
            "<4sHHHHHHIIIHHHHHII",
            b"PK\1\2", 20, 20, 0, 8, 0, 33, crc, len(body), 60 << 20, len(name), 0, 0, 0, 0, 0, 0,
        ) + name  # fmt: skip
    out += struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, len(names), len(names), len(out) - start, start, 0)
    return write(folder / "overlaps.docx", bytes(out))


def docx_in_docx(folder: Path) -> Path:
    """Forty-two levels of archives in archives, with words on the outside."""
    inner = docx_bomb(folder).read_bytes()
    for _ in range(42):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("word/embeddings/inner.docx", inner)
            packed.writestr("word/document.xml", word_xml(paragraph("red boat")))
        inner = out.getvalue()
    return write(folder / "nested.docx", inner)


def epub_of_chapters(folder: Path) -> Path:
    """Forty chapters of 30 MB of blanks each."""
    items = "".join(f'<item id="c{n}" href="{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(40))
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(40))
    package = f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>"
    parts = {"mimetype": b"application/epub+zip", "META-INF/container.xml": _CONTAINER, "a.opf": package.encode()}
    chapter = b"<html><body><p>red boat</p>" + b" " * (30 << 20) + b"</body></html>"
    return archive(folder / "chapters.epub", parts | {f"{n}.xhtml": chapter for n in range(40)})


# Entities and references. Every format is written by a program of its kind; then each of its parts of XML gets the same
# declaration, and the mark in its text the reference.

_LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
LAUGHING = (f'<!DOCTYPE r [<!ENTITY a0 "laugh">{_LAUGHS}]>', "&a11;")
"""Declaration and reference of ten to the eleventh laughs."""

_MARK = "MARKED"


def referring(secret: Path) -> tuple[str, str]:
    """Declaration and reference of another file, as an entity and as the document's own grammar."""
    return f'<!DOCTYPE r SYSTEM "{secret.as_uri()}" [<!ENTITY x SYSTEM "{secret.as_uri()}">]>', "&x;"


def xml_forms(folder: Path, declaration: str, reference: str) -> list[Path]:
    """The same declaration and reference in every format of XML that is read; each says "red boat" before it."""
    words = f"red boat {_MARK}"
    document, slides, book = docx.Document(), pptx.Presentation(), openpyxl.Workbook()
    document.add_paragraph(words)
    document.save(str(folder / "a.docx"))
    slide = slides.slides.add_slide(slides.slide_layouts[5])
    slide.shapes.title.text = words
    slides.save(str(folder / "a.pptx"))
    book.active["A1"] = words
    book.save(folder / "a.xlsx")
    office = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
    text = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
    archive(
        folder / "a.odt",
        {
            "mimetype": b"application/vnd.oasis.opendocument.text",
            "content.xml": (
                f'<o:document-content xmlns:o="{office}" xmlns:t="{text}"><o:body><o:text><t:p>{words}</t:p></o:text>'
                "</o:body></o:document-content>"
            ).encode(),
        },
    )
    archive(
        folder / "a.epub",
        {
            "mimetype": b"application/epub+zip",
            "META-INF/container.xml": _CONTAINER,
            "a.opf": b'<package><manifest><item id="c" href="c.xhtml" media-type="application/xhtml+xml"/></manifest>'
            b'<spine><itemref idref="c"/></spine></package>',
            "c.xhtml": f"<html><body><p>{words}</p></body></html>".encode(),
        },
    )
    paths = [
        _declared(folder / f"a.{form}", declaration, reference) for form in ("docx", "pptx", "xlsx", "odt", "epub")
    ]
    for name, form in (("xml", "<r>{}</r>"), ("svg", "<svg><text>{}</text></svg>"), ("fb2", "<f><p>{}</p></f>")):
        words = f'<?xml version="1.0"?>{declaration}{form.format(f"red boat {reference}")}'
        paths.append(write(folder / f"a.{name}", words.encode()))
    return paths


def _declared(path: Path, declaration: str, reference: str) -> Path:
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    for name, data in parts.items():
        if name.endswith((".xml", ".opf", ".xhtml")) and _MARK.encode() in data:
            prolog, _, rest = data.partition(b"?>") if data.startswith(b"<?xml") else (b"", b"", data)
            prolog = prolog + b"?>" if prolog else b""
            parts[name] = prolog + declaration.encode() + rest.replace(_MARK.encode(), reference.encode())
    return archive(path, parts)


def nested(folder: Path) -> list[Path]:
    """Every format that nests, twenty thousand deep or more."""
    deep = 20_000
    parts = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(1000))
    return [
        write(folder / "deep.json", b"[" * deep + b"]" * deep),
        write(folder / "deep.xml", b"<a>" * deep + b"red boat" + b"</a>" * deep),
        write(folder / "deep.svg", b"<svg>" + b"<g>" * deep + b"red boat" + b"</g>" * deep + b"</svg>"),
        write(folder / "deep.html", b"<html><body>" + b"<div>" * deep + b"red boat" + b"</div>" * deep),
        write(folder / "deep.rtf", b"{\\rtf1 " + b"{" * deep + b"red boat" + b"}" * deep + b"}"),
        write(folder / "deep.eml", f"Subject: red boat\n{parts}Content-Type: text/plain\n\nred boat\n".encode()),
        write(folder / "deep.md", b"> " * deep + b"red boat"),
        archive(
            folder / "deep.docx",
            {"word/document.xml": word_xml("<w:tbl><w:tr><w:tc>" * 30_000 + paragraph("red boat"))},
        ),
    ]
