"""Cutting text into passages: what holds for every text, and what people expect of ordinary ones."""

from __future__ import annotations

import itertools
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from core.extract.passages import MAX_WORDS, Section, count_words, cut
from core.extract.printable import printable, with_line_ends

WORDS = st.text(alphabet="abcdefghij", min_size=1, max_size=12)
PIECES = st.one_of(
    WORDS,
    st.sampled_from(
        [". ", "! ", "? ", "\n", "\n\n", "\n \n", "。", "，", "  ", "\t", "\f", '." ', " " * 250, "\n" * 300]
    ),
    st.sampled_from(["東京", "北京大学", "안녕", "x" * 90, "https://example.org/" + "a" * 70]),
    st.text(max_size=8),
)
TEXTS = st.lists(PIECES, max_size=900).map(" ".join)


def shown(text: str) -> str:
    """The text as passages hold it."""
    return with_line_ends(printable(text))


def words(text: str) -> list[str]:
    return text.split()


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.data())
def test_every_passage_is_a_bounded_slice_and_nothing_is_lost(text: str, data: st.DataObject) -> None:
    lines = [match.start() for match in re.finditer(r"^(?=\S)", text, re.MULTILINE)]
    headings = tuple(data.draw(st.lists(st.sampled_from(lines), unique=True, max_size=5))) if lines else ()
    base = data.draw(st.integers(0, 1000))
    passages = cut([Section(text, offset=base, headings=headings)])
    covered = bytearray(len(text))
    last_start = last_end = 0
    for number, passage in enumerate(passages):
        assert passage.locator.offset is not None
        start = passage.locator.offset - base
        end = start + len(passage.text)
        assert shown(text)[start:end] == passage.text
        assert passage.text == passage.text.strip()
        assert passage.text
        assert count_words(passage.text) <= MAX_WORDS
        assert len(words(passage.text)) <= MAX_WORDS
        assert number == 0 or (start > last_start and end > last_end)
        covered[start:end] = b"\1" * (end - start)
        last_start, last_end = start, end
    assert all(flag or character.isspace() for flag, character in zip(covered, shown(text), strict=True))


@settings(max_examples=50, deadline=None)
@given(st.lists(TEXTS, min_size=2, max_size=4))
def test_a_passage_never_crosses_pages(texts: list[str]) -> None:
    passages = cut([Section(text, page=page) for page, text in enumerate(texts, 1)])
    for passage in passages:
        assert passage.locator.page is not None
        assert passage.text in shown(texts[passage.locator.page - 1])
        assert passage.locator.offset is None
    assert [p.locator.page for p in passages] == sorted(p.locator.page or 0 for p in passages)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(3, 45), min_size=20, max_size=60))
def test_neighbours_share_exactly_one_sentence(lengths: list[int]) -> None:
    sentences = [f"S{n} " + " ".join(["word"] * (length - 2)) + " end." for n, length in enumerate(lengths)]
    passages = cut([Section(" ".join(sentences), offset=0)])
    ids = [[int(found) for found in re.findall(r"S(\d+)", passage.text)] for passage in passages]
    for before, after in itertools.pairwise(ids):
        assert after[0] == before[-1], "the last sentence is repeated"
        assert after[1] == before[-1] + 1, "and it alone"


def test_a_long_sentence_is_not_repeated() -> None:
    sentences = [f"Start{n} " + "word " * 78 + "end." for n in range(6)]
    passages = cut([Section(" ".join(sentences), offset=0)])
    assert [re.findall(r"Start(\d)", p.text) for p in passages] == [["0", "1"], ["2", "3"], ["4", "5"]]


def test_paragraphs_stay_whole_where_they_fit() -> None:
    paragraphs = [f"P{n}. " + "Some words follow here. " * 35 for n in range(4)]
    passages = cut([Section("\n\n".join(paragraphs), offset=0)])
    assert len(passages) == 4
    for number, passage in enumerate(passages):
        assert f"P{number}." in passage.text
        assert passage.text.count("follow") == 35 + (number > 0)


def test_a_section_begins_with_its_heading_and_takes_nothing_from_the_one_before() -> None:
    body = "The sea was calm that day. " * 20
    text = f"Harbour\n\n{body}\n\nMountains\n\n{body.replace('sea', 'snow')}"
    at = text.index("Mountains")
    first, second = cut([Section(text, offset=0, headings=(0, at))])
    assert first.text.startswith("Harbour")
    assert second.text.startswith("Mountains")
    assert "sea" not in second.text
    assert second.locator.offset == at


def test_a_heading_is_not_left_behind_without_its_text() -> None:
    text = "Short words first.\n\nTitle\n\n" + "word " * 197 + "end."
    passages = cut([Section(text, offset=0, headings=(text.index("Title"),))])
    assert [p.text.split("\n")[0] for p in passages] == ["Short words first.", "Title"]


def test_small_sections_share_a_passage() -> None:
    text = "\n\n".join(f"Item {n}\n\nA few words about it." for n in range(5))
    headings = tuple(match.start() for match in re.finditer("Item", text))
    assert len(cut([Section(text, offset=0, headings=headings)])) == 1


def test_text_without_spaces_is_cut_by_characters() -> None:
    text = "北京是中国的首都。" * 200
    passages = cut([Section(text, offset=0)])
    assert all(300 <= len(p.text) <= 2 * MAX_WORDS for p in passages[:-1])
    assert all(p.text.endswith("。") for p in passages)


def test_an_unbroken_string_is_cut_too() -> None:
    passages = cut([Section("x" * 50_000, offset=0)])
    assert "".join(p.text for p in passages) == "x" * 50_000
    assert max(len(p.text) for p in passages) <= 20 * MAX_WORDS


def test_rows_are_cut_between_lines() -> None:
    rows = [f"{n}\tred boat\tharbour\t{n * 3}" for n in range(300)]
    passages = cut([Section("\n".join(rows), page=1, label="Boats")])
    assert len(passages) > 5
    for passage in passages:
        assert all(line in rows for line in passage.text.splitlines())
        assert passage.locator.label == "Boats"


def test_a_wide_gap_is_not_carried_along() -> None:
    passages = cut([Section("before" + " " * 5000 + "after", offset=10)])
    assert [(p.text, p.locator.offset) for p in passages] == [("before", 10), ("after", 5016)]


def test_blank_text_has_no_passages() -> None:
    assert cut([Section(" \n\n \t", offset=0), Section("", page=2)]) == ()


def test_words_are_counted_as_an_encoder_sees_them() -> None:
    assert count_words("one two  three") == 3
    assert count_words("東京都。") == 2
    assert count_words("x" * 41) == 3


def test_control_characters_do_not_reach_a_passage() -> None:
    (passage,) = cut([Section("red\x07boat\x1b[31m \ud83d two\fthree\r\nfour\x85five", offset=0)])
    assert passage.text == "red boat [31m \ufffd two\nthree\n\nfour five"


def test_a_row_of_stops_ends_no_sentence_and_takes_no_time() -> None:
    leader = "Contents " + "." * 60_000 + " 12"
    assert "".join(passage.text for passage in cut([Section(leader, offset=0)])).count(".") == 60_000
