"""The rows that a search result becomes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt

from core.types import Kind
from desktop.item_models.result_model import ResultModel, Role, Shape
from tests.desktop.conftest import answer, document, photo, spoken


def shown(model: ResultModel) -> list[tuple[Shape, str]]:
    return [(row.shape, row.text) for row in model.rows]


def test_sections_follow_strength_and_groups_follow_their_best_hit(qtmodeltester):
    model = ResultModel()
    model.show_result(
        answer(
            document(1, "the boat left"),
            photo(2),
            spoken(3, "we took the boat"),
            photo(5, score=0.2, gated=True),
        )
    )
    assert shown(model) == [
        (Shape.SECTION, "Strong · 3"),
        (Shape.GROUP, "Documents"),
        (Shape.ROW, "log-1.pdf"),
        (Shape.GROUP, "Photos"),
        (Shape.TILE, "photo-2.jpg"),
        (Shape.GROUP, "Speech"),
        (Shape.ROW, "memo-3.m4a"),
        (Shape.SECTION, "Possible · 1"),
        (Shape.GROUP, "Photos"),
        (Shape.TILE, "photo-5.jpg"),
    ]
    qtmodeltester.check(model)


def test_a_video_found_by_what_is_said_is_shown_with_the_speech():
    model = ResultModel()
    model.show_result(answer(spoken(1, "we took the boat", kind=Kind.VIDEO)))
    assert shown(model)[1:] == [(Shape.GROUP, "Speech"), (Shape.ROW, "memo-1.m4a")]


def test_hidden_matches_are_offered_only_beside_shown_ones():
    model = ResultModel()
    model.show_result(answer(photo(1), hidden=1214))
    assert shown(model)[-1] == (Shape.ACTION, "Show 1,214 possible matches")
    model.show_result(answer(hidden=1214))
    assert shown(model) == []


def test_only_hits_can_be_chosen_and_only_files_that_are_there_dragged():
    model = ResultModel()
    model.show_result(answer(photo(1), photo(2, offline=True), hidden=3))
    flags = [model.flags(model.index(row)) for row in range(model.rowCount())]
    chosen = [bool(flag & Qt.ItemFlag.ItemIsSelectable) for flag in flags]
    dragged = [bool(flag & Qt.ItemFlag.ItemIsDragEnabled) for flag in flags]
    assert chosen == [False, False, True, True, False]
    assert dragged == [False, False, True, False, False]


@pytest.mark.parametrize("name", [b"plain.jpg", b"a b#%.jpg", "船.jpg".encode(), b"latin-\xe9\xff.jpg"])
def test_a_dragged_result_names_its_file_byte_for_byte(name: bytes):
    model = ResultModel()
    model.show_result(answer(replace(photo(1), path=b"/library/" + name)))
    url = model.mimeData([model.index(2)]).urls()[0]
    from desktop.places import path_of

    assert path_of(url) == b"/library/" + name


def test_an_equal_answer_resets_nothing(qtbot):
    model = ResultModel()
    model.show_result(answer(photo(1), document(2, "boat")))
    with qtbot.assertNotEmitted(model.modelReset):
        model.show_result(answer(photo(1), document(2, "boat")))
    with qtbot.waitSignal(model.modelReset):
        model.show_result(answer(photo(1)))


def test_a_tool_tip_never_takes_a_name_for_markup():
    model = ResultModel()
    model.show_result(answer(document(1, "boat", path=b'/library/<img src="x.png">.pdf')))
    tip = model.index(2).data(Qt.ItemDataRole.ToolTipRole)
    assert tip.startswith("<qt>")
    assert "&lt;img src=&quot;x.png&quot;&gt;.pdf" in tip
    assert "<img" not in tip


def test_a_hit_reads_out_what_and_where_and_why():
    model = ResultModel()
    model.show_result(answer(spoken(3, "we took the boat out")))
    index = model.index(2)
    assert index.data(Role.HIT).file_id == 3
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "memo-3.m4a, 12:04, we took the boat out, words match"


def test_a_file_is_found_again_by_its_number():
    model = ResultModel()
    model.show_result(answer(photo(7), photo(9)))
    assert model.row_of_file(9) == 3
    assert model.row_of_file(8) is None
