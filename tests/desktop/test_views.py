"""Status line, folders, empty states, advice, dialogs: what they say for what is."""

from __future__ import annotations

import os
import wave
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QScrollArea, QToolTip, QWidget

from core.config import Settings, default_folders
from core.types import Failure, Kind, ModelInfo, ModelRole, PauseReason, Progress, Root, RootStatus, Stage, Status
from desktop.item_models.failure_model import FailureModel
from desktop.item_models.folder_model import FolderModel, FolderRole, FolderState
from desktop.views import empty_state
from desktop.views.advice import advise
from desktop.views.dialogs.failures import FailuresDialog
from desktop.views.dialogs.models import ModelsDialog
from desktop.views.dialogs.sheets import DatesDialog, ShortcutSheet
from desktop.views.drop_overlay import DropOverlay
from desktop.views.empty_state import EmptyStateView
from desktop.views.example_input import ExampleInput
from desktop.views.notices import ErrorBar, NoticeBar, Toast
from desktop.views.preview.pane import PreviewPane
from desktop.views.preview.player import Player
from desktop.views.search_bar import Ask, SearchBar
from desktop.views.sidebar import Sidebar
from desktop.views.status_line import StatusLine
from desktop.workers.library import Snapshot
from desktop.workers.operations import Operations
from tests.desktop.conftest import answer, document, photo, spoken

pytestmark = pytest.mark.windowed

MARKUP = '<img src="file:///etc/passwd"> <b>bold</b>'
STATUS = Status(1, 18_300, {Kind.PHOTO: 18_000}, 5, 5, 0, {}, 0, 0, 1_000, None)
TEXT_MODEL = ModelInfo(
    "text", ModelRole.TEXT, "MiniLM", 91_000_000, "Apache-2.0", "English", 384, "a package", True, True
)
PHOTO_MODEL = ModelInfo(
    "clip", ModelRole.PHOTO, "CLIP", 605_000_000, "MIT", "English", 512, "hub.example/clip", False, False
)


def texts(widget: QWidget, kind: type = QLabel) -> list[str]:
    return [child.text() for child in widget.findChildren(kind) if child.isVisibleTo(widget) and child.text()]


def press(widget: QWidget, text: str) -> None:
    (found,) = (child for child in widget.findChildren(QPushButton) if child.text().strip() == text)
    found.click()


# Status line


@pytest.fixture
def line(qtbot):
    line = StatusLine(demo=False)
    line.resize(1200, 34)
    qtbot.addWidget(line)
    return line


def test_the_status_line_says_what_is_done_and_how_long_it_takes(line):
    line.show_progress(Progress(Stage.CONTENT, 4210, 18300, "a.jpg", 31.2, 480.0, 0))
    assert line.text == "Reading files: 4,210 of 18,300 · 31/s · 8 min left"
    line.show_progress(Progress(None, 18300, 18300, None, 0.0, None, 0))
    line.show_status(STATUS)
    assert line.text == "18,300 files, up to date"


def test_work_that_waits_by_itself_says_why_and_can_be_had_anyway(qtbot, line):
    waiting = Progress(None, 300, 1500, None, 0.0, None, 0, paused=PauseReason.BATTERY)
    line.show_progress(waiting)
    assert line.text == "Paused on battery · 1,200 files left"
    with qtbot.waitSignal(line.anyway_requested):
        press(line, "Index anyway")
    line.show_progress(replace(waiting, paused=PauseReason.BUSY))
    assert line.text == "Paused while the computer is busy · 1,200 files left"
    line.show_progress(replace(waiting, paused=PauseReason.PREPARING))
    assert line.text == "Choosing how a model runs fastest on this computer · 1,200 files left"
    assert "Index anyway" not in texts(line, QPushButton)
    line.show_progress(replace(waiting, paused=None, stage=Stage.CONTENT))
    assert texts(line, QPushButton) == []


def test_the_status_line_offers_models_and_failures_only_when_there_are_any(qtbot, line):
    line.show_status(STATUS)
    assert texts(line, QPushButton) == []
    line.show_status(replace(STATUS, waiting={ModelRole.SPEECH: 12}, failed=3))
    assert texts(line, QPushButton) == ["Speech waits for a model (12)  ·  Get", "3 not read"]
    with qtbot.waitSignal(line.models_requested):
        press(line, "Speech waits for a model (12)  ·  Get")
    with qtbot.waitSignal(line.failures_requested):
        press(line, "3 not read")


def test_a_paused_index_says_what_is_left(line):
    line.show_status(replace(STATUS, pending=1500))
    line.show_running(False)
    assert line.text == "Indexing is paused · 1,500 files left"


