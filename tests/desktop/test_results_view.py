"""The list under keys, mouse and scrolling."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt

from core.types import SearchResult
from desktop.item_models.result_model import ResultModel, Role
from desktop.views.marked_text import marked_layout
from desktop.views.results_view import ResultsView
from tests.desktop.conftest import answer, document, photo, spoken

pytestmark = pytest.mark.windowed


@pytest.fixture
def view(qtbot, thumbnails):
    view = ResultsView(thumbnails)
    view.setModel(ResultModel(view))
    view.resize(700, 500)
    qtbot.addWidget(view)
    view.show()
    qtbot.waitExposed(view)
    return view


def show(view: ResultsView, result: SearchResult) -> None:
    view.model().show_result(result)


def name_of_current(view: ResultsView) -> str:
    hit = view.current_hit()
    return hit.name if hit is not None else ""


def press(qtbot, view: ResultsView, *keys: Qt.Key) -> None:
    for key in keys:
        qtbot.keyClick(view, key)


def test_arrows_walk_over_hits_and_skip_headings(qtbot, view):
    show(view, answer(photo(1), photo(2), document(3, "boat"), spoken(4, "boat"), hidden=2))
    press(qtbot, view, Qt.Key.Key_Down)
    assert name_of_current(view) == "photo-1.jpg"
    press(qtbot, view, Qt.Key.Key_Right)
    assert name_of_current(view) == "photo-2.jpg"
    press(qtbot, view, Qt.Key.Key_Down)
    assert name_of_current(view) == "log-3.pdf"
    press(qtbot, view, Qt.Key.Key_Down)
    assert name_of_current(view) == "memo-4.m4a"
    press(qtbot, view, Qt.Key.Key_Home)
    assert name_of_current(view) == "photo-1.jpg"
    press(qtbot, view, Qt.Key.Key_End)
    assert view.currentIndex().row() == view.model().rowCount() - 1


def test_down_keeps_the_column(qtbot, view):
    show(view, answer(*(photo(number) for number in range(9))))
    view.select_first()
    press(qtbot, view, Qt.Key.Key_Right)
    before = view.visualRect(view.currentIndex())
    press(qtbot, view, Qt.Key.Key_Down)
    after = view.visualRect(view.currentIndex())
    assert after.top() > before.top()
    assert abs(after.center().x() - before.center().x()) < before.width()


def test_return_opens_and_space_previews(qtbot, view):
    show(view, answer(photo(1)))
    view.select_first()
    with qtbot.waitSignal(view.opened) as opened:
        press(qtbot, view, Qt.Key.Key_Return)
    assert opened.args[0].name == "photo-1.jpg"
    with qtbot.waitSignal(view.preview_requested):
        press(qtbot, view, Qt.Key.Key_Space)


def test_the_row_of_possible_matches_is_pressed_by_mouse_and_by_key(qtbot, view):
    show(view, answer(photo(1), hidden=5))
    last = view.model().index(view.model().rowCount() - 1, 0)
    with qtbot.waitSignal(view.action_triggered):
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(last).center())
    press(qtbot, view, Qt.Key.Key_End)
    with qtbot.waitSignal(view.action_triggered):
        press(qtbot, view, Qt.Key.Key_Return)


def test_only_thumbnails_in_view_are_decoded(qtbot, view, thumbnail_store):
    for number in range(200):
        thumbnail_store.add(f"hash-{number}", 256, 192)
    show(view, answer(*(photo(number) for number in range(200))))
    with qtbot.waitSignal(view._thumbnails.loaded):
        view.repaint()
    qtbot.waitUntil(lambda: len(set(thumbnail_store.asked)) >= 6)
    qtbot.wait(50)
    assert len(set(thumbnail_store.asked)) < 30
    assert "hash-199" not in thumbnail_store.asked
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())
    qtbot.waitUntil(lambda: "hash-199" in thumbnail_store.asked)


def test_the_focused_hit_stays_focused_when_results_refresh(qtbot, view):
    show(view, answer(photo(1), photo(2), document(3, "boat")))
    view.setCurrentIndex(view.model().index(3, 0))
    assert name_of_current(view) == "photo-2.jpg"
    show(view, answer(document(3, "boat"), photo(5), photo(2)))
    assert name_of_current(view) == "photo-2.jpg"
    show(view, answer(document(3, "boat")))
    assert view.current_hit() is None


def test_a_point_between_hits_is_no_hit(view):
    show(view, answer(photo(1), document(2, "boat")))
    assert not view.indexAt(QPoint(2, 2)).isValid()
    rect = view.visualRect(view.model().index(2, 0))
    assert view.indexAt(rect.center()).data(Role.HIT).file_id == 1


def test_rubber_band_selection_takes_hits_only(view):
    show(view, answer(photo(1), photo(2), document(3, "boat")))
    view.selectAll()
    assert [hit.file_id for hit in view.selected_hits()] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("the boat left at sunset " * 40, ((4, 8), (17, 23))),
        ("𝔟oat " * 200, ((0, 5),)),
        ("船" * 400, ((0, 1),)),
        ("one\ntwo\r\nthree", ()),
        ("", ()),
    ],
)
def test_a_snippet_takes_two_lines_at_most_and_says_when_it_is_cut(qapp, text, marks):
    layout = marked_layout(text, marks, 300, max_lines=2)
    assert layout.lineCount() <= 2
    assert layout.text().endswith("…") == (len(text) > 100)
    assert all(layout.lineAt(number).naturalTextWidth() <= 301 for number in range(layout.lineCount()))


def test_marks_fall_on_the_words_beyond_the_basic_plane(qapp):
    layout = marked_layout("𝔞𝔟 boat", ((3, 7),), 400)
    (span,) = layout.formats()
    units = layout.text().encode("utf-16-le")
    assert units[2 * span.start : 2 * (span.start + span.length)].decode("utf-16-le") == "boat"
