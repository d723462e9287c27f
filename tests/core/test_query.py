"""Typed words to terms. Whatever is typed, full text must be able to run it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.config import folders_under
from core.search.query import MAX_TERMS, parse
from core.store.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    folders = folders_under(tmp_path_factory.mktemp("query"))
    folders.create()
    store = Store(folders)
    yield store
    store.close()


def terms(text: str) -> list[str]:
    return [" ".join(term.words) for term in parse(text).terms]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("boat at sunset", ["boat", "sunset"]),
        ("what similarity laws must be obeyed", ["similarity", "laws", "obeyed"]),
        ("the who", ["the", "who"]),  # stop words alone are what is asked for
        ('"to be or not" question', ["to be or not", "question"]),
        ("boat boat", ["boat"]),
        ("红色的船", ["红 色", "色 的", "的 船"]),
        ("船", ["船"]),
        ("東京タワー", ["東 京", "タワー"]),
        ("aero-elastic", ["aero", "elastic"]),
        ("...", []),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_names_are_asked_whole_and_in_parts() -> None:
    words = [term.words for term in parse("IMG_0412.jpg").name_terms]
    assert words[0] == ("IMG_0412",)
    assert ("0412",) in words


def test_the_encoders_get_what_was_typed_without_quotes() -> None:
    assert parse(' "red boat"  at\tnight\x00 ').text == "red boat at night"


def test_a_pasted_page_is_cut() -> None:
    assert len(parse(" ".join(f"word{n}x" for n in range(500))).terms) == MAX_TERMS


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=60))
@example('"')
@example('"" AND OR NEAR(a b, 3) NOT * ^ : - + { } ( )')
@example("name : x")
@example("\ud800 lone surrogate")
@example("a\x00b")
@example("'; DROP TABLE files; --")
def test_nothing_that_can_be_typed_is_an_error(store: Store, text: str) -> None:
    parsed = parse(text)
    parsed.text.encode("utf-8")
    if parsed.terms:
        postings = store.segments.texts.postings([term.words for term in parsed.terms])
        assert postings.counts.tolist() == [0] * len(parsed.terms)
        assert store.segments.texts.candidates(postings, np.ones(len(parsed.terms))).rowids.size == 0
    if parsed.name_terms:
        assert store.files.names.postings([term.words for term in parsed.name_terms]).counts.sum() == 0
