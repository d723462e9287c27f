"""What is fuzzed. A target takes bytes and ends well, or raises what is a finding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.errors import SkippedError, UnreadableError
from core.extract import media_types as mt
from core.extract.base import Extractor
from core.extract.epub import EpubExtractor
from core.extract.mail import MailExtractor
from core.extract.markup import HtmlExtractor, XmlExtractor
from core.extract.opendocument import OpenDocumentExtractor
from core.extract.plain import TextExtractor
from core.extract.rtf import RtfExtractor
from core.extract.sheets import SheetsExtractor
from core.extract.slides import SlidesExtractor
from core.extract.word import WordExtractor
from core.extract.worker import encodable
from tests.fuzz import inside, mutate, seeds
from tests.fuzz.mutate import Mutator
from tests.fuzz.rules import check_extraction, scratch

Run = Callable[[bytes], None]


@dataclass(frozen=True)
class Target:
    """``open`` makes what runs one input, ``seeds`` the inputs to begin with, ``mutate`` others out of one."""

    name: str
    open: Callable[[], Run]
    seeds: Callable[[], list[bytes]]
    mutate: Mutator


def _reads(extractor: Extractor, media_type: str) -> Callable[[], Run]:
    """Reads a file as the sandbox's child does, and checks what would go to the index."""

    def open_() -> Run:
        path = scratch() / "input"

        def run(data: bytes) -> None:
            path.write_bytes(data)
            try:
                extraction = encodable(extractor.extract(path, media_type))
            except (UnreadableError, SkippedError) as error:
                if not error.message.strip() or "\n" in error.message:
                    raise AssertionError("a refusal without a reason") from error
                return
            unpacked = sum(len(part) for part in mutate.unpacked(data).values())
            check_extraction(extraction, max(len(data), unpacked))

        return run

    return open_


def _words(text: bytes) -> Sequence[bytes]:
    return text.split()


# What turns a reader's head: marks of each format, and numbers where none belong.
_RTF_WORDS = _words(
    rb"{ } \par \u-1 \u \u99999999 \uc0 \uc \uc99999 \'ff \'81 \bin9999 \bin \pict \* \fonttbl \f0 \f99 "
    rb"\fcharset128 \ansicpg0 \ansicpg65001 \info \title \creatim\yr2024\mo13\dy31 \field \fldinst \fldrslt "
    rb'HYPERLINK \deff9 \upr \ud \\ \~ "a" \cell \row \footnote \u55296 \u-8704'
)
_XML_WORDS = _words(
    b"<a> </a> <![CDATA[ ]]> <!-- --> &amp; &#0; &#xd800; &#x10ffff; &x; <?x ?> <!DOCTYPE <!ENTITY xmlns:a='a' <a:b/> "
    b"xml:space='preserve' encoding='utf-16' encoding='utf-7' \x00 \xff \xed\xa0\x80"
)
_HTML_WORDS = _words(
    b"<b> </b> <p> <table> <tr> <td> <svg> <title> <math> <template> <select> <pre> <textarea> <!-- --> <script> <h1> "
    b"<meta charset='utf-7'> <meta charset='punycode'> <frameset> <body> <li> <br> &#0; &#xd800; &NotEqualTilde; \x00"
)
_DOCX_WORDS = _words(b"<w:p> </w:p> <w:tbl> <w:tr> <w:tc> <w:t> <w:r> <w:txbxContent> <w:sdt> <w:del> w:val='Heading1'")
_PPTX_WORDS = _words(b"<p:sp> </p:sp> <a:p> </a:p> <a:t> <a:tr> <a:tc> <p:ph type='title'/> <p:sldId r:id='rId2'/>")
_XLSX_WORDS = _words(
    b"<row> </row> <c> </c> <v> t='s' t='d' t='e' t='inlineStr' s='1' r='XFD1048576' r='AAAAAAAA1' <is> 2958466 -1 "
    b"1e308 formatCode='yyyy' formatCode='[h]:mm' 24:00 2024-13-31 <f> <mergeCell <dimension count='9999999999'"
)
_ODT_WORDS = _words(
    b"<text:s text:c='9'/> text:c='x' <text:p> <text:note> <table:table-row> <table:table-cell> <text:h>"
)
_EPUB_WORDS = _words(
    b"<itemref idref='c0'/> <item href='%2e%2e/x' <rootfile full-path='x'/> cover-image <CipherReference"
)
_MAIL_WORDS = _words(
    b"=?utf-8?B? ?= =?utf-7?Q?+2AA-?= =?punycode?Q?a-?= charset= charset*= filename*0*= ''%ff boundary= -- ; \\ "
    b"multipart/mixed message/rfc822 message/partial base64 quoted-printable x-uuencode Date: Subject: From: text/html"
)
_TEXT_WORDS = _words(
    b"# ## ``` ~~~ . ... ! \xe3\x80\x82 \xff\xfe \xfe\xff \x00 \x1b \x85 \xed\xa0\x80 \xf0\x9f\x9a\xa2"
)
_QUERY_WORDS = (*_TEXT_WORDS, *_words(b'" * NEAR( OR ^'))
_TOML_WORDS = _words(b'[ ] = " true 1e9 2024-01-31')

