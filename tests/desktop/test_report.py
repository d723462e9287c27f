"""The report for a bug: read whole before it is saved."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QPlainTextEdit, QPushButton, QWidget

from desktop.views.dialogs.report import ReportDialog
from desktop.views.search_bar import SearchBar
from desktop.views.sheet_controller import SheetController
from desktop.workers.operations import Operations


def test_nothing_can_be_saved_before_it_can_be_read(qtbot, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("/somewhere/report.zip", ""))
    dialog = ReportDialog()
    qtbot.addWidget(dialog)
    buttons = {one.text(): one for one in dialog.findChildren(QPushButton)}
    assert not buttons["Save…"].isEnabled()
    dialog.show_text("Versions\n  <b>1</b>")
    assert dialog.findChild(QPlainTextEdit).toPlainText() == "Versions\n  <b>1</b>"
    with qtbot.waitSignal(dialog.save_requested) as saved:
        buttons["Save…"].click()
    assert saved.args == ["Versions\n  <b>1</b>", Path("/somewhere/report.zip")]


def test_what_is_shown_is_what_is_saved(qtbot, tmp_path):
    window = QWidget()
    qtbot.addWidget(window)
    operations = Operations(window)
    sheets = SheetController(None, operations, SearchBar(), window)
    dialog = ReportDialog(window)
    with qtbot.waitSignal(sheets.said, timeout=30_000) as said:
        sheets._save_report(dialog, "all of it", tmp_path / "report.zip")
    assert said.args == ["Saved as report.zip"]
    sheets._save_report(dialog, "again", tmp_path / "report.zip")
    qtbot.waitUntil(lambda: "choose another" in dialog._trouble.text(), timeout=30_000)
    operations.close()
