"""The question about files that are missing, and the dialog of what is passed over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QLabel, QPushButton, QToolButton

from core import private
from core.config import default_folders
from core.types import Root, RootStatus
from desktop.item_models.folder_model import FolderModel, FolderRole, FolderState
from desktop.views.dialogs.excludes import ExcludesDialog
from desktop.views.notices import RemovalBar
from desktop.window_settings import KeptFiles, open_settings

HOLIDAYS = RootStatus(Root(1, b"/home/ada/Holidays"), 12_000, 0, 0, 0, missing=3_400)
NOTES = RootStatus(Root(2, b"/home/ada/<b>Notes\xe2\x80\xae"), 300, 0, 0, 0, missing=100)
WHOLE = RootStatus(Root(3, b"/home/ada/Music"), 50, 0, 0, 0)


def press(widget, text: str) -> None:
    (found,) = (button for button in widget.findChildren(QPushButton) if button.text() == text)
    found.click()


def window_settings() -> QSettings:
    return open_settings(default_folders())


@pytest.fixture
def bar(qtbot) -> RemovalBar:
    bar = RemovalBar(KeptFiles(window_settings()))
    qtbot.addWidget(bar)
    return bar


def test_missing_files_are_asked_about_with_two_answers(qtbot, bar: RemovalBar) -> None:
    bar.show_roots([WHOLE])
    assert bar.isHidden()
    bar.show_roots([WHOLE, HOLIDAYS])
    assert not bar.isHidden()
    assert bar.text.startswith("3,400 of 12,000 files in Holidays are missing.")
    with qtbot.waitSignal(bar.agreed) as agreed:
        press(bar, "Remove from the index")
    assert agreed.args == [HOLIDAYS]
    assert bar.isHidden()


def test_keeping_answers_until_another_number_is_missing(qtbot, bar: RemovalBar) -> None:
    bar.show_roots([HOLIDAYS, NOTES])
    press(bar, "Keep")
    bar.show_roots([HOLIDAYS, NOTES])
    assert "<b>Notes\ufffd" in bar.text
    press(bar, "Keep")
    bar.show_roots([HOLIDAYS, NOTES])
    assert bar.isHidden()
    bar.show_roots([replace(HOLIDAYS, missing=5_000)])
    assert not bar.isHidden()


def asked_anew(qtbot, *roots: RootStatus) -> str:
    """What a window that is started now would ask about."""
    bar = RemovalBar(KeptFiles(window_settings()))
    qtbot.addWidget(bar)
    bar.show_roots(roots)
    return "" if bar.isHidden() else bar.text


def test_keep_lasts_until_more_is_missing_also_after_a_restart(qtbot, bar: RemovalBar) -> None:
    bar.show_roots([HOLIDAYS])
    press(bar, "Keep")
    assert bar.isHidden()
    assert asked_anew(qtbot, HOLIDAYS) == ""
    assert asked_anew(qtbot, replace(HOLIDAYS, files=11_990)) == ""  # the words differ, the question does not
    assert asked_anew(qtbot, HOLIDAYS, NOTES).startswith("100 of 300")
    assert asked_anew(qtbot, replace(HOLIDAYS, missing=3_401)).startswith("3,401 of")


def test_what_came_back_and_goes_again_is_asked_about(qtbot, bar: RemovalBar) -> None:
    bar.show_roots([HOLIDAYS])
    press(bar, "Keep")
    assert asked_anew(qtbot, replace(HOLIDAYS, missing=400)) == ""
    assert asked_anew(qtbot, HOLIDAYS).startswith("3,400 of")


def test_dismissing_is_for_this_window_alone(qtbot, bar: RemovalBar) -> None:
    bar.show_roots([HOLIDAYS])
    [cross] = [button for button in bar.findChildren(QToolButton) if button.accessibleName() == "Dismiss"]
    cross.click()
    bar.show_roots([HOLIDAYS])
    assert bar.isHidden()
    assert asked_anew(qtbot, HOLIDAYS).startswith("3,400 of")


def test_nothing_of_a_folder_that_is_gone_stays_in_the_windows_settings(qtbot, bar: RemovalBar) -> None:
    bar.show_roots([HOLIDAYS, NOTES])
    press(bar, "Keep")
    settings = window_settings()
    settings.sync()
    path = default_folders().config / "window.ini"
    assert "Holidays" not in path.read_text("utf-8")
    assert private.is_open(path) is False
    asked_anew(qtbot, NOTES)
    assert window_settings().allKeys() == []


def test_the_question_goes_when_the_files_are_back(bar: RemovalBar) -> None:
    bar.show_roots([HOLIDAYS])
    bar.show_roots([replace(HOLIDAYS, missing=0)])
    assert bar.isHidden()


def test_the_folder_says_what_is_missing(qtmodeltester) -> None:
    model = FolderModel()
    model.show_roots([HOLIDAYS])
    assert model.index(0).data(FolderRole.STATE) is FolderState.MISSING
    assert model.index(0).data(FolderRole.DETAIL) == "3,400 of 12,000 missing"
    qtmodeltester.check(model)


@pytest.fixture
def dialog(qtbot) -> ExcludesDialog:
    dialog = ExcludesDialog("Pictures")
    qtbot.addWidget(dialog)
    return dialog


def saving(dialog: ExcludesDialog) -> QPushButton:
    (found,) = (button for button in dialog.findChildren(QPushButton) if button.text() == "Save")
    return found


def test_patterns_are_counted_before_they_can_be_saved(qtbot, dialog: ExcludesDialog) -> None:
    with qtbot.waitSignal(dialog.asked) as asked:
        dialog.show_patterns(("*.bak",))
    assert asked.args == [("*.bak",)]
    assert not saving(dialog).isEnabled()
    dialog.show_count(("*.bak",), 0)
    assert saving(dialog).isEnabled()
    with qtbot.waitSignal(dialog.asked) as asked:
        dialog._editor.appendPlainText("Private/\n\n")
    assert asked.args == [("*.bak", "Private/")]
    dialog.show_count(("*.bak",), 7)  # an answer to what was asked before
    assert not saving(dialog).isEnabled()
    dialog.show_count(("*.bak", "Private/"), 1_234)
    assert dialog._state.text() == "1,234 files leave the index."
    assert saving(dialog).isEnabled()
    assert dialog.patterns() == ("*.bak", "Private/")


def test_a_bad_pattern_is_told_and_cannot_be_saved(qtbot, dialog: ExcludesDialog) -> None:
    dialog.show_patterns(("[z-a]",))
    dialog.show_trouble(("[z-a]",), "“[z-a]” is not a pattern")
    assert dialog._trouble.text() == "“[z-a]” is not a pattern"
    assert dialog._trouble.textFormat() is Qt.TextFormat.PlainText
    assert not saving(dialog).isEnabled()


def test_patterns_of_all_folders_say_so(qtbot) -> None:
    dialog = ExcludesDialog(None)
    qtbot.addWidget(dialog)
    assert dialog.windowTitle() == "Excluded everywhere"
    assert any(one.text().startswith("These hold in every folder. ") for one in dialog.findChildren(QLabel))
