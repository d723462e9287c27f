"""Inputs to begin with: what our own writers make, and files of other people's where they lie beside the repository."""

from __future__ import annotations

import functools
import io
import tempfile
from collections.abc import Iterable
from datetime import date, datetime, time
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pptx

from tests.demo.texts import DOCUMENTS, Document
from tests.demo.writers import WRITERS
from tests.fuzz.mutate import packed, unpacked

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "corpora"

_SMALL = Document(
    "small.txt",
    "A red boat",
    "2024-01-31",
    (("The red boat lies in the harbour. It is old.", "It is blue | 3.5"), ("Snow on the mountain.",)),
)
_RICH = rb"""{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss\fcharset0 Arial;}{\f1\fcharset128 MS Mincho;}}
{\colortbl;\red255\green0\blue0;}{\info{\title A boat}{\author Ann}{\creatim\yr2024\mo1\dy31\hr12\min0}}
{\*\generator Writer;}\pard\uc1 Gr\'fc\'dfe \u8364? \u-10179?\u-8704? \b bold\b0\par {\f1\'82\'a0}\line
{\field{\*\fldinst{HYPERLINK "http://example.org"}}{\fldrslt{a link}}}{\pict\wmetafile8 0102}\cell\row
{\pict\bin4 abcd}{\footnote below}\tab\emdash\~\-\_\{\}\\ \page end}"""
_MARKED = b"""<!DOCTYPE html><html><head><meta charset="utf-8"><meta name="author" content="Ann">
<meta property="article:published_time" content="2024-01-31T12:00:00Z"><title>Boats</title></head><body><h1>Red</h1>
<p>One<br>two &amp; &#x20ac; &#0; &#xd800; <b>bold</p><pre> a
 b</pre><table><tr><td>1<td>2</table><ul><li>x<li>y</ul><svg><title>t</title></svg><script>no</script>
<textarea> k </textarea><template>n</template><select><option>o</select></body></html>"""
_XML = b"""<?xml version="1.0" encoding="utf-8"?><!DOCTYPE a [<!ENTITY e "x"><!ENTITY f "&e;&e;">]>
<book xmlns:d="urn:d"><title>Boats</title><p d:id="1">One &f; <![CDATA[two]]> three</p><!-- no --><binary>QUJD</binary>
<?pi no?></book>"""


@functools.cache
def small(suffix: str) -> bytes:
    """A small document of a format, as the demo's writer makes it."""
    return WRITERS[suffix](_SMALL)


def demo(suffix: str) -> list[bytes]:
    """The small document, and the first of the demo's."""
    return [small(suffix), *(WRITERS[suffix](one) for one in [d for d in DOCUMENTS if d.path.endswith(suffix)][:1])]


def corpora(*patterns: str, most_bytes: int = 48 * 1024) -> list[bytes]:
    """Files of other people's; none where that folder is absent. They are read where they are and never kept."""
    paths = sorted(path for pattern in patterns for path in CORPORA.glob(pattern))
    return [path.read_bytes() for path in paths if path.stat().st_size <= most_bytes][:40]


def rtf() -> list[bytes]:
    return [_RICH, *demo(".rtf"), *corpora("tika_docs/*.rtf")]


def html() -> list[bytes]:
    return [_MARKED, *demo(".html"), *corpora("tika_docs/*.html")]


def xml() -> list[bytes]:
    return [_XML, *corpora("tika_docs/*.xml", "tika_docs/*.svg", "tika_docs/*.fb2")]


def text() -> list[bytes]:
    pages = ["Grüße aus Köln. " * 5, "Красные лодки. " * 5, "港に赤い船。" * 5]
    encodings = ("utf-8-sig", "utf-16", "utf-32-be", "cp1252", "koi8-r", "shift_jis", "gb18030", "utf-7", "cp500")
    coded = [page.encode(encoding, "ignore") for page in pages for encoding in encodings]
    markdown = b"# Red #\n\n```\n# code\n```\n~~~\n## Blue ##\nwords\n\f\n* a\n* b\n"
    return [markdown, *demo(".md"), *coded, *corpora("tika_docs/*.txt", "tika_docs/*.md")]


