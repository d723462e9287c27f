"""A report for a bug: a person reads the whole of it, and then saves it or does not."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QPlainTextEdit, QWidget

from desktop.views.widgets import busy_line, button, dialog_column, label


class ReportDialog(QDialog):
    """Shows a report once it is there. Saving is asked of the window; nothing is sent by anybody."""

    save_requested = Signal(str, Path)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("A report for a bug"))
        self.resize(820, 600)
        intro = label(
            self.tr(
                "This is all that the report holds: versions, settings, checks, counts and the log. Folders and files "
                "have made-up names in it. Nothing is sent; save it and add it to your report."
            ),
            "meta",
            wrap=True,
        )
        self._waiting = busy_line(self.tr("Collecting"))
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._text.setAccessibleName(self.tr("The report"))
        self._trouble = label("", "error", wrap=True)
        self._trouble.hide()
        self._copy = button(self.tr("Copy"), self._to_clipboard, icon="copy")
        self._save = button(self.tr("Save…"), self._choose_file, role="primary")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._copy)
        row.addStretch(1)
        row.addWidget(button(self.tr("Close"), self.accept))
        row.addWidget(self._save)
        column = dialog_column(self)
        for part in (intro, self._waiting, self._text, self._trouble):
            column.addWidget(part)
        column.setStretchFactor(self._text, 1)
        column.addLayout(row)
        self._show_ready(False)

    def show_text(self, text: str) -> None:
        """The report is there."""
        self._text.setPlainText(text)
        self._show_ready(True)

    def show_trouble(self, trouble: str) -> None:
        """It could not be made, or not be saved."""
        self._waiting.hide()
        self._trouble.setText(trouble)
        self._trouble.show()

    def _show_ready(self, ready: bool) -> None:
        self._waiting.setVisible(not ready)
        self._copy.setEnabled(ready)
        self._save.setEnabled(ready)

    def _to_clipboard(self) -> None:
        QGuiApplication.clipboard().setText(self._text.toPlainText())

    def _choose_file(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save the report"), "findling-report.zip", self.tr("Zip files (*.zip)")
        )
        if name:
            self._trouble.hide()
            self.save_requested.emit(self._text.toPlainText(), Path(name))
