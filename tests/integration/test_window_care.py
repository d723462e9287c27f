"""The care of the index through the real window: check and repair, forgetting, notices, patterns for all folders."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from PySide6.QtWidgets import QApplication, QDialog, QLineEdit, QPlainTextEdit, QPushButton, QWidget

from core.config import Settings, default_folders, load_settings
from core.writer import WriterLock
from desktop.actions import Act
from desktop.views.dialogs.check import CheckDialog, CheckRow
from desktop.views.dialogs.excludes import ExcludesDialog
from desktop.views.dialogs.forget import ForgetDialog
from desktop.views.notices import NoticeBar
from desktop.workers.late_engine import LateEngine
from tests.integration.test_window import Driver, look, opened, window

__all__ = ["look", "window"]  # fixtures

pytestmark = pytest.mark.windowed

OLD = Path(__file__).resolve().parents[1] / "old_indexes"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Holidays"
    (folder / "private").mkdir(parents=True)
    (folder / "boat.txt").write_text("the old boat left the harbour at dawn")
    (folder / "draft.bak").write_text("a draft about the ferry")
    (folder / "private" / "diary.txt").write_text("nobody knows the zanzibar secret")
    return folder


def shown(window: Driver, kind: type[QWidget]) -> QWidget:
    (found,) = (one for one in window.window.findChildren(kind) if not one.isHidden())
    return found


def dialog_after(window: Driver, act: Act, kind: type[QDialog]) -> QDialog:
    window.window.acts[act].trigger()
    return shown(window, kind)


def button(dialog: QDialog, text: str) -> QPushButton:
    (found,) = (one for one in dialog.findChildren(QPushButton) if one.text() == text)
    return found


def checked(window: Driver) -> CheckDialog:
    """The check, once it has been made."""
    dialog = dialog_after(window, Act.CHECK, CheckDialog)
    window.wait(lambda: button(dialog, "Check again").isEnabled())
    return dialog


def wrong(dialog: CheckDialog) -> list[str]:
    QApplication.processEvents()  # what joins a layout is shown a turn later
    rows = [row.accessibleName() for row in dialog.findChildren(CheckRow) if not row.isHidden()]
    assert rows, dialog._trouble.text()
    return [row for row in rows if ": Not in order" in row]


def damage_a_vector() -> None:
    connection = apsw.Connection(str(default_folders().index))
    connection.execute("UPDATE vectors SET vector = zeroblob(length(vector)) WHERE id = (SELECT min(id) FROM vectors)")
    connection.close()


def forgotten(needle: bytes) -> bool:
    """Whether nothing below the home holds ``needle``."""
    home = default_folders().data.parent
    return not [path for path in home.rglob("*") if path.is_file() and needle in path.read_bytes()]


# Check and repair


def test_a_window_that_was_used_finds_everything_in_order(window: Driver, folder: Path) -> None:
    window.add(folder)
    window.window._settings.setValue("geometry", window.window.saveGeometry())
    window.window._settings.sync()
    dialog = checked(window)
    assert wrong(dialog) == []
    assert dialog._summary.text() == "Everything is in order"
    assert not button(dialog, "Repair").isVisible()
    dialog.accept()
    assert window.session.services.index.running


def test_a_fault_is_repaired_and_indexing_goes_on(window: Driver, folder: Path) -> None:
    window.add(folder)
    damage_a_vector()
    dialog = checked(window)
    assert [line for line in wrong(dialog) if line.startswith("Vectors: Not in order, the checksum of 1 vector")]
    window.press("Repair", dialog)
    window.wait(lambda: "damaged vector" in dialog._done.text())
    assert wrong(dialog) == []
    index = window.session.services.index
    window.wait(lambda: index.running and not index.idle)
    dialog.accept()
    window.wait(window.is_done)
    assert wrong(checked(window)) == []
    (folder / "late.txt").write_text("The ferry leaves at noon.")
    shown(window, CheckDialog).accept()
    window.finds("ferry noon", "late.txt")


def test_a_paused_index_stays_paused_after_a_repair(window: Driver, folder: Path) -> None:
    window.add(folder)
    damage_a_vector()
    index = window.session.services.index
    index.pause()
    window.wait(lambda: index.idle)
    dialog = checked(window)
    window.press("Repair", dialog)
    window.wait(lambda: "damaged vector" in dialog._done.text())
    assert not index.running
    dialog.accept()


def test_who_holds_the_index_is_named_and_indexing_goes_on(window: Driver, folder: Path) -> None:
    window.add(folder)
    damage_a_vector()
    index = window.session.services.index
    index.pause()
    window.wait(lambda: index.idle)
    with WriterLock(default_folders(), "compact"):
        index.start()
        window.wait(lambda: "findling compact" in window.window.status_line.text)
        dialog = checked(window)
        window.press("Repair", dialog)
        window.wait(lambda: dialog._trouble.isVisible())
        assert f"findling compact (process {os.getpid()})" in dialog._trouble.text()
        assert index.running
    window.wait(lambda: button(dialog, "Repair").isEnabled())
    window.press("Repair", dialog)
    window.wait(lambda: "damaged vector" in dialog._done.text())
    window.wait(lambda: index.running)
    dialog.accept()


def test_closing_the_dialog_in_the_middle_leaves_the_window_whole(window: Driver, folder: Path) -> None:
    window.add(folder)
    damage_a_vector()
    dialog_after(window, Act.CHECK, CheckDialog).reject()  # in the middle of the look
    dialog = checked(window)
    window.press("Repair", dialog)
    dialog.reject()  # before, or in the middle of, the repair
    index = window.session.services.index
    window.wait(lambda: index.running and not index.idle)
    window.finds("old boat", "boat.txt")
    again = checked(window)
    if wrong(again):  # it was closed before the repair had begun
        window.press("Repair", again)
        window.wait(lambda: wrong(again) == [])
    again.accept()


def test_the_window_closes_in_the_middle_of_a_repair(qtbot, look, folder: Path) -> None:
    session = opened()
    session.start()
    driver = Driver(session, qtbot)
    driver.add(folder)
    damage_a_vector()
    dialog = checked(driver)
    driver.press("Repair", dialog)
    session.close()
    QApplication.processEvents()
    assert session.services.index.idle
    assert not session.services.index.running


def test_a_damaged_index_is_set_aside_while_the_window_is_open(window: Driver, folder: Path) -> None:
    window.add(folder)
    window.finds("old boat", "boat.txt")
    index = default_folders().index
    connection = apsw.Connection(str(index))
    window.wait(lambda: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall() == [(0, 0, 0)])
    pages = [page for (page,) in connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'segments'")]
    page_bytes = connection.pragma("page_size")
    connection.close()
    with index.open("r+b") as file:
        file.seek((pages[0] - 1) * page_bytes)
        file.write(os.urandom(page_bytes))
    damage_a_vector()  # a write makes every reader read anew
    dialog = checked(window)
    assert wrong(dialog)[0].startswith("Index: Not in order")
    window.press("Repair", dialog)
    window.wait(lambda: "it is kept as index.damaged-" in dialog._done.text())
    assert wrong(dialog) == []
    dialog.accept()
    window.wait(window.is_done)
    (folder / "late.txt").write_text("The ferry leaves at noon.")
    window.finds("ferry noon", "late.txt")
    window.finds("old boat", "boat.txt")


# Forgetting


def test_a_watched_folder_is_forgotten_after_a_yes(window: Driver, folder: Path) -> None:
    window.add(folder)
    window.finds("zanzibar", "diary.txt")
    (status,) = window.window.folder_model.roots
    window.window.sidebar.folders.chosen.emit(status)
    window.settle()
    window.window.sidebar.folders.forget_requested.emit(status)
    dialog = shown(window, ForgetDialog)
    window.wait(lambda: button(dialog, "Forget").isEnabled())
    assert f"{folder}: 3 files in the index.\n{folder} will not be watched any more." in dialog._held.text()
    window.press("Cancel", dialog)
    assert window.window.folder_model.roots
    window.window.sidebar.folders.forget_requested.emit(status)
    dialog = shown(window, ForgetDialog)
    window.wait(lambda: button(dialog, "Forget").isEnabled())
    window.press("Forget", dialog)
    window.wait(lambda: window.window.toast.text.startswith("Forgot 3 files of"))
    window.wait(lambda: not window.window.folder_model.roots)
    assert window.window.bar.ask.folder is None
    window.wait(lambda: window.hits() == [])
    assert forgotten(b"zanzibar")
    assert forgotten(b"Holidays")
    assert (folder / "private" / "diary.txt").exists()


def test_a_found_file_is_forgotten_and_does_not_come_back(window: Driver, folder: Path) -> None:
    window.add(folder)
    window.finds("zanzibar", "diary.txt")
    window.window.results.select_first()
    dialog = dialog_after(window, Act.FORGET_FILE, ForgetDialog)
    window.wait(lambda: button(dialog, "Forget").isEnabled())
    assert f"It will be excluded from {folder}, by a pattern that names it." in dialog._held.text()
    window.press("Forget", dialog)
    window.wait(lambda: window.window.toast.text.startswith("Forgot 1 file of"))
    window.wait(lambda: window.hits() == [])
    assert forgotten(b"zanzibar")
    (folder / "private" / "diary.txt").write_text("once more about zanzibar")
    (folder / "late.txt").write_text("The ferry leaves at noon.")
    window.finds("ferry noon", "late.txt")
    window.type("zanzibar")
    assert window.hits() == []


def test_a_folder_that_is_neither_watched_nor_there_is_forgotten(window: Driver, folder: Path) -> None:
    window.add(folder)
    (status,) = window.window.folder_model.roots
    window.window.library.remove_folder(status)
    window.wait(lambda: not window.window.folder_model.roots)
    folder.rename(folder.with_name("elsewhere"))
    assert not forgotten(b"zanzibar"), "what is known of a removed folder is kept for a while"
    dialog = dialog_after(window, Act.FORGET_FOLDER, ForgetDialog)
    (field,) = dialog.findChildren(QLineEdit)
    field.setText(str(folder))
    window.wait(lambda: button(dialog, "Forget").isEnabled())
    window.press("Forget", dialog)
    window.wait(lambda: window.window.toast.text.startswith("Forgot"))
    assert forgotten(b"zanzibar")


# How the index was opened


def damaged_home() -> None:
    folders = default_folders()
    folders.create()
    folders.index.write_bytes(bytes(100) + gzip.decompress((OLD / "v3.db.gz").read_bytes())[100:])


@pytest.fixture
def after_damage(qtbot, look) -> Iterator[Driver]:
    """A window on an index that was damaged, opened as the application opens it."""
    damaged_home()
    session = opened_late()
    session.start()
    yield Driver(session, qtbot)
    session.close()


def opened_late():
    from core.engine import Engine
    from desktop.app import Session
    from tests.fakes import FakeEncoders, FakeSpeech

    settings = Settings(default_folders())

    def open_engine() -> Engine:
        return Engine.open(settings, encoders=FakeEncoders(photo=None), speech=FakeSpeech({}))

    return Session(LateEngine(settings, open_engine))


def test_how_the_index_was_opened_is_told_once_and_no_advice_hides_it(after_damage: Driver) -> None:
    window = after_damage
    bar: NoticeBar = window.window.center.opening
    window.wait(bar.isVisible)
    assert bar.text.startswith("The index was damaged (")
    assert "it is kept as index.damaged-" in bar.text
    window.type("photo")  # there is no photo model, which is an advice
    window.wait(window.window.notice.isVisible)
    window.window.bar.clear()
    window.settle()
    assert bar.isVisible()
    bar.dismiss()
    window.session.services.library.refresh_now()
    window.type("photo")
    assert not bar.isVisible()


def test_a_window_that_is_still_opening_can_be_asked_for_a_check(qtbot, look) -> None:
    session = opened_late()
    driver = Driver(session, qtbot)
    session.window.show()
    dialog = dialog_after(driver, Act.CHECK, CheckDialog)
    session.start()
    driver.wait(lambda: button(dialog, "Check again").isEnabled())
    assert dialog._summary.text() == "Everything is in order"
    session.close()


# Patterns for all folders


def test_patterns_for_all_folders_hold_at_once(window: Driver, folder: Path) -> None:
    window.add(folder)
    dialog = dialog_after(window, Act.EXCLUDES, ExcludesDialog)
    (editor,) = dialog.findChildren(QPlainTextEdit)
    window.wait(editor.isEnabled)
    editor.setPlainText("*.bak\nprivate/\n")
    window.wait(lambda: dialog._state.text() == "2 files leave the index.")
    window.press("Save", dialog)
    window.wait(lambda: window.session.services.library.snapshot.status.files == 1)
    window.wait(lambda: "in any folder" in window.window.toast.text)
    assert load_settings().exclude == ("*.bak", "private/")
