"""Writes a demo document in the format that its path names, the same bytes every time."""

from __future__ import annotations

import datetime as dt
import html
import io
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import docx
import openpyxl
import pptx

from tests.demo.texts import Document

FIXED_ZIP_TIME = (2025, 1, 1, 0, 0, 0)
LINE_CHARACTERS = 84  # of 11 pt Helvetica on an A4 page with 2.5 cm margins


def write(document: Document, folder: Path) -> Path:
    """Writes `document` under `folder` and returns where."""
    path = folder / document.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(WRITERS[path.suffix](document))
    return path


def _when(document: Document) -> dt.datetime:
    return dt.datetime.fromisoformat(document.date).replace(hour=12, tzinfo=dt.UTC)


def _md(document: Document) -> bytes:
    return "\n\n".join([f"# {document.title}", *document.paragraphs, ""]).encode()


def _txt(document: Document) -> bytes:
    return "\r\n\r\n".join([document.title.upper(), *document.paragraphs, ""]).encode()


def _html(document: Document) -> bytes:
    title = html.escape(document.title)
    body = "\n".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in document.paragraphs)
    head = f'<meta charset="utf-8">\n<title>{title}</title>\n<style>p {{ max-width: 40em }}</style>'
    page = f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n<h1>{title}</h1>\n{body}\n'
    return f"{page}</body>\n</html>\n".encode()


def _rtf(document: Document) -> bytes:
    body = "\\par\n".join(paragraph.replace("\\", "\\\\") for paragraph in document.paragraphs)
    return f"{{\\rtf1\\ansi\\deff0{{\\fonttbl{{\\f0 Times;}}}}\n{{\\b {document.title}}}\\par\n{body}\\par\n}}".encode(
        "ascii"
    )


def _eml(document: Document) -> bytes:
    message = EmailMessage()
    message["From"] = "neighbours@example.org"
    message["To"] = "friends@example.org"
    message["Subject"] = document.title
    message["Date"] = format_datetime(_when(document))
    message["Message-ID"] = f"<{Path(document.path).stem}@example.org>"
    message.set_content("\n\n".join(document.paragraphs) + "\n")
    return message.as_bytes()


def _docx(document: Document) -> bytes:
    word = docx.Document()
    word.core_properties.title = document.title
    word.core_properties.author = ""
    word.core_properties.created = word.core_properties.modified = _when(document).replace(tzinfo=None)
    word.add_heading(document.title, level=1)
    for paragraph in document.paragraphs:
        word.add_paragraph(paragraph)
    return _repacked(word.save)


def _pptx(document: Document) -> bytes:
    show = pptx.Presentation()
    show.core_properties.title = document.title
    show.core_properties.author = ""
    show.core_properties.created = show.core_properties.modified = _when(document).replace(tzinfo=None)
    for title, *paragraphs in document.pages:
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = "\n".join(paragraphs)
    return _repacked(show.save)


def _xlsx(document: Document) -> bytes:
    book = openpyxl.Workbook()
    book.properties.title = document.title
    book.remove(book.active)
    for number, rows in enumerate(document.pages, start=1):
        sheet = book.create_sheet(document.title if number == 1 else f"Sheet {number}")
        for row in rows:
            sheet.append([_cell(cell.strip()) for cell in row.split("|")])
    target = io.BytesIO()
    book.save(target)
    # The workbook stamps the moment of saving over its properties; the archive is made anew without it.
    moment = _when(document).strftime("%Y-%m-%dT%H:%M:%SZ")
    parts = _parts(target.getvalue())
    core = parts["docProps/core.xml"].decode()
    for tag in ("created", "modified"):
        start = core.index(">", core.index(f"<dcterms:{tag}")) + 1
        core = core[:start] + moment + core[core.index("<", start) :]
    parts["docProps/core.xml"] = core.encode()
    return _zipped(parts)


