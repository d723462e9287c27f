"""Inputs made to hurt, by hand: each kept a reader busy, broke it, or was meant to. They stay, so that none does again.

What a fuzzer stumbles over is kept as files under ``findings``; these are too large or too regular for that.
"""

from __future__ import annotations

import random
import re

from tests.fuzz import seeds
from tests.fuzz.mutate import packed, unpacked

_TOO_MANY = b"9" * 5000  # digits: more than Python turns into a number
_NOISE = bytes(random.Random(1).choices(range(32, 256), k=60_000))
_EXPANDING = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">%b]>' % b"".join(
    b'<!ENTITY %c "%b">' % (98 + level, (b"&%c;" % (97 + level)) * 10) for level in range(9)
)
_SHEET_SPACE = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def inputs(target: str) -> dict[str, bytes]:
    """Name to input, of one target."""
    return {name: data for (of, name), data in _all().items() if of == target}


def _all() -> dict[tuple[str, str], bytes]:
    return {
        **_plain(),
        **_mail(),
        **_marked_up(),
        **_asked(),
        **_word(),
        **_slides(),
        **_texts(),
        **_books(),
        **_sheets(),
    }


def _plain() -> dict[tuple[str, str], bytes]:
    return {
        ("rtf", "links that do not end"): b"{\\rtf1 " + b'{\\field{\\*\\fldinst{ HYPERLINK "a" ' * 1700,
        ("rtf", "fonts without names"): b"{\\rtf1{\\fonttbl" + b"\\f1\\fcharset2" * 4500,
        ("rtf", "facts that do not end"): b"{\\rtf1 " + b"{\\info " * 2000,
        ("rtf", "no numbers"): b"{\\rtf1 \\uc a\\u b\\u99999999 \\bin \\f \\ansicpg c{\\pict\\bin }}",
        ("rtf", "deep groups"): b"{\\rtf1 " + b"{" * 60_000,
        ("rtf", "a long title"): b"{\\rtf1 {\\info{\\title %bx}}}" % (b" " * 60_000),
        ("markdown", "fences"): b"# a\n```\nx\n```\n" * 4600,
        ("markdown", "a heading of blanks"): b"# x" + b" " * 60_000 + b"y",
        ("markdown", "a heading of marks"): b"# x" + b" #" * 30_000 + b"y",
        ("markdown", "a row of stops"): b"." * 60_000,
        ("markdown", "headings alone"): b"# a\n" * 16_000,
        ("passages", "stops and quotes"): b"\x01" + b".'" * 30_000,
        ("passages", "wide gaps"): b"\x01" + (b" " * 199 + b"x") * 320,
        ("passages", "a heading a line"): b"\x01" + b"\nx" * 30_000,
        ("codec", "noise"): b"\n" + _NOISE,
        ("codec", "punycode"): b"punycode\n" + b"a" * 30_000 + b"-\xff" + b"zz99" * 8000,
        ("codec", "a name with a zero"): b"\0\n\xfe",
        ("filetype", "comments"): b"<!--a-->" * 40 + b"<x",
        ("filetype", "half comments"): b"<!-- " * 13_000,
        ("filetype", "fields"): b"A:\n" * 20_000,
    }


def _mail() -> dict[tuple[str, str], bytes]:
    parts = ((b"a%d" % (number - 1), b"a%d" % number) for number in range(1, 1000))
    nested = b"".join(b"--%b\nContent-Type: multipart/mixed; boundary=%b\n\n" % pair for pair in parts)
    names = b"".join(b"filename*%d=x;" % number for number in range(4000))
    return {
        ("mail", "parts in parts"): b"Subject: a\nContent-Type: multipart/mixed; boundary=a0\n\n" + nested,
        ("mail", "mail in mail"): b"Subject: a\nContent-Type: message/rfc822\n\n" * 1400,
        ("mail", "half encoded words"): b"Subject: " + b"=?utf-8?Q?a" * 5900 + b"\n\nx",
        ("mail", "encoded words"): b"Subject: " + b"=?utf-8?Q?a?= " * 4600 + b"\n\nx",
        ("mail", "a name in pieces"): b"Subject: a\nContent-Disposition: a; " + names + b"\n\nx",
        ("mail", "half quotes"): b"Subject: a\nContent-Type: text/plain" + b';"' * 32_000 + b"\n\nx",
        ("mail", "no encoding of text"): b"Subject: a\nContent-Type: text/plain; charset=unicode_escape\n\n\xff\\ud800",
        ("mail", "a year beyond"): b"Subject: a\nDate: Wed, 31 Jan 99999 12:00:00 +9999999999\n\nx",
        ("mail", "noise"): b"Subject: a\n\n" + _NOISE,
    }