def test_the_demo_is_named(qtbot):
    line = StatusLine(demo=True)
    qtbot.addWidget(line)
    assert "Demo library" in texts(line)


# Folders


def root(path: bytes = b"/home/ada/Pictures", **counts: int) -> RootStatus:
    values = {"files": 100, "pending": 0, "waiting": 0, "failed": 0} | counts
    return RootStatus(Root(1, path), **values)


@pytest.mark.parametrize(
    ("status", "state", "detail"),
    [
        (root(), FolderState.READY, "100 files"),
        (root(pending=40), FolderState.INDEXING, "40 left"),
        (root(failed=3), FolderState.FAILED, "100 files · 3 not read"),
        (root(waiting=9), FolderState.WAITING, "100 files"),
        (replace(root(pending=40), root=Root(1, b"/mnt/nas", offline=True)), FolderState.AWAY, "Away · 100 files kept"),
    ],
)
def test_a_folder_shows_its_state(qtmodeltester, status, state, detail):
    model = FolderModel()
    model.show_roots([status])
    index = model.index(0)
    assert index.data(FolderRole.STATE) is state
    assert index.data(FolderRole.DETAIL) == detail
    qtmodeltester.check(model)


def test_a_folder_that_is_not_watched_says_why_and_once_by_itself(qtbot):
    model = FolderModel()
    sidebar = Sidebar(model)
    qtbot.addWidget(sidebar)
    model.show_roots([root()])
    sidebar.show()
    noted = replace(root(), watch_note="limit <b>reached</b>: echo a=1 | sudo tee b && sudo c")
    with qtbot.waitSignal(model.noted):
        model.show_roots([noted])
    assert model.index(0).data(FolderRole.STATE) is FolderState.UNWATCHED
    assert model.index(0).data(FolderRole.DETAIL) == "100 files · not watched"
    told = model.index(0).data(Qt.ItemDataRole.ToolTipRole)
    assert "limit &lt;b&gt;reached" in told
    assert QToolTip.text() == told
    with qtbot.assertNotEmitted(model.noted):
        model.show_roots([replace(noted, files=101)])
        model.show_roots([root()])
    assert model.index(0).data(FolderRole.STATE) is FolderState.READY


def test_new_counts_leave_the_chosen_folder_chosen(qtbot):
    model = FolderModel()
    sidebar = Sidebar(model)
    qtbot.addWidget(sidebar)
    model.show_roots([root(), root(b"/home/ada/Notes")])
    sidebar.folders.show_chosen(b"/home/ada/Notes")
    with qtbot.assertNotEmitted(model.modelReset):
        model.show_roots([root(pending=3), root(b"/home/ada/Notes", pending=2)])
    assert sidebar.folders.current_status().root.path == b"/home/ada/Notes"
    assert sidebar.folders.current_status().pending == 2