def _cell(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _odt(document: Document) -> bytes:
    office = "urn:oasis:names:tc:opendocument:xmlns"
    spaces = f'xmlns:office="{office}:office:1.0" xmlns:text="{office}:text:1.0"'
    body = "".join(f"<text:p>{html.escape(paragraph)}</text:p>" for paragraph in document.paragraphs)
    title = f'<text:h text:outline-level="1">{html.escape(document.title)}</text:h>'
    declaration = '<?xml version="1.0" encoding="UTF-8"?>\n'
    content = f"<office:body><office:text>{title}{body}</office:text></office:body>"
    meta_spaces = f'{spaces} xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:meta="{office}:meta:1.0"'
    dates = f"<meta:creation-date>{document.date}T12:00:00</meta:creation-date>"
    meta = f"<office:meta><dc:title>{html.escape(document.title)}</dc:title>{dates}</office:meta>"
    media = "application/vnd.oasis.opendocument.text"
    entries = "".join(
        f'<manifest:file-entry manifest:full-path="{path}" manifest:media-type="{kind}"/>'
        for path, kind in (("/", media), ("content.xml", "text/xml"), ("meta.xml", "text/xml"))
    )
    manifest = f'<manifest:manifest xmlns:manifest="{office}:manifest:1.0" manifest:version="1.2">{entries}'
    return _zipped(
        {
            "mimetype": media.encode(),
            "content.xml": (
                f'{declaration}<office:document-content {spaces} office:version="1.2">{content}'
                "</office:document-content>"
            ).encode(),
            "meta.xml": (
                f'{declaration}<office:document-meta {meta_spaces} office:version="1.2">{meta}</office:document-meta>'
            ).encode(),
            "META-INF/manifest.xml": f"{declaration}{manifest}</manifest:manifest>".encode(),
        }
    )


def _epub(document: Document) -> bytes:
    title = html.escape(document.title)
    chapters = {f"chapter{number}.xhtml": page for number, page in enumerate(document.pages, start=1)}
    items = "".join(f'<item id="c{n}" href="{name}" media-type="application/xhtml+xml"/>'
                    for n, name in enumerate(chapters))  # fmt: skip
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    links = "".join(f'<li><a href="{name}">{name}</a></li>' for name in chapters)
    metadata = (
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="id">urn:demo:{document.date}'
        f"</dc:identifier><dc:title>{title}</dc:title><dc:language>en</dc:language><dc:date>{document.date}</dc:date>"
        f'<meta property="dcterms:modified">{document.date}T12:00:00Z</meta></metadata>'
    )
    parts = {
        "mimetype": b"application/epub+zip",
        "META-INF/container.xml": (
            b'<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
            b'<rootfiles><rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles>'
            b"</container>"
        ),
        "book.opf": (
            '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">'
            f'{metadata}<manifest><item id="nav" href="nav.xhtml" properties="nav" '
            f'media-type="application/xhtml+xml"/>{items}</manifest><spine>{spine}</spine></package>'
        ).encode(),
        "nav.xhtml": _xhtml(
            title, f'<nav xmlns:epub="http://www.idpf.org/2007/ops" epub:type="toc"><ol>{links}</ol></nav>'
        ),
    }
    for name, page in chapters.items():
        parts[name] = _xhtml(title, "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in page))
    return _zipped(parts)


def _xhtml(title: str, body: str) -> bytes:
    head = f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{title}</title></head>'
    return f'<?xml version="1.0" encoding="UTF-8"?>{head}<body>{body}</body></html>'.encode()


def _pdf(document: Document) -> bytes:
    """A PDF 1.4 file with one page of Helvetica text per page of the document (ISO 32000-1, 7.5)."""
    objects: list[bytes] = [
        b"",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    kids = []
    for number, page in enumerate(document.pages, start=1):
        lines = [document.title if number == 1 else f"{document.title}, page {number}", ""]
        for paragraph in page:
            lines += [*_wrapped(paragraph), ""]
        escaped = (line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") for line in lines)
        text = "\n".join(f"({line}) Tj T*" for line in escaped)
        stream = f"BT /F1 11 Tf 15 TL 71 770 Td\n{text}\nET".encode("cp1252")
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        contents = len(objects)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % contents
        )
        kids.append(len(objects))
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (
        len(kids),
        b" ".join(b"%d 0 R" % kid for kid in kids),
    )
    date = _when(document).strftime("D:%Y%m%d%H%M%SZ")
    objects.append(f"<< /Title ({document.title}) /CreationDate ({date}) >>".encode("cp1252"))
    return _pdf_file(objects)


def _pdf_file(objects: list[bytes]) -> bytes:
    """Numbered objects (the first the catalogue, the last the info) with their cross-reference table."""
    target = io.BytesIO()
    target.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(target.tell())
        target.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    table = target.tell()
    target.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    target.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    target.write(trailer % (len(objects) + 1, len(objects), table))
    return target.getvalue()


def _wrapped(paragraph: str) -> list[str]:
    lines, line = [], ""
    for word in paragraph.split():
        if len(line) + len(word) + 1 > LINE_CHARACTERS:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]


def _repacked(save: Callable[[io.BytesIO], None]) -> bytes:
    """What `save` writes, an Office archive, with fixed times inside."""
    target = io.BytesIO()
    save(target)
    return _zipped(_parts(target.getvalue()))


def _parts(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def _zipped(parts: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in parts.items():
            # ODF and EPUB readers recognise their files by an uncompressed first entry.
            method = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name, FIXED_ZIP_TIME), content, method, 9)
    return target.getvalue()


WRITERS: dict[str, Callable[[Document], bytes]] = {
    ".md": _md,
    ".txt": _txt,
    ".html": _html,
    ".rtf": _rtf,
    ".eml": _eml,
    ".docx": _docx,
    ".pptx": _pptx,
    ".xlsx": _xlsx,
    ".odt": _odt,
    ".epub": _epub,
    ".pdf": _pdf,
}