def _marked_up() -> dict[tuple[str, str], bytes]:
    return {
        ("html", "deep"): b"<div>" * 13_000,
        ("html", "deep in a title"): b"<svg><title>" + b"<b>" * 20_000,
        ("html", "formatting"): b"<b><i><u><p>" * 5400,
        ("html", "tables"): b"<table><tr><td>" * 4300,
        ("html", "attributes"): b"<p %b>" % b" ".join(b"a%d" % number for number in range(9000)),
        ("html", "pre"): b"<pre>" + b"<p> x" * 13_000,
        ("xml", "deep"): b"<a>" * 20_000,
        ("xml", "titles in titles"): b"<title>" * 200 + b"x " * 30_000,
        ("xml", "entities"): _EXPANDING + b"<a>&j;</a>",
        ("xml", "entities in attributes"): _EXPANDING + b"<a b='&j;'>x</a>",
        ("xml", "files from outside"): b"<!DOCTYPE a [<!ENTITY % x SYSTEM 'file:///etc/passwd'>%x;]><a>x</a>",
    }


def _asked() -> dict[tuple[str, str], bytes]:
    return {
        ("query", "a long word"): b"a" * 60_000,
        ("query", "quotes"): b'"' * 60_000,
        ("query", "a long phrase"): b'"' + b"red boat " * 7000 + b'"',
        ("query", "marks on a letter"): ("a" + "\u0301" * 30_000).encode(),
        ("settings", "deep"): b"a=" + b"[" * 30_000,
        ("settings", "deep tables"): b"a=" + b"{a=" * 10_000,
        ("settings", "a deep key"): b"a" + b".a" * 500 + b"=1",
        ("settings", "a number of many digits"): b"a=" + _TOO_MANY,
        ("settings", "other types"): b"models.text=[1]\n[indexing]\ncpu_share=[1]\n",
        ("settings", "no table"): b"[[models]]\n",
        ("dates", "digits"): b"9" * 60_000,
        ("dates", "digits of another script"): "٢٠٢٤-٠١-٣١".encode(),
    }


def _with(archive: bytes, **parts: bytes) -> bytes:
    return packed(unpacked(archive) | {name.replace("__", "/").replace("_", "."): part for name, part in parts.items()})


def _word() -> dict[tuple[str, str], bytes]:
    document = seeds.word()[0]

    def body(inside: bytes) -> bytes:
        space = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"
        return _with(document, word__document_xml=b'<w:document xmlns:w="%b"><w:body>%b' % (space, inside))

    notes = b"".join(b'<Relationship Id="%d" Type="x/footnotes" Target="document.xml"/>' % one for one in range(500))
    parts = unpacked(document) | {"word/_rels/document.xml.rels": b'<Relationships xmlns="r">' + notes}
    return {
        ("docx", "cells in cells"): body(b"<w:tbl><w:tr><w:tc>" * 80 + b"<w:p><w:r><w:t>" + b"x " * 20_000),
        ("docx", "paragraphs in paragraphs"): body(b"<w:p>" * 240 + b"<w:t>" + b"x " * 20_000),
        ("docx", "boxes in boxes"): body(b"<w:p><w:txbxContent>" * 120 + b"<w:p><w:t>" + b"x " * 20_000),
        ("docx", "deep"): body(b"<w:x>" * 10_000),
        ("docx", "notes, five hundred times"): packed(parts),
    }


def _slides() -> dict[tuple[str, str], bytes]:
    parts = unpacked(seeds.slides()[0])
    slide = next(name for name in parts if re.fullmatch(r"ppt/slides/slide\d+\.xml", name))

    def body(inside: bytes) -> bytes:
        return packed(parts | {slide: b'<p:sld xmlns:p="p" xmlns:a="a">' + inside})

    shown = re.search(rb'<p:sldId [^>]*r:id="rId\d+"[^>]*/>', parts["ppt/presentation.xml"])
    assert shown is not None
    often = parts["ppt/presentation.xml"].replace(shown[0], shown[0] * 2000)
    words = b'<p:sld xmlns:p="p" xmlns:a="a"><p:sp><a:p><a:t>' + b"word " * 2000 + b"</a:t></a:p></p:sp></p:sld>"
    return {
        ("pptx", "shapes in shapes"): body(b"<p:sp>" * 120 + b"<a:p>" * 120 + b"<a:t>" + b"x " * 20_000),
        ("pptx", "shapes, then many words"): body(b"<p:sp>" * 200 + b"<a:p><a:t>x</a:t></a:p>" * 2000),
        ("pptx", "rows in rows"): body(b"<a:tr><a:tc>" * 110 + b"<a:p><a:t>" + b"x " * 20_000),
        ("pptx", "one slide, two thousand times"): packed(parts | {"ppt/presentation.xml": often, slide: words}),
    }


