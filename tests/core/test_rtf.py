"""Rich text: encodings, what is seen and what is not, and damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UnreadableError
from core.extract.registry import read
from core.types import Extraction


def rich(tmp_path: Path, body: bytes) -> Extraction:
    path = tmp_path / "a.rtf"
    path.write_bytes(rb"{\rtf1\ansi\ansicpg1252" + body + b"}")
    return read(path)


def words(tmp_path: Path, body: bytes) -> str:
    return "|".join(passage.text for passage in rich(tmp_path, body).passages)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (rb" Gr\'fc\'dfe", "Grüße"),
        ("Grüße".encode("cp1252"), "Grüße"),
        (rb"{\fonttbl{\f0\fcharset0 A;}{\f1\fcharset128 M;}}{\f1\'82\'a0\'83A} \f0\'e9", "あア é"),
        (rb"{\fonttbl{\f0\fcharset204 A;}}\f0\'eb\'ee\'e4\'ea\'e0", "лодка"),
        (rb"\ansicpg1251 \'eb\'ee\'e4\'ea\'e0", "лодка"),
        (rb"\ansicpg65001 " + "лодка".encode(), "лодка"),
        (rb"\ansicpg99999 \'e9", "é"),
        (rb"\uc1 a\u8364?b\u8364\'80c{\uc0 \u8364 d}\u-10179?\u-8704?", "a€b€c€d😀"),
        (rb"\u55357?alone", "\ufffdalone"),
        (rb"\u1114112?x\u?y", "\ufffdxy"),
    ],
)
def test_characters(tmp_path: Path, body: bytes, expected: str) -> None:
    assert words(tmp_path, body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (rb"{\colortbl;\red1;}{\stylesheet{\s0 Normal;}}{\*\generator Writer;}{\header top}seen", "seen"),
        (rb'{\field{\*\fldinst{HYPERLINK "http://example.org"}}{\fldrslt a link}}', "a link"),
        (rb"one{\footnote below}two", "one\nbelow\ntwo"),
        (rb"{\shp{\*\shpinst{\sp{\sn x}{\sv 1}}{\shptxt in a box}}{\shprslt again}}", "in a box"),
        (rb"{\pict\wmetafile8\bin6 }}{{\'00ff}after", "after"),
        (rb"\trowd a\cell b\cell\row c", "a\tb\t\nc"),
        (rb"a\tab b\line c\~d\_e\-f\{\}\\ \emdash", "a\tb\nc\xa0d-ef{}\\ \u2014"),
        (rb"a}and what follows", "a"),
    ],
)
def test_what_is_seen(tmp_path: Path, body: bytes, expected: str) -> None:
    assert words(tmp_path, body) == expected


def test_facts(tmp_path: Path) -> None:
    facts = rich(tmp_path, rb"{\info{\title Gr\'fc\u223?e {\b all}}{\author Ann}{\creatim\yr2024\mo1\dy31\hr12\min5}}x")
    assert facts.metadata.title == "Grüße all"
    assert facts.metadata.author == "Ann"
    assert facts.metadata.taken_at == "2024-01-31T12:05:00"
    assert rich(tmp_path, rb"{\info{\creatim\mo1\dy31}}x").metadata.taken_at is None


def test_groups_without_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="nested too deeply"):
        rich(tmp_path, b"{" * 100_000)
