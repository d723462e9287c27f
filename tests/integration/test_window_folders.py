"""Folders in the real window: the question about missing files, and what is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QPlainTextEdit, QPushButton

from desktop.views.dialogs.excludes import ExcludesDialog
from tests.integration.test_window import Driver, look, window

__all__ = ["look", "window"]  # fixtures

pytestmark = pytest.mark.windowed

MANY = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Holidays"
    (folder / "many").mkdir(parents=True)
    (folder / "private").mkdir()
    for number in range(MANY):
        (folder / "many" / f"{number}.txt").touch()
    (folder / "boat.txt").write_text("the old boat left the harbour at dawn")
    (folder / "private" / "diary.txt").write_text("nobody knows the zanzibar secret")
    return folder


def files(window: Driver) -> int:
    snapshot = window.session.services.library.snapshot
    return snapshot.status.files if snapshot is not None else 0


def test_missing_files_are_asked_about_and_leave_on_a_yes(window: Driver, folder: Path) -> None:
    window.add(folder)
    window.wait(lambda: files(window) == MANY + 2)
    bar = window.window.center.removals
    (folder / "many").rename(folder.with_name("away"))
    window.wait(bar.isVisible)
    assert bar.text.startswith("60 of 62 files in Holidays are missing.")
    window.press("Keep")
    assert not bar.isVisible()
    assert files(window) == MANY + 2
    (folder / "boat.txt").unlink()
    window.wait(bar.isVisible)  # another number is another question
    window.press("Remove from the index")
    window.wait(lambda: files(window) == 1)
    window.wait(lambda: not bar.isVisible())
    window.wait(lambda: "61 files" in window.window.toast.text)


def test_a_folders_patterns_are_edited_and_hold_at_once(window: Driver, folder: Path) -> None:
    window.add(folder)
    window.finds("zanzibar", "diary.txt")
    [status] = window.window.folder_model.roots
    window.window.sidebar.folders.exclude_requested.emit(status)
    [dialog] = window.window.findChildren(ExcludesDialog)
    [editor] = dialog.findChildren(QPlainTextEdit)
    window.wait(editor.isEnabled)
    [save] = [button for button in dialog.findChildren(QPushButton) if button.text() == "Save"]
    editor.setPlainText("[z-a]\n")
    window.wait(lambda: "is not a pattern" in dialog._trouble.text())
    assert not save.isEnabled()
    editor.setPlainText("private/\nmany/\n")
    window.wait(save.isEnabled)
    assert dialog._state.text() == "61 files leave the index."
    window.press("Save", dialog)
    window.wait(lambda: files(window) == 1)
    window.type("zanzibar")
    window.wait(lambda: window.hits() == [])
    window.window.sidebar.folders.exclude_requested.emit(status)
    again = window.window.findChildren(ExcludesDialog)[-1]
    window.wait(lambda: again.patterns() == ("private/", "many/"))
    again.reject()  # the count that it asked for has nobody to answer any more
    window.wait(lambda: window.window.findChildren(ExcludesDialog) == [])
