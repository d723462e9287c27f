"""Documents that are damaged in one place, or say one thing a thousand times: the rest is read, and only once."""

from __future__ import annotations

import email.policy
from email.message import EmailMessage
from pathlib import Path

import openpyxl
import pptx
import pytest

from core.errors import UnreadableError
from core.extract.registry import read
from core.types import Extraction
from tests.demo.texts import Document
from tests.demo.writers import WRITERS
from tests.fuzz.mutate import packed, unpacked


def words(extraction: Extraction) -> str:
    return "\n".join(passage.text for passage in extraction.passages)


def test_one_bad_cell_does_not_cost_a_workbook(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["red boat"])
    book.active.append([7])
    book.create_sheet("Two").append(["blue boat"])
    book.save(path)
    parts = unpacked(path.read_bytes())
    sheet = "xl/worksheets/sheet1.xml"
    assert b"<v>7</v>" in parts[sheet]
    path.write_bytes(packed(parts | {sheet: parts[sheet].replace(b"<v>7</v>", b"<v>seven</v>")}))
    extraction = read(path)
    assert words(extraction) == "red boat\nblue boat"
    assert extraction.note == "damaged: some of its sheets can only be read in part"


def test_a_workbook_without_a_sheet_that_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    book.active.append([7])
    book.save(path)
    parts = unpacked(path.read_bytes())
    sheet = "xl/worksheets/sheet1.xml"
    path.write_bytes(packed(parts | {sheet: parts[sheet].replace(b"<v>7</v>", b"<v>seven</v>")}))
    with pytest.raises(UnreadableError, match="none of its sheets"):
        read(path)


def test_a_slide_that_is_shown_often_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.pptx"
    show = pptx.Presentation()
    show.slides.add_slide(show.slide_layouts[5]).shapes.title.text = "Red boats"
    show.save(path)
    parts = unpacked(path.read_bytes())
    main = parts["ppt/presentation.xml"]
    start, end = main.index(b"<p:sldId "), main.index(b"</p:sldIdLst>")
    path.write_bytes(packed(parts | {"ppt/presentation.xml": main[:end] + main[start:end] * 50 + main[end:]}))
    extraction = read(path)
    assert words(extraction) == "Red boats"
    assert extraction.metadata.pages == 1


def test_a_chapter_that_is_named_often_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.epub"
    parts = unpacked(WRITERS[".epub"](Document("a.epub", "Boats", "2024-01-31", (("The red boat.",),))))
    often = parts["book.opf"].replace(b"</spine>", b'<itemref idref="c0"/>' * 50 + b"</spine>")
    path.write_bytes(packed(parts | {"book.opf": often}))
    assert words(read(path)).count("The red boat.") == 1


def test_xml_with_prefixes_that_nobody_declared(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<?xml version='1.0'?><a><x:title>Red boats</x:title><y:p>sail</y:p></a>")
    extraction = read(path)
    assert extraction.metadata.title == "Red boats"
    assert "sail" in words(extraction)


def test_mail_with_words_that_cannot_be_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(b"From: a@b\nTo: c@d\nSubject: =?utf-8?B?abcde?= boat\n\nred\n")
    assert "red" in words(read(path))


def test_mail_in_mail_without_end_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    message = EmailMessage(policy=email.policy.compat32)
    message["Subject"] = "boat"
    path.write_bytes(message.as_bytes()[:-1] + b"Content-Type: message/rfc822\n\nSubject: a\n" * 2000)
    with pytest.raises(UnreadableError, match="nested too deeply"):
        read(path)


def test_headings_are_told_from_code_and_keep_their_own_signs(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    body = "Words about it are here. " * 15
    path.write_text(f"# C#\n\n{body}\n\n```\n# no heading\n```\n\n## Closed ##\n\n{body}\n\n# # \n")
    extraction = read(path)
    assert extraction.metadata.title == "C#"
    assert [passage.text.splitlines()[0] for passage in extraction.passages][:2] == ["# C#", "## Closed ##"]


@pytest.mark.parametrize("count", ["x", "-3", "9" * 5000, "²"])
def test_odd_counts_in_open_documents(tmp_path: Path, count: str) -> None:
    path = tmp_path / "a.odt"
    parts = unpacked(WRITERS[".odt"](Document("a.odt", "Boats", "2024-01-31", (("The red boat.",),))))
    spaced = parts["content.xml"].replace(b"red boat", f'red<text:s text:c="{count}"/>boat'.encode())
    statistic = f'<meta:document-statistic meta:page-count="{count}"/></office:meta>'.encode()
    stated = parts["meta.xml"].replace(b"</office:meta>", statistic)
    path.write_bytes(packed(parts | {"content.xml": spaced, "meta.xml": stated}))
    extraction = read(path)
    assert "red boat" in words(extraction)
    assert extraction.metadata.pages is None


@pytest.mark.parametrize(
    "content",
    [
        b"<a>red boat &#xd800; &#55296; &#x00DFFF; sail</a>",
        b"<a>red boat \xed\xa0\x80\xff sail</a>",
        "<?xml version='1.0' encoding='utf-16'?><a>red boat sail</a>".encode("utf-16-le"),
        b"<?xml version='1.0' encoding='koi8-r'?><a>red boat \xcc\xcf\xc4\xcb\xc1 sail</a>",
    ],
)
def test_xml_with_halves_of_characters_and_of_other_encodings(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(content)
    found = words(read(path))
    assert found.startswith("red boat")
    assert found.endswith("sail")
