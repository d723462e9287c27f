"""Reading documents: every format gives its words, where they stand, and what it says about itself."""

from __future__ import annotations

import zipfile
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pptx
import pypdfium2
import pytest
from pptx.util import Inches
from pypdfium2 import raw

from core.errors import SkippedError, UnreadableError
from core.extract import zipped
from core.extract.dates import iso_wall_clock, pdf_wall_clock
from core.extract.registry import EXTRACTORS, read
from core.extract.text_codec import CUT_NOTE, decode
from core.extract.version import extractor_version
from core.types import Extraction, Kind
from tests.core.pdf_maker import make_pdf


def text_of(extraction: Extraction) -> str:
    assert extraction.kind is Kind.DOCUMENT
    return "\n\n".join(passage.text for passage in extraction.passages)


def write_zip(path: Path, parts: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


# --- plain text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Grüße aus Köln, schöne Boote", "utf-8"),
        ("Grüße aus Köln, schöne Boote", "utf-8-sig"),
        ("Grüße aus Köln, schöne Boote", "utf-16"),
        ("Grüße aus Köln, schöne Boote", "utf-16-le"),
        ("Grüße aus Köln, schöne Boote", "utf-16-be"),
        ("Grüße aus Köln, schöne Boote", "utf-32"),
        ("Grüße aus Köln, die schönen Boote lagen im Hafen und schliefen. " * 4, "cp1252"),
        ("Красные лодки стоят в гавани, и никто не плывёт домой. " * 4, "cp1251"),
        ("Красные лодки стоят в гавани, и никто не плывёт домой. " * 4, "koi8-r"),
        ("港には赤い船が二艘あります。今日は海がとても静かです。" * 4, "shift_jis"),
        ("港口里有两只红色的小船。今天的海面非常平静。" * 4, "gb18030"),
    ],
)
def test_text_in_any_encoding(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode(encoding))
    assert text_of(read(path)).replace("\n\n", "") == text.strip()


def test_offsets_count_from_the_start_of_the_text(tmp_path: Path) -> None:
    text = "".join(f"Paragraph {n}.\r\n{'The boat is red. ' * 20}\r\n\r\n" for n in range(30))
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode())
    seen = text.replace("\r\n", "\n")
    passages = read(path).passages
    assert len(passages) > 5
    for passage in passages:
        at = passage.locator.offset
        assert at is not None
        assert seen[at : at + len(passage.text)] == passage.text


def test_text_is_cut_at_the_limit_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.extract.text_codec.MAX_TEXT_BYTES", 1001)
    path = tmp_path / "a.txt"
    path.write_text("ää " * 1000)  # the limit falls into a character
    extraction = read(path)
    assert extraction.note == "cut at 20 MB of text"
    assert set(text_of(extraction)) == set("ä ")


def test_markdown_knows_its_headings(tmp_path: Path) -> None:
    body = "Words about it are here. " * 15
    path = tmp_path / "a.md"
    path.write_text(f"# Harbour\n\n{body}\n\n```\n# no heading\n```\n\n## Mountains\n\n{body}")
    extraction = read(path)
    assert extraction.metadata.title == "Harbour"
    assert [p.text.splitlines()[0] for p in extraction.passages] == ["# Harbour", "## Mountains"]


def test_bytes_that_are_not_utf_8_after_its_mark() -> None:
    assert decode(b"\xef\xbb\xbfab\xffc") == "ab\ufffdc"
    assert decode("Grüße".encode("latin-1"), "no-such-encoding")
    assert decode(b"") == ""


# --- PDF --------------------------------------------------------------------------------------------------------


def test_pdf_by_page(tmp_path: Path) -> None:
    path = make_pdf(
        tmp_path / "a.pdf",
        ["A red boat in the harbour.", "", "The mountain is covered with snow."],
        title="Voyages",
        author="Ann",
        created="D:20240131120000+01'00'",
    )
    extraction = read(path)
    assert [(p.locator.page, p.text) for p in extraction.passages] == [
        (1, "A red boat in the harbour."),
        (3, "The mountain is covered with snow."),
    ]
    assert all(p.locator.offset is None for p in extraction.passages)
    assert extraction.metadata.title == "Voyages"
    assert extraction.metadata.author == "Ann"
    assert extraction.metadata.taken_at == "2024-01-31T12:00:00"
    assert extraction.metadata.pages == 3
    assert extraction.note is None
    assert extraction.thumbnail is not None
    assert extraction.preview is not None


def test_a_pdf_without_text_says_so(tmp_path: Path) -> None:
    extraction = read(make_pdf(tmp_path / "a.pdf", [""]))
    assert extraction.passages == ()
    assert extraction.note == "holds no text: scanned or drawn pages"


