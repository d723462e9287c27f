"""What a hit shows of its text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.search.snippet import ELLIPSIS, MAX_CHARS, cut_snippet, mark_words, read_marked
from core.store.segments import MARK_END, MARK_START


def marked(text: str, *words: str) -> tuple[str, list[tuple[int, int]]]:
    return text, sorted((text.index(word), text.index(word) + len(word)) for word in words)


def shown_words(snippet) -> list[str]:
    return [snippet.text[start:end] for start, end in snippet.marks]


def test_a_short_text_is_shown_whole() -> None:
    snippet = cut_snippet(*marked("The old boat left.", "boat"))
    assert snippet.text == "The old boat left."
    assert shown_words(snippet) == ["boat"]


def test_the_sentence_with_most_matches_is_chosen() -> None:
    text = (
        "A boat. "
        + "Nothing of note happened on that day. " * 10
        + "The boat left at\n   sunset with the dog. "
        + "X. " * 99
    )
    snippet = cut_snippet(*marked(text, "left", "sunset", "dog"))
    assert snippet.text.startswith(f"{ELLIPSIS}The boat left at sunset with the dog.")
    assert shown_words(snippet) == ["left", "sunset", "dog"]


def test_a_long_sentence_is_cut_around_its_matches_at_whole_words() -> None:
    text = "start " + "lorem " * 100 + "needle " + "ipsum " * 100
    snippet = cut_snippet(*marked(text, "needle"))
    assert shown_words(snippet) == ["needle"]
    assert set(snippet.text.strip(ELLIPSIS).split()) <= {"lorem", "needle", "ipsum"}


def test_without_matches_the_words_of_the_query_decide_and_else_the_start() -> None:
    text = "First sentence of all. " * 12 + "Here the boats come in. " + "More of the same follows. " * 12
    assert "boats come" in cut_snippet(text, words=["boats", "come"]).text[:60]
    assert cut_snippet(text).text.startswith("First sentence")


def test_chinese_is_cut_between_characters() -> None:
    snippet = cut_snippet("我们在北京看到红色的船。" * 60, [(295, 298)])
    assert len(snippet.text) <= MAX_CHARS + 2
    assert len(snippet.marks) == 1


def test_what_the_store_marks_is_read_back() -> None:
    snippet = read_marked(f"a {MARK_START}red boat{MARK_END} and {MARK_START}boats{MARK_END}")
    assert snippet.text == "a red boat and boats"
    assert shown_words(snippet) == ["red boat", "boats"]


def test_names_are_marked_whatever_their_case() -> None:
    snippet = mark_words("BeachSunset_2023.jpg", ["sunset", "beach"])
    assert shown_words(snippet) == ["Beach", "Sunset"]
    assert mark_words("x.(jpg", ["(", ""]).marks == ((2, 3),)


@st.composite
def texts_with_marks(draw: st.DrawFn) -> tuple[str, list[tuple[int, int]]]:
    words = draw(st.lists(st.text("abcz红色船.! \n\t", min_size=1, max_size=30), max_size=60))
    text, marks = "", []
    for word in words:
        if word.strip() and draw(st.booleans()):
            start = len(text) + len(word) - len(word.lstrip())
            marks.append((start, start + len(word.strip())))
        text += word + " "
    return text, marks


@given(texts_with_marks())
def test_marks_always_stand_on_their_words(case: tuple[str, list[tuple[int, int]]]) -> None:
    text, marks = case
    snippet = cut_snippet(text, marks)
    assert len(snippet.text) <= MAX_CHARS + 2 * len(ELLIPSIS)
    assert snippet.text.strip(ELLIPSIS) in " ".join(text.split())
    wanted = {" ".join(text[start:end].split()) for start, end in marks}
    assert all(start < end <= len(snippet.text) for start, end in snippet.marks)
    assert set(shown_words(snippet)) <= wanted


@pytest.mark.parametrize("text", ["", "   \n ", "x" * 5000])
def test_odd_texts(text: str) -> None:
    snippet = cut_snippet(text, words=["boat"])
    assert len(snippet.text) <= MAX_CHARS + 2
    assert snippet.marks == ()
