"""The bar: words, examples, filters, and the chips that take them away again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from core.types import Kind
from desktop.views.chips import Chip
from desktop.views.search_bar import Ask, SearchBar, dates_text

pytestmark = pytest.mark.windowed

FULL = Ask("boat", (Path("/a/one.jpg"),), Kind.PHOTO, Path("/a"), date(2023, 1, 1), date(2024, 1, 1))


@pytest.fixture
def bar(qtbot):
    bar = SearchBar()
    bar.resize(1200, 56)
    qtbot.addWidget(bar)
    bar.show()
    return bar


def chips(bar: SearchBar) -> list[Chip]:
    return [chip for chip in bar.findChildren(Chip) if chip.isVisible()]


def test_what_is_typed_is_asked(qtbot, bar):
    with qtbot.waitSignal(bar.asked):
        qtbot.keyClicks(bar.field.line, "boat")
    assert bar.ask == Ask("boat")


def test_every_part_has_a_chip_and_each_chip_takes_its_part_away(qtbot, bar):
    bar.set_ask(FULL)
    qtbot.waitUntil(lambda: len(chips(bar)) == 4)
    assert [chip.text() for chip in chips(bar)] == ["one.jpg", "Photos", "a", "2023"]
    steps = (
        replace(FULL, examples=()),
        replace(FULL, examples=(), kind=None),
        replace(FULL, examples=(), kind=None, folder=None),
        Ask("boat"),
    )
    for left, without in zip((3, 2, 1, 0), steps, strict=True):
        chips(bar)[0].click()
        assert bar.ask == without
        qtbot.waitUntil(lambda left=left: len(chips(bar)) == left)


def test_a_chip_leaves_words_typed_after_it_alone(qtbot, bar):
    bar.set_ask(Ask("boat", kind=Kind.PHOTO))
    qtbot.waitUntil(lambda: len(chips(bar)) == 1)
    qtbot.keyClicks(bar.field.line, "s")
    chips(bar)[0].click()
    assert bar.ask == Ask("boats")


def test_backspace_in_the_empty_field_takes_the_last_chip(qtbot, bar):
    bar.set_ask(Ask("", (Path("/a/one.jpg"),), Kind.PHOTO))
    qtbot.keyClick(bar.field.line, Qt.Key.Key_Backspace)
    assert bar.ask == Ask("", (Path("/a/one.jpg"),))


def test_the_query_carries_everything_that_is_asked():
    query = FULL.query()
    assert query.text == "boat"
    assert query.like == (Path("/a/one.jpg"),)
    assert query.kinds == {Kind.PHOTO}
    assert query.folder == Path("/a")
    assert (query.after, query.before) == (date(2023, 1, 1), date(2024, 1, 1))
    assert not query.include_gated


def test_changed_words_hide_possible_matches_again(qtbot, bar):
    bar.set_ask(Ask("boat", possible=True))
    qtbot.keyClicks(bar.field.line, "s")
    assert not bar.ask.possible


def test_clearing_keeps_the_place_that_is_searched(bar):
    bar.set_ask(FULL)
    bar.clear()
    assert bar.ask == Ask("", (), Kind.PHOTO, Path("/a"), date(2023, 1, 1), date(2024, 1, 1))


@pytest.mark.parametrize(
    ("after", "before", "text"),
    [
        (date(2023, 1, 1), date(2024, 1, 1), "2023"),
        (date(2023, 6, 21), date(2023, 6, 22), "21 Jun 2023"),
        (date(2023, 6, 1), date(2023, 7, 1), "1 Jun 2023 – 30 Jun 2023"),
        (date(2023, 6, 1), None, "since 1 Jun 2023"),
        (None, date(2023, 7, 1), "until 30 Jun 2023"),
        (None, None, ""),
    ],
)
def test_dates_are_said_with_their_last_day_included(after, before, text):
    assert dates_text(after, before) == text