def test_a_locked_pdf(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", ["secret"], locked=True)
    with pytest.raises(UnreadableError, match="needs a password"):
        read(path)


def test_a_damaged_pdf(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\nnothing of use")
    with pytest.raises(UnreadableError, match="damaged, or not a PDF"):
        read(tmp_path / "a.pdf")


def test_what_was_filled_into_a_pdf_is_read(tmp_path: Path) -> None:
    document = pypdfium2.PdfDocument(make_pdf(tmp_path / "plain.pdf", ["Form"]))
    page = document[0]
    note = raw.FPDFPage_CreateAnnot(page, raw.FPDF_ANNOT_TEXT)
    words = ("ask the harbour master" + "\0").encode("utf-16-le")
    buffer = (raw.FPDF_WCHAR * (len(words) // 2)).from_buffer_copy(words)
    raw.FPDFAnnot_SetStringValue(note, b"Contents", buffer)
    raw.FPDFPage_CloseAnnot(note)
    document.save(tmp_path / "a.pdf")
    assert "ask the harbour master" in text_of(read(tmp_path / "a.pdf"))


# --- office -----------------------------------------------------------------------------------------------------


def word_file(path: Path) -> Path:
    document = docx.Document()
    document.core_properties.title = "Voyages"
    document.core_properties.author = "Ann"
    document.core_properties.created = datetime(2024, 1, 31, 12, 0)
    document.add_heading("Harbour", 1)
    document.add_paragraph("A red boat. " * 25)
    document.add_heading("Mountains", 2)
    document.add_paragraph("White snow. " * 25)
    table = document.add_table(2, 2)
    for row, words in zip(table.rows, [("boats", "12"), ("snow", "3")], strict=True):
        for cell, word in zip(row.cells, words, strict=True):
            cell.text = word
    document.save(str(path))
    return path


def test_word(tmp_path: Path) -> None:
    extraction = read(word_file(tmp_path / "a.docx"))
    assert extraction.metadata.title == "Voyages"
    assert extraction.metadata.author == "Ann"
    assert (extraction.metadata.taken_at or "").startswith("2024-01-31")
    assert [p.text.split("\n")[0] for p in extraction.passages] == ["Harbour", "Mountains"]
    assert "boats\t12\nsnow\t3" in extraction.passages[1].text
    assert extraction.passages[1].locator.offset == len(extraction.passages[0].text) + 2


def test_word_by_content_whatever_its_name(tmp_path: Path) -> None:
    path = word_file(tmp_path / "a.docx").rename(tmp_path / "letter.jpg")
    assert read(path).kind is Kind.DOCUMENT


def test_word_text_that_hides_elsewhere(tmp_path: Path) -> None:
    """Text boxes once, content controls, notes; nothing that was deleted."""
    w = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    mc = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    box = "<w:txbxContent><w:p><w:r><w:t>in a box</w:t></w:r></w:p></w:txbxContent>"
    document = f"""<w:document xmlns:w="{w}" xmlns:mc="{mc}"><w:body>
      <w:p><w:r><w:t>before </w:t><mc:AlternateContent><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>
        </mc:AlternateContent><w:t>after</w:t></w:r>
        <w:del><w:r><w:delText>deleted</w:delText></w:r></w:del></w:p>
      <w:sdt><w:sdtContent><w:p><w:r><w:t>in a control</w:t></w:r></w:p></w:sdtContent></w:sdt>
      </w:body></w:document>"""
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    path = write_zip(
        tmp_path / "a.docm",
        {
            "word/document.xml": document,
            "word/footnotes.xml": f'<w:footnotes xmlns:w="{w}"><w:footnote><w:p><w:r><w:t>a note</w:t></w:r></w:p>'
            "</w:footnote></w:footnotes>",
            "word/_rels/document.xml.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" '
            f'Type="{relations}/footnotes" Target="footnotes.xml"/></Relationships>',
        },
    )
    assert text_of(read(path)) == "before after\n\nin a box\n\nin a control\n\na note"


def test_slides(tmp_path: Path) -> None:
    show = pptx.Presentation()
    for title, words in (("Harbour", "A red boat"), ("Mountains", "White snow")):
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = words
    table = slide.shapes.add_table(1, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "peaks", "7"
    slide.notes_slide.notes_text_frame.text = "mention the glacier"
    show.core_properties.title = "Voyages"
    path = tmp_path / "a.pptx"
    show.save(str(path))
    extraction = read(path)
    assert [(p.locator.page, p.locator.label) for p in extraction.passages] == [(1, "Harbour"), (2, "Mountains")]
    assert extraction.passages[0].text == "Harbour\n\nA red boat"
    assert "peaks\t7" in extraction.passages[1].text
    assert "mention the glacier" in extraction.passages[1].text
    assert extraction.metadata.title == "Voyages"
    assert extraction.metadata.pages == 2


def test_sheets(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title = "Boats"
    first.append(["name", "length", "built"])
    first.append(["Marie", 0.1 + 0.2, datetime(1999, 5, 6)])
    first.append([None, None, None])
    first.append(["Ida", 12, True])
    book.create_sheet("Empty")
    book.create_sheet("Crew").append(["Ann"])
    path = tmp_path / "a.xlsx"
    book.save(path)
    extraction = read(path)
    assert [(p.locator.page, p.locator.label, p.text) for p in extraction.passages] == [
        (1, "Boats", "name\tlength\tbuilt\nMarie\t0.3\t1999-05-06\nIda\t12\tTrue"),
        (3, "Crew", "Ann"),
    ]
    assert extraction.metadata.pages == 3


def test_sheets_have_a_limit_on_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.extract.sheets.MAX_CELLS", 10)
    book = openpyxl.Workbook()
    for number in range(50):
        book.worksheets[0].append([number, number])
    book.save(tmp_path / "a.xlsx")
    extraction = read(tmp_path / "a.xlsx")
    assert extraction.note == "only its first 10 cells are read"
    assert "40" not in text_of(extraction)


def odt_file(path: Path, content: str, manifest: str = "<manifest/>") -> Path:
    office = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    text = 'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    meta = (
        f'<office:document-meta {office} xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0"><office:meta><dc:title>Voyages</dc:title>'
        "<meta:initial-creator>Ann</meta:initial-creator><meta:creation-date>2024-01-31T12:00:00.5</meta:creation-date>"
        '<meta:document-statistic meta:page-count="4"/></office:meta></office:document-meta>'
    )
    return write_zip(
        path,
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": f"<office:document-content {office} {text}><office:body><office:text>{content}"
            "</office:text></office:body></office:document-content>",
            "meta.xml": meta,
            "META-INF/manifest.xml": manifest,
        },
    )


def test_opendocument(tmp_path: Path) -> None:
    content = (
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes><text:h>Harbour</text:h>"
        '<text:p>A<text:s text:c="2"/>red <text:span>boat</text:span>,<text:line-break/>asleep.</text:p>'
    )
    extraction = read(odt_file(tmp_path / "a.odt", content))
    assert text_of(extraction) == "Harbour\n\nA  red boat,\nasleep."
    assert extraction.metadata.title == "Voyages"
    assert extraction.metadata.author == "Ann"
    assert extraction.metadata.taken_at == "2024-01-31T12:00:00"
    assert extraction.metadata.pages == 4


def test_a_locked_opendocument(tmp_path: Path) -> None:
    path = odt_file(tmp_path / "a.odt", "", manifest="<manifest><encryption-data/></manifest>")
    with pytest.raises(UnreadableError, match="needs a password"):
        read(path)


@pytest.mark.parametrize("extension", ["docx", "pptx", "xlsx", "odt", "epub"])
def test_a_cut_archive_is_damaged(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a.{extension}"
    path.write_bytes(b"PK\x03\x04" + b"\x14\0\0\0\x08\0" + bytes(300))
    with pytest.raises(UnreadableError, match="damaged"):
        read(path)


def test_an_archive_bomb_is_refused(tmp_path: Path) -> None:
    head = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
    path = write_zip(tmp_path / "a.docx", {"word/document.xml": head + b" " * (zipped.MAX_PART_BYTES + 1)})
    assert path.stat().st_size < 1_000_000
    with pytest.raises(UnreadableError, match="unpacks to too much"):
        read(path)


def test_xml_entities_have_no_effect(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("do not read me")
    declaration = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}"><!ENTITY y "bomb">]>'
    (tmp_path / "a.xml").write_text(f'<?xml version="1.0"?>{declaration}<a><b>seen</b><c>&x;{"&y;" * 50}</c></a>')
    assert text_of(read(tmp_path / "a.xml")) == "seen"


# --- books, pages, mail, rich text ------------------------------------------------------------------------------


def epub_file(path: Path, extra: dict[str, str | bytes] | None = None) -> Path:
    chapter = "<html><head><title>x</title></head><body><h1>{}</h1><p>{}</p></body></html>"
    return write_zip(
        path,
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles>'
            "</container>",
            "OPS/book.opf": '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>Voyages</dc:title>'
            "<dc:creator>Ann</dc:creator><dc:date>2020-02-03</dc:date></metadata><manifest>"
            '<item id="b" href="second%20one.xhtml" media-type="application/xhtml+xml"/>'
            '<item id="a" href="text/first.xhtml" media-type="application/xhtml+xml"/>'
            '</manifest><spine><itemref idref="a"/><itemref idref="b"/></spine></package>',
            "OPS/text/first.xhtml": chapter.format("Harbour", "A red boat."),
            "OPS/second one.xhtml": chapter.format("Mountains", "White snow."),
            **(extra or {}),
        },
    )


def test_a_book_in_its_order(tmp_path: Path) -> None:
    extraction = read(epub_file(tmp_path / "a.epub"))
    assert [(p.locator.label, p.locator.offset, p.text) for p in extraction.passages] == [
        ("Harbour", 0, "Harbour\n\nA red boat."),
        ("Mountains", 20, "Mountains\n\nWhite snow."),
    ]
    assert extraction.metadata.title == "Voyages"
    assert extraction.metadata.author == "Ann"
    assert extraction.metadata.taken_at == "2020-02-03"


def test_a_protected_book(tmp_path: Path) -> None:
    locked = "".join(f'<CipherReference URI="OPS/{name}"/>' for name in ("text/first.xhtml", "second%20one.xhtml"))
    path = epub_file(tmp_path / "a.epub", {"META-INF/encryption.xml": f"<encryption>{locked}</encryption>"})
    with pytest.raises(UnreadableError, match="DRM"):
        read(path)


def test_a_web_page(tmp_path: Path) -> None:
    page = """<!DOCTYPE html><html><head><title>The  Harbour</title><meta name="author" content="Ann">
      <style>p { color: red }</style></head><body><script>var hidden = 1;</script><h1>Boats</h1>
      <p>A <b>red</b>
      boat.<br>It sleeps.</p><ul><li>one</li><li>two</li></ul><table><tr><td>a</td><td>1</td></tr></table>
      <pre>kept
  as is</pre><template>unseen</template>after</body></html>"""
    (tmp_path / "a.html").write_text(page)
    extraction = read(tmp_path / "a.html")
    assert text_of(extraction) == "Boats\n\nA red boat.\nIt sleeps.\none\ntwo\na 1\n\nkept\n  as is\n\nafter"
    assert extraction.metadata.title == "The Harbour"
    assert extraction.metadata.author == "Ann"


@pytest.mark.parametrize("declared", ["windows-1251", "utf-8"])
def test_a_web_page_in_an_old_encoding(tmp_path: Path, declared: str) -> None:
    words = "Красные лодки стоят в гавани, и никто не плывёт домой. " * 4
    page = f'<html><head><meta charset="{declared}"></head><body>{words}</body></html>'
    (tmp_path / "a.html").write_bytes(page.encode("cp1251"))
    assert "Красные лодки" in text_of(read(tmp_path / "a.html"))


def test_a_page_nested_without_end(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<html><body>" + "<div>" * 50_000 + "deep down")
    assert "deep down" in text_of(read(tmp_path / "a.html"))


def test_an_svg_is_a_document_of_its_words(tmp_path: Path) -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><title>Map</title><style>.a{}</style><text>red boat</text></svg>'
    (tmp_path / "a.svg").write_text(svg)
    extraction = read(tmp_path / "a.svg")
    assert text_of(extraction) == "Map\nred boat"
    assert extraction.metadata.title == "Map"


def test_base64_in_xml_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(f'<?xml version="1.0"?><a><t>words</t><x>{("QUJD" * 19 + chr(10)) * 50}</x></a>')
    assert text_of(read(tmp_path / "a.xml")) == "words"


def mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "Rote Boote in Köln"
    message["From"] = "Ann Müller <ann@example.org>"
    message["To"] = "bob@example.org"
    message["Date"] = "Wed, 31 Jan 2024 12:00:00 +0900"
    message["Message-ID"] = "<1@example.org>"
    for name, value in headers.items():
        message[name] = value
    return message


def test_mail(tmp_path: Path) -> None:
    message = mail()
    message.set_content("Die Boote sind rot.\n")
    message.add_alternative("<p>Die Boote sind <b>rot</b>.</p>", subtype="html")
    message.add_attachment(b"PK", maintype="application", subtype="zip", filename="Hafenplan.zip")
    (tmp_path / "a.eml").write_bytes(bytes(message))
    extraction = read(tmp_path / "a.eml")
    text = text_of(extraction)
    assert text.startswith("Rote Boote in Köln\n\nFrom: Ann Müller <ann@example.org>\nTo: bob@example.org")
    assert text.count("Die Boote sind rot.") == 1
    assert text.endswith("Hafenplan.zip")
    assert extraction.metadata.title == "Rote Boote in Köln"
    assert extraction.metadata.taken_at == "2024-01-31T12:00:00", "the sender's clock"


def test_mail_that_is_too_long_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.extract.compose.MAX_TEXT_BYTES", 20)
    (tmp_path / "a.eml").write_bytes(bytes(mail()))
    assert read(tmp_path / "a.eml").note == CUT_NOTE


def test_mail_that_has_only_html(tmp_path: Path) -> None:
    message = mail()
    message.set_content("<p>Die Boote</p><p>sind rot</p>", subtype="html")
    (tmp_path / "message").write_bytes(bytes(message))
    assert text_of(read(tmp_path / "message")).endswith("Die Boote\n\nsind rot")


def test_mail_with_broken_headers(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(
        b"Subject: =?no-such-charset?B?AAA?= caf\xe9\nFrom: <<>\nDate: yesterday\n"
        b"Content-Type: text/plain; charset=what\nContent-Transfer-Encoding: base64\n\nnot base64 at all!\n"
    )
    extraction = read(tmp_path / "a.eml")
    assert extraction.kind is Kind.DOCUMENT
    assert extraction.metadata.taken_at is None


def test_rich_text(tmp_path: Path) -> None:
    rtf = (
        r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\info{\title Voyages}{\author Ann}{\creatim\yr2024\mo1\dy31}}"
        r"\f0 Sch\'f6ne {\b rote} Boote.\par Zweiter \u26085?Absatz.{\pict\pngblip " + "00ff" * 1000 + "}}"
    )
    (tmp_path / "a.rtf").write_text(rtf)
    extraction = read(tmp_path / "a.rtf")
    assert text_of(extraction) == "Schöne rote Boote.\nZweiter 日Absatz."
    assert extraction.metadata.title == "Voyages"
    assert extraction.metadata.author == "Ann"
    assert extraction.metadata.taken_at == "2024-01-31"


@pytest.mark.parametrize("content", [b"{\\rtf1", b"{\\rtf1\\'", b"{\\rtf1\\u}", b"{\\rtf1 {{{{"])
def test_broken_rich_text_is_read_or_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.rtf").write_bytes(content)
    try:
        assert read(tmp_path / "a.rtf").kind is Kind.DOCUMENT
    except UnreadableError as error:
        assert error.message == "damaged rich text"


# --- what is not read, and the rest -----------------------------------------------------------------------------


def test_an_archive_says_that_it_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(SkippedError, match="archives are not read yet"):
        read(write_zip(tmp_path / "a.zip", {"a.txt": "boat"}))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-01-31T12:00:00", "2024-01-31T12:00:00"),
        ("2024-01-31T12:00:00.123+09:00", "2024-01-31T12:00:00"),
        ("2024-01-31", "2024-01-31"),
        ("2024", None),
        ("1601-01-01T00:00:00Z", None),
        ("1904-01-01T00:00:00", None),
        ("1970-01-01T00:00:00.000000Z", None),
        ("2024-02-31", None),
        (datetime(2024, 1, 31, 12), "2024-01-31T12:00:00"),
        (None, None),
    ],
)
def test_iso_dates(value: object, expected: str | None) -> None:
    assert iso_wall_clock(value) == expected


def test_a_moment_in_utc_is_told_as_the_local_clock_shows_it() -> None:
    local = datetime.fromisoformat("2024-01-31T12:00:00+00:00").astimezone().replace(tzinfo=None)
    assert iso_wall_clock("2024-01-31T12:00:00Z") == local.isoformat()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("D:20240131120000+01'00'", "2024-01-31T12:00:00"),
        ("D:202401", "2024-01-01"),
        ("20240131", "2024-01-31"),
        ("2024-01-31T12:00:00", "2024-01-31T12:00:00"),
        ("D:19040101000000", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_pdf_dates(value: str | None, expected: str | None) -> None:
    assert pdf_wall_clock(value) == expected


def test_every_media_type_has_one_reader() -> None:
    listed = [media_type for extractor in EXTRACTORS for media_type in extractor.media_types]
    assert len(listed) == len(set(listed))
    assert len({extractor.name for extractor in EXTRACTORS}) == len(EXTRACTORS)
    assert isinstance(extractor_version(), int)


def test_a_document_is_read_the_same_twice(tmp_path: Path) -> None:
    path = word_file(tmp_path / "a.docx")
    assert read(path) == read(path)
