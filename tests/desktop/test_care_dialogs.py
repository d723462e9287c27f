"""The check of the index and the question before something is forgotten: what they say, and what they ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QLineEdit, QProgressBar, QPushButton

from core.types import Check
from desktop.views.dialogs.check import CheckDialog, CheckRow
from desktop.views.dialogs.forget import ForgetDialog
from tests.desktop.plain import MARKUP, faults

GOOD = Check("index", True, "12 files, 0.4 MB, consistent")
BAD = Check("vectors", False, "3 vectors do not match their checksum")


def button(dialog, text: str) -> QPushButton:
    (found,) = (one for one in dialog.findChildren(QPushButton) if one.text() == text)
    return found


def texts(dialog) -> list[str]:
    return [one.text() for one in dialog.findChildren(QLabel) if one.isVisibleTo(dialog) and one.text()]


@pytest.fixture
def check(qtbot) -> CheckDialog:
    dialog = CheckDialog()
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def rows(dialog: CheckDialog) -> list[str]:
    QApplication.processEvents()  # what joins a layout is shown a turn later
    return [row.accessibleName() for row in dialog.findChildren(CheckRow) if row.isVisibleTo(dialog)]


def test_a_check_says_how_far_it_is_and_what_it_found(check: CheckDialog) -> None:
    check.show_checking()
    check.show_step("vectors", 5_000, 20_000)
    assert "Vectors: 5,000 of 20,000" in texts(check)
    (bar,) = check.findChildren(QProgressBar)
    assert (bar.value(), bar.maximum()) == (5_000, 20_000)
    assert not button(check, "Check again").isEnabled()
    check.show_checks([GOOD])
    assert "Everything is in order" in texts(check)
    assert rows(check) == ["Index: In order, 12 files, 0.4 MB, consistent"]
    assert not bar.isVisible()
    assert not button(check, "Repair").isVisible()


def test_a_repair_is_offered_where_something_is_wrong_and_says_what_it_did(qtbot, check: CheckDialog) -> None:
    check.show_checks([GOOD, BAD])
    assert "One thing is not in order" in texts(check)
    assert rows(check)[1] == "Vectors: Not in order, 3 vectors do not match their checksum"
    with qtbot.waitSignal(check.repair_requested):
        button(check, "Repair").click()
    check.show_waiting()
    check.show_repairing()
    assert not button(check, "Repair").isEnabled()
    check.show_repaired(["removed 3 damaged vectors"], [GOOD])
    assert "Removed 3 damaged vectors." in texts(check)
    assert "Everything is in order" in texts(check)
    assert len(rows(check)) == 1
    assert not button(check, "Repair").isVisible()


def test_trouble_with_a_repair_leaves_what_was_found(check: CheckDialog) -> None:
    check.show_checks([BAD])
    check.show_repairing()
    check.show_trouble("the index is being written by findling index (process 4711)")
    assert "The index is being written by findling index (process 4711)" in texts(check)
    assert len(rows(check)) == 1
    assert button(check, "Repair").isEnabled()


def test_nothing_in_a_check_is_markup(check: CheckDialog) -> None:
    check.show_repaired([MARKUP], [Check(MARKUP, False, MARKUP)])
    check.show_trouble(MARKUP)
    assert faults([check, *check.findChildren(QLabel)]) == []
    assert all(one.textFormat() is Qt.TextFormat.PlainText for one in check.findChildren(QLabel))


def opened(qtbot, path: Path | None, **options) -> ForgetDialog:
    dialog = ForgetDialog(path, **options)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def test_nothing_is_forgotten_before_it_is_known_what(qtbot) -> None:
    dialog = opened(qtbot, Path("/home/ada/Letters"))
    with qtbot.waitSignal(dialog.asked) as asked:
        dialog.begin()
    assert asked.args == [Path("/home/ada/Letters")]
    assert not button(dialog, "Forget").isEnabled()
    assert button(dialog, "Cancel").isDefault()
    dialog.show_held(Path("/home/ada/Letters"), ["/home/ada/Letters: 3 files in the index", "it was watched"])
    assert "/home/ada/Letters: 3 files in the index.\nIt was watched." in texts(dialog)
    with qtbot.waitSignal(dialog.accepted):
        button(dialog, "Forget").click()


def test_a_folder_that_is_gone_can_be_named(qtbot, monkeypatch) -> None:
    dialog = opened(qtbot, None)
    (field,) = dialog.findChildren(QLineEdit)
    with qtbot.assertNotEmitted(dialog.asked):
        dialog.begin()
    field.setText("Old letters")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert dialog.path is None
    assert any("the whole path" in text for text in texts(dialog))
    with qtbot.waitSignal(dialog.asked) as asked:
        field.setText("/media/old drive/Letters")
    assert asked.args == [Path("/media/old drive/Letters")]
    dialog.show_held(Path("/media/old"), ["an answer to what was typed before"])
    assert not button(dialog, "Forget").isEnabled()
    dialog.show_held(Path("/media/old drive/Letters"), ["3 files"])
    assert button(dialog, "Forget").isEnabled()
    qtbot.keyClick(field, Qt.Key.Key_Return)  # no yes
    assert dialog.isVisible()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "/home/ada/Letters")
    with qtbot.waitSignal(dialog.asked) as asked:
        button(dialog, "Choose…").click()
    assert asked.args == [Path("/home/ada/Letters")]
    assert not button(dialog, "Forget").isEnabled()


def test_a_home_that_nobody_has_is_no_path(qtbot) -> None:
    dialog = opened(qtbot, None)
    (field,) = dialog.findChildren(QLineEdit)
    field.setText("~nobody-of-that-name/Letters")
    assert dialog.path is None
    field.setText("~/Letters")
    assert dialog.path == Path.home() / "Letters"


def test_nothing_in_a_question_is_markup(qtbot) -> None:
    path = Path("/home/ada") / MARKUP.replace("/", ":")
    dialog = opened(qtbot, path, folder=False)
    dialog.show_held(path, [MARKUP])
    dialog.show_trouble(path, MARKUP)
    assert faults([dialog, *dialog.findChildren(QLabel), *dialog.findChildren(QPushButton)]) == []