_archive = mutate.archive_of
_text = mutate.text_with

_FORMATS: tuple[tuple[str, Extractor, str, Callable[[], list[bytes]], Mutator], ...] = (
    ("rtf", RtfExtractor(), mt.RTF, seeds.rtf, _text(_RTF_WORDS)),
    ("mail", MailExtractor(), mt.MAIL, seeds.mail, _text(_MAIL_WORDS)),
    ("html", HtmlExtractor(), mt.HTML, seeds.html, _text(_HTML_WORDS)),
    ("xml", XmlExtractor(), mt.XML, seeds.xml, _text(_XML_WORDS)),
    ("markdown", TextExtractor(), mt.MARKDOWN, seeds.text, _text(_TEXT_WORDS)),
    ("odt", OpenDocumentExtractor(), mt.ODT, seeds.odt, _archive(_text([*_XML_WORDS, *_ODT_WORDS]))),
    ("epub", EpubExtractor(), mt.EPUB, seeds.epub, _archive(_text([*_HTML_WORDS, *_EPUB_WORDS]))),
    ("docx", WordExtractor(), mt.DOCX, seeds.word, _archive(_text([*_XML_WORDS, *_DOCX_WORDS]))),
    ("xlsx", SheetsExtractor(), mt.XLSX, seeds.sheets, _archive(_text([*_XML_WORDS, *_XLSX_WORDS]))),
    ("pptx", SlidesExtractor(), mt.PPTX, seeds.slides, _archive(_text([*_XML_WORDS, *_PPTX_WORDS]))),
)

_OTHERS = (
    Target("filetype", inside.file_types, seeds.files, mutate.bytes_alone),
    Target("exif", inside.photo_facts, seeds.exif, mutate.bytes_alone),
    Target("dates", inside.moments, seeds.moments, mutate.bytes_alone),
    Target("passages", inside.passages, seeds.text, _text(_TEXT_WORDS)),
    Target("codec", inside.codecs, seeds.coded, _text(_TEXT_WORDS)),
    Target("query", inside.queries, seeds.queries, _text(_QUERY_WORDS)),
    Target("settings", inside.settings, seeds.settings, _text(_TOML_WORDS)),
    Target("sandbox-messages", inside.sandbox_answers, seeds.sandbox_messages, mutate.message),
    Target("model-messages", inside.model_answers, seeds.model_messages, mutate.message),
    Target("search-messages", inside.search_answers, seeds.search_messages, mutate.message),
    Target("snapshot", inside.snapshots, inside.snapshot_bytes, mutate.snapshot),
)

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        *(
            Target(name, _reads(reader, media_type), begin, change)
            for name, reader, media_type, begin, change in _FORMATS
        ),
        *_OTHERS,
    )
}