def _texts() -> dict[tuple[str, str], bytes]:
    document = seeds.odt()[0]
    names = (b"office", b"text", b"table")
    spaces = b" ".join(b'xmlns:%b="urn:oasis:names:tc:opendocument:xmlns:%b:1.0"' % (name, name) for name in names)

    def body(inside: bytes) -> bytes:
        return _with(document, content_xml=b"<office:document-content %b>%b" % (spaces, inside))

    def pages(count: bytes) -> bytes:
        meta = b'<o:m xmlns:o="o" xmlns:meta="m"><meta:document-statistic meta:page-count="%b"/></o:m>' % count
        return _with(document, meta_xml=meta)

    return {
        ("odt", "no count of spaces"): body(b'<text:p>a<text:s text:c="x"/>b'),
        ("odt", "too many spaces"): body(b'<text:p>a<text:s text:c="%b"/>b' % _TOO_MANY),
        ("odt", "too many pages"): pages(b"9" * 30),
        ("odt", "pages of many digits"): pages(_TOO_MANY),
        ("odt", "half pages"): pages("²".encode()),
        ("odt", "rows in rows"): body(b"<table:table-row><table:table-cell>" * 120 + b"<text:p>" + b"x " * 20_000),
    }


def _books() -> dict[tuple[str, str], bytes]:
    parts = unpacked(seeds.epub()[0])
    book = parts["book.opf"]
    often = book.replace(b"<spine>", b"<spine>" + b'<itemref idref="c0"/>' * 1500)
    cover = b'<item id="z" href="book.opf" properties="cover-image"/></manifest>'
    return {
        ("epub", "one chapter, a thousand times"): packed(
            parts | {"book.opf": often, "chapter1.xhtml": b"<p>" + b"word " * 2000}
        ),
        ("epub", "a cover that is none"): packed(parts | {"book.opf": book.replace(b"</manifest>", cover)}),
        ("epub", "an odd address"): packed(parts | {"book.opf": book.replace(b"chapter1.xhtml", b"[::1]//%ff#")}),
    }


def _sheets() -> dict[tuple[str, str], bytes]:
    parts = unpacked(seeds.sheets()[0])

    def rows(inside: bytes, **others: bytes) -> bytes:
        sheet = b'<worksheet xmlns="%b"><sheetData>%b</sheetData></worksheet>' % (_SHEET_SPACE, inside)
        return packed(parts | {"xl/worksheets/sheet1.xml": sheet} | others)

    def row(*cells: bytes) -> bytes:
        return rows(b'<row r="1">%b</row>' % b"".join(cells))

    values = (b"1e308", b"-1e308", b"99999999999", b"-1", b"2958466")
    dates = (b'<c r="A1" s="%d"><v>%b</v></c>' % (style, value) for style in range(8) for value in values)
    sheet = re.search(rb"<sheet [^>]*/>", parts["xl/workbook.xml"])
    assert sheet is not None
    return {
        ("xlsx", "a row far away"): rows(b'<row r="2000000000"><c r="A2000000000"><v>1</v></c></row>'),
        ("xlsx", "columns far away"): rows(b'<row r="1"><c r="ZZZ1"><v>1</v></c></row>' * 500),
        ("xlsx", "no column"): row(b'<c r="AAAAAAAAA1"><v>1</v></c>'),
        ("xlsx", "no row"): rows(b'<row r="x"><c r="A1"><v>1</v></c></row>'),
        ("xlsx", "no style"): row(b'<c r="A1" s="999"><v>1</v></c>'),
        ("xlsx", "no string"): row(b'<c r="A1" t="s"><v>999</v></c>'),
        ("xlsx", "no number"): row(b'<c r="A1"><v>x</v></c>', b'<c r="B1" t="d"><v>x</v></c>'),
        ("xlsx", "a number without end"): row(b'<c r="A1"><v>1e999</v></c>'),
        ("xlsx", "a number of many digits"): row(b'<c r="A1"><v>%b</v></c>' % _TOO_MANY),
        ("xlsx", "days beyond"): row(*dates),
        ("xlsx", "half a table of styles"): packed(parts | {"xl/styles.xml": b"<styleSheet"}),
        ("xlsx", "one sheet, seven hundred times"): packed(
            parts | {"xl/workbook.xml": parts["xl/workbook.xml"].replace(sheet[0], sheet[0] * 700)}
        ),
    }