def test_a_second_click_on_a_folder_widens_the_search_again(qtbot):
    model = FolderModel()
    sidebar = Sidebar(model)
    sidebar.resize(216, 500)
    qtbot.addWidget(sidebar)
    sidebar.show()
    model.show_roots([root()])
    folders = sidebar.folders
    middle = folders.visualRect(model.index(0)).center()
    with qtbot.waitSignal(folders.chosen) as first:
        qtbot.mouseClick(folders.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    assert first.args[0].root.path == b"/home/ada/Pictures"
    folders.show_chosen(b"/home/ada/Pictures")
    with qtbot.waitSignal(folders.chosen) as second:
        qtbot.mouseClick(folders.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    assert second.args[0] is None


def test_delete_asks_to_remove_the_folder(qtbot):
    model = FolderModel()
    sidebar = Sidebar(model)
    qtbot.addWidget(sidebar)
    model.show_roots([root()])
    sidebar.folders.setCurrentIndex(model.index(0))
    with qtbot.waitSignal(sidebar.folders.remove_requested):
        qtbot.keyClick(sidebar.folders, Qt.Key.Key_Delete)


# Empty states and advice


def test_the_first_run_offers_a_folder_and_the_demo():
    assert [choice.name for choice in empty_state.first_run(demo_offered=True).choices] == ["add-folder", "demo"]
    assert [choice.name for choice in empty_state.first_run(demo_offered=False).choices] == ["add-folder"]


def test_nothing_found_offers_what_would_find_more():
    ask = Ask("boat", kind=Kind.PHOTO, after=date(2023, 1, 1), before=date(2024, 1, 1))
    status = replace(STATUS, pending=40, waiting={ModelRole.PHOTO: 12})
    state = empty_state.nothing(ask, answer(hidden=6), status)
    assert state.title == "Nothing here matches"
    assert [choice.name for choice in state.choices] == ["widen", "possible", "models"]
    assert state.lines[0] == "The search is narrowed to Photos, 2023."
    bare = empty_state.nothing(Ask("boat"), answer(), STATUS)
    assert bare.choices == ()
    assert bare.lines == ("Try other words, fewer words, or an example file.",)


def test_a_choice_tells_its_name(qtbot):
    chosen: list[str] = []
    view = EmptyStateView(chosen.append)
    qtbot.addWidget(view)
    view.show_state(empty_state.first_run(demo_offered=True))
    press(view, "Try the demo library")
    assert chosen == ["demo"]


@pytest.mark.parametrize(
    ("models", "ask", "says"),
    [
        ((TEXT_MODEL, PHOTO_MODEL), Ask("boat"), "Until a photo model is here"),
        ((TEXT_MODEL, PHOTO_MODEL), Ask("船"), "understands English"),
        ((TEXT_MODEL, PHOTO_MODEL), Ask("boat", kind=Kind.DOCUMENT), None),
        ((TEXT_MODEL, replace(PHOTO_MODEL, installed=True, active=True)), Ask("naïve café"), None),
        ((replace(TEXT_MODEL, languages="100 languages"),), Ask("船", kind=Kind.DOCUMENT), None),
        ((TEXT_MODEL, PHOTO_MODEL), Ask(""), None),
    ],
)
def test_one_line_says_what_limits_the_search(models, ask, says):
    advice = advise(Snapshot(STATUS, (), models, Settings(default_folders())), ask)
    assert (advice is None) == (says is None)
    assert says is None or says in advice.text


# Dialogs


def test_the_models_dialog_shows_the_price_before_the_yes(qtbot):
    dialog = ModelsDialog()
    qtbot.addWidget(dialog)
    dialog.show_models([PHOTO_MODEL, TEXT_MODEL, replace(PHOTO_MODEL, name="demo", demo=True, installed=True)])
    dialog.show()
    area = dialog.findChild(QScrollArea)
    assert area.widget().minimumSizeHint().width() <= area.viewport().width()
    shown = [text.replace("\u200b", "") for text in texts(dialog)]
    assert "English · 605 MB · MIT" in shown
    assert "Source: hub.example/clip" in shown
    assert "Demo" in shown
    assert "In use" in shown
    with qtbot.waitSignal(dialog.get_requested) as asked:
        press(dialog, "Get 605 MB")
    assert asked.args == ["clip"]
    dialog.show_progress("clip", 121_000_000, 605_000_000)
    assert "121 MB of 605 MB" in texts(dialog)
    with qtbot.waitSignal(dialog.use_requested):
        press(dialog, "Use")
    dialog.show_stopped("clip", "there is no network")
    assert "there is no network" in texts(dialog)


def test_failures_come_before_files_known_by_name_only(qtbot, qtmodeltester):
    skipped = Failure(b"/a/old.doc", Kind.DOCUMENT, "Word 97 files are not read", 1, skipped=True)
    failed = Failure(b"/a/caf\xe9.pdf", Kind.DOCUMENT, "the file is cut off", 2)
    model = FailureModel()
    model.show_failures([skipped, failed])
    cells = [[model.index(row, column).data() for column in range(3)] for row in range(2)]
    assert cells == [
        ["caf\ufffd.pdf", "the file is cut off", "/a"],
        ["old.doc", "Found by name only: Word 97 files are not read", "/a"],
    ]
    qtmodeltester.check(model)
    dialog = FailuresDialog()
    qtbot.addWidget(dialog)
    dialog.show_failures([skipped, failed])
    with qtbot.waitSignal(dialog.reveal_requested) as asked:
        press(dialog, "Show in folder")
    assert bytes(asked.args[0]) == b"/a/caf\xe9.pdf"
    assert "/a/caf\ufffd.pdf: the file is cut off" in texts(dialog)
    dialog._table.selectRow(1)
    assert "/a/old.doc: Found by name only: Word 97 files are not read" in texts(dialog), "a column may cut it"


def test_one_failure_or_all_are_tried_again(qtbot):
    dialog = FailuresDialog()
    qtbot.addWidget(dialog)
    dialog.show_failures(
        [
            Failure(b"/a/caf\xe9.pdf", Kind.DOCUMENT, "the file is cut off", 2),
            Failure(b"/a/b.pdf", Kind.DOCUMENT, "needs a password", 1),
            Failure(b"/a/old.doc", Kind.DOCUMENT, "Word 97 files are not read", 1, skipped=True),
        ]
    )
    with qtbot.waitSignal(dialog.retry_requested) as asked:
        press(dialog, "Try again")
    assert asked.args == [[b"/a/caf\xe9.pdf"]]
    with qtbot.waitSignal(dialog.retry_requested) as asked:
        press(dialog, "Try all again")
    assert asked.args == [None]
    dialog._table.selectRow(2)
    with qtbot.assertNotEmitted(dialog.retry_requested):
        press(dialog, "Try again")


def test_swapped_dates_are_put_right(qtbot):
    dialog = DatesDialog(date(2023, 6, 1), date(2023, 5, 2))
    qtbot.addWidget(dialog)
    assert dialog.dates() == (date(2023, 5, 1), date(2023, 6, 2))


def test_the_sheet_lists_every_key(qtbot):
    from desktop.actions import SPECS

    sheet = ShortcutSheet()
    qtbot.addWidget(sheet)
    shown = texts(sheet)
    assert all(spec.label in shown for spec in SPECS)
    assert "Ctrl+F" in shown


# Names are never markup


def test_no_label_takes_a_name_for_markup(qtbot, thumbnails, tmp_path):
    """A file named ``<img src=...>`` must be shown, not loaded, wherever its name or its text appears."""
    hit = document(1, MARKUP, path=f"/library/{MARKUP.replace('/', ':')}.pdf".encode())
    preview = PreviewPane(thumbnails)
    parent = QWidget()
    parent.resize(900, 600)
    error, notice, toast = ErrorBar(parent), NoticeBar(parent), Toast(parent)
    overlay = DropOverlay(parent, ExampleInput(tmp_path, Operations(parent), parent))
    view = EmptyStateView(lambda name: None)
    bar = SearchBar()
    failures = FailuresDialog()
    models = ModelsDialog()
    for widget in (preview, parent, view, bar, failures, models):
        qtbot.addWidget(widget)
    preview.show_hit(hit, MARKUP)
    preview.show_hit(replace(spoken(2, MARKUP), path=hit.path), MARKUP)
    preview.show_hit(photo(3), MARKUP)
    error.show_line(MARKUP, "Do", print)
    notice.show_line(MARKUP)
    toast.say(MARKUP)
    overlay.offer([Path(MARKUP)], [])
    bar.set_ask(Ask(MARKUP, (Path("/a/" + MARKUP.replace("/", ":")),)))
    view.show_state(empty_state.nothing(Ask("x", folder=Path(MARKUP)), answer(), STATUS))
    failures.show_failures([Failure(MARKUP.encode(), Kind.OTHER, MARKUP, 1)])
    models.show_models([replace(TEXT_MODEL, title=MARKUP, source=MARKUP)])
    models.show_trouble(MARKUP)
    widgets = (preview, parent, view, bar, failures, models)
    labels = [label for widget in widgets for label in widget.findChildren(QLabel) if label.text()]
    assert sum(MARKUP in label.text() for label in labels) >= 5
    assert all(label.textFormat() is Qt.TextFormat.PlainText for label in labels)
    tips = [child.toolTip() for widget in widgets for child in widget.findChildren(QWidget)]
    assert not [tip for tip in tips if "<img" in tip]


def test_the_preview_shows_words_and_facts(qtbot, thumbnails):
    pane = PreviewPane(thumbnails)
    qtbot.addWidget(pane)
    pane.show_hit(document(1, "the boat left"), "boat")
    shown = [text.replace("\u200b", "") for text in texts(pane)]
    assert "log-1.pdf" in shown
    assert "/library" in shown
    assert "4 Mar 2022" in shown
    assert "words match" in shown
    pane.show_hit(None, "")
    assert "Choose a result to see it here." in texts(pane)


def test_a_file_on_a_drive_that_is_away_cannot_be_opened_from_the_preview(qtbot, thumbnails):
    pane = PreviewPane(thumbnails)
    qtbot.addWidget(pane)
    pane.show_hit(photo(1, offline=True), "boat")
    assert "Open" not in texts(pane, QPushButton)
    assert any("away" in text for text in texts(pane))


def test_the_player_begins_at_the_moment_that_was_found(qtbot, tmp_path):
    pytest.importorskip("PySide6.QtMultimedia", reason="this computer lacks the libraries to play sound")
    path = tmp_path / "memo.wav"
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(8_000)
        recording.writeframes(bytes(2 * 8_000 * 20))
    player = Player()
    qtbot.addWidget(player)
    player.show_file(os.fsencode(path), video=False, start_s=7.0)
    player.toggle()
    qtbot.waitUntil(lambda: player._slider.value() >= 7_000, timeout=30_000)
    assert player._slider.value() < 15_000
    player.show_file(b"/nowhere/memo.wav", video=False, start_s=0.0)
    player.stop()
    player.toggle()
    qtbot.waitUntil(lambda: "cannot be played" in player._trouble.text(), timeout=30_000)
    player.release()