def mail() -> list[bytes]:
    message = EmailMessage()
    message["From"] = "Grüße <ann@example.org>"
    message["To"] = "bob@example.org, eve@example.org"
    message["Subject"] = "Ein rotes Boot, 北京"
    message["Date"] = "Wed, 31 Jan 2024 12:00:00 +0100"
    message.set_content("Ein rotes Boot\n")
    message.add_alternative("<p>Ein <b>rotes</b> Boot</p>", subtype="html")
    message.add_attachment(b"\0\1", maintype="image", subtype="png", filename="Böot.png")
    odd = (
        b"From: =?utf-8?B?R3LDvMOfZQ==?= <a@b>\nSubject: =?iso-8859-1?Q?Gr=FC=DFe?=\nDate: 31 Jan 24 12:00\n"
        b"Content-Type: multipart/mixed; boundary=\"x\"; charset*=utf-8''a\n\n--x\nContent-Type: text/plain;"
        b" charset=utf-7\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n--x\nContent-Type: message/rfc822\n"
        b"\nSubject: inner\n\ntext\n--x\nContent-Disposition: attachment;"
        b" filename*0*=iso-8859-15'en'a%20; filename*1=b.txt\nContent-Transfer-Encoding: base64\n\nQUJD\n--x--\n"
    )
    coded = b"Subject: a\nFrom: b\nContent-Transfer-Encoding: x-uuencode\n\nbegin 644 a\n#0V%T\n`\nend\n"
    found = corpora("tika_docs/*.eml", "tika_docs/*.mht*")
    return [message.as_bytes(), odd, coded, b"123\n" + coded, *demo(".eml"), *found]


def word() -> list[bytes]:
    document = docx.Document()
    document.add_heading("Red", 1)
    document.add_paragraph("The boat\tis\nred.", style="List Bullet")
    table = document.add_table(2, 2)
    table.cell(0, 0).text = "one"
    table.cell(1, 1).add_table(1, 1).cell(0, 0).text = "inner"
    target = io.BytesIO()
    document.save(target)
    return _slim([target.getvalue(), *demo(".docx"), *corpora("tika_docs/*.docx", "tika_docs/*.docm")])


def sheets() -> list[bytes]:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["red", 1, 2.5, True, datetime(2024, 1, 31, 12), date(2024, 1, 31), time(12, 5), None, "=1+1"])
    sheet.append(["1e999", -1.5, "boat", 44000])
    for cell, form in (("B1", "d.m.yy"), ("C1", "[h]:mm:ss"), ("D2", "yyyy-mm-dd;@"), ("B2", "0.00E+00;[Red]-0")):
        sheet[cell].number_format = form
    book.create_sheet("Two").append(["x"] * 5)
    target = io.BytesIO()
    book.save(target)
    return _slim([target.getvalue(), *demo(".xlsx"), *corpora("tika_docs/*.xlsx", "tika_docs/*.xlsm")])


def slides() -> list[bytes]:
    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = "Red"
    slide.placeholders[1].text = "boat\nharbour"
    slide.notes_slide.notes_text_frame.text = "say so"
    slide.shapes.add_table(1, 2, 0, 0, 100, 100).table.cell(0, 0).text = "cell"
    target = io.BytesIO()
    show.save(target)
    return _slim([target.getvalue(), *demo(".pptx"), *corpora("tika_docs/*.pptx")])


def odt() -> list[bytes]:
    space = "urn:oasis:names:tc:opendocument:xmlns"
    content = (
        f'<office:document-content xmlns:office="{space}:office:1.0" xmlns:text="{space}:text:1.0"'
        f' xmlns:table="{space}:table:1.0" xmlns:draw="{space}:drawing:1.0"><office:body><office:text>'
        '<text:h>Red</text:h><text:p>a<text:s text:c="3"/>b<text:tab/>c<text:line-break/>d<text:note><text:p>n</text:p>'
        "</text:note><draw:text-box><text:p>box</text:p></draw:text-box></text:p><table:table><table:table-row>"
        "<table:table-cell><text:p>1</text:p></table:table-cell></table:table-row></table:table></office:text>"
        "</office:body></office:document-content>"
    )
    meta = (
        f'<office:document-meta xmlns:office="{space}:office:1.0" xmlns:meta="{space}:meta:1.0"><office:meta>'
        '<meta:document-statistic meta:page-count="3"/></office:meta></office:document-meta>'
    )
    mimetype = b"application/vnd.oasis.opendocument.text"
    rich = packed({"mimetype": mimetype, "content.xml": content.encode(), "meta.xml": meta.encode()})
    return [rich, *demo(".odt"), *corpora("tika_docs/*.odt")]


def epub() -> list[bytes]:
    return [*demo(".epub"), *corpora("tika_docs/*.epub")]


def files() -> list[bytes]:
    """The beginnings of files of every kind."""
    with tempfile.TemporaryDirectory() as folder:
        from tests.core.pdf_maker import make_pdf

        pdf = make_pdf(Path(folder) / "a.pdf", ["A red boat."]).read_bytes()
    ours: Iterable[bytes] = (small(suffix) for suffix in WRITERS)
    others = corpora("tika_docs/*", "pillow_images/*.*", most_bytes=1 << 20)
    return [pdf, *ours, *(other[:2048] for other in others), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1016)]


def exif() -> list[bytes]:
    from PIL import ExifTags, Image

    facts = Image.Exif()
    facts[ExifTags.Base.Orientation] = 6
    facts[ExifTags.Base.Make], facts[ExifTags.Base.Model] = "Canon", "Canon EOS"
    facts[ExifTags.Base.DateTime] = "2024:01:31 12:00:00"
    facts[ExifTags.Base.ImageDescription] = "boat"
    facts[ExifTags.Base.XPTitle] = "böot".encode("utf-16-le")
    facts.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:01:31 12:00:00"
    place = facts.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitude], place[ExifTags.GPS.GPSLatitudeRef] = (52.0, 30.0, 1.5), "N"
    place[ExifTags.GPS.GPSLongitude], place[ExifTags.GPS.GPSLongitudeRef] = (13.0, 20.0, 0.5), "E"
    found = []
    for photo in corpora("exif_orientation/*.jpg", "pillow_images/*exif*", most_bytes=4 << 20):
        with Image.open(io.BytesIO(photo)) as image:
            found.append(image.info.get("exif", b""))
    return [facts.tobytes(), *(one for one in found if one)]


def moments() -> list[bytes]:
    return [
        b"2024-01-31T12:00:00Z", b"2024-01-31 12:00+02:00", b"D:20240131120000+01'00'", b"2024:01:31 12:00:00",
        b"0001-01-01", b"9999-12-31T23:59:59Z", b"2024-02-30", b"D:2024", b"1904-01-01T00:00:00.123Z",
    ]  # fmt: skip


def queries() -> list[bytes]:
    words = [
        'red boat "in the harbour"',
        "IMG_0412.jpg beachSunset",
        "北京的船 東京タワー",
        'a"b OR NEAR(x) * ^ -c',
        "the",
    ]
    return [word.encode() for word in words]


def settings() -> list[bytes]:
    return [
        b'[models]\ntext = "a"\n[speech]\nlanguages = ["en"]\n[indexing]\ncpu_share = "full"\nexclude = ["*.tmp"]\n',
        b"# nothing\n", b"[indexing]\npause_when_busy = 1\n", b"models = 3\nspeech.languages = [1]\n",
    ]  # fmt: skip


def _slim(archives: list[bytes]) -> list[bytes]:
    """Office archives without what no reader looks at: themes, layouts and pictures."""
    kept = []
    for archive in archives:
        parts = {
            name: data
            for name, data in unpacked(archive).items()
            if not any(word in name for word in ("theme", "Layout", "Master", "media/", "thumbnail", "custom", "font"))
        }
        kept.append(packed(parts) if parts else archive)
    return kept


def coded() -> list[bytes]:
    """An encoding's name, a line end, and bytes."""
    names = (
        "utf-8",
        "cp1252",
        "utf-16",
        "utf-7",
        "punycode",
        "idna",
        "unicode_escape",
        "shift_jis",
        "hz",
        "iso2022_jp",
    )
    return [name.encode() + b"\n" + page for name, page in zip(names, text() * 2, strict=False)]


def sandbox_messages() -> list[bytes]:
    from core.extract.messages import AudioDecoded, Extracted, Refused, reply_encoder
    from core.types import Extraction, Kind, Locator, Metadata, Passage

    metadata = Metadata(title="t", taken_at="2024-01-31", width=3, height=4, duration_s=1.5, latitude=1.0, pages=2)
    passages = (Passage("red boat", Locator(page=1, label="l")), Passage("hill", Locator(offset=5)))
    extraction = Extraction(
        Kind.DOCUMENT, "text/plain", metadata, passages, b"j", b"k", bytes(64), 2**63 + 5, "a remark"
    )
    replies = (Extracted(extraction=extraction), AudioDecoded(duration_s=1.5), Refused(reason="damaged", detail="x"))
    return [reply_encoder.encode(reply) for reply in replies]


def model_messages() -> list[bytes]:
    from core.models.messages import Failed, Inspected, Transcript, Vectors, Windows, pack
    from core.types import SpeechSpan

    return [
        pack(message)
        for message in (
            Vectors(2, 3, bytes(24)),
            Windows([(0, 100), (200, 300)]),
            Transcript([SpeechSpan(0.0, 1.5, "boat")], "en", ["n"]),
            Inspected(16),
            Failed("model", "broken", b"/a"),
        )
    ]


def search_messages() -> list[bytes]:
    from core.search.messages import Answered, Ready, Refused, WordsWanted, pack
    from core.search.question import Answer
    from core.types import Channel, Hit, Kind, Locator, ModelRole, SegmentHit, SegmentKind, Why

    best = SegmentHit(SegmentKind.PASSAGE, Locator(page=2), "a boat", ((2, 6),), 0.5, (Why(Channel.NAME, 1, 2.0),))
    hit = Hit(1, b"/r/a.txt", Kind.DOCUMENT, best, (best,), day=date(2024, 1, 31), content_hash="ab")
    refused = Refused("IndexUnavailableError", "is away", b"/a")
    return [
        pack(one)
        for one in (Answered(Answer((hit,), 2, ("n",))), Ready(), WordsWanted(ModelRole.TEXT, ["a"], None), refused)
    ]
