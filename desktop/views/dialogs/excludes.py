"""What is passed over in a folder or in all: patterns, a line each, and how many files they take out of the index."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPlainTextEdit, QWidget

from desktop import wording
from desktop.views.widgets import button, dialog_column, label

_REST_MS = 250  # while somebody types, nothing is counted


class ExcludesDialog(QDialog):
    """Edits the patterns; counting and saving are asked of the window. Saving waits until the patterns are valid."""

    asked = Signal(tuple)  # how many files would these patterns take out of the index?

    def __init__(self, folder: str | None, parent: QWidget | None = None) -> None:
        """``folder`` is the name of the folder; None for all of them."""
        super().__init__(parent)
        of_all = folder is None
        self.setWindowTitle(
            self.tr("Excluded everywhere") if of_all else self.tr("Exclude in %1").replace("%1", folder)
        )
        self.resize(520, 440)
        self._editor = QPlainTextEdit()
        self._editor.setAccessibleName(self.tr("Patterns, a line each"))
        self._editor.setPlaceholderText("*.bak\nPrivate/\n/Scans/old")
        self._editor.setTabChangesFocus(True)
        self._editor.setEnabled(False)  # until the patterns are known
        self._state = label("", "meta", wrap=True)
        self._trouble = label("", "error", wrap=True)
        self._trouble.hide()
        self._save = button(self.tr("Save"), self.accept, role="primary")
        self._save.setEnabled(False)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._ask)
        self._editor.textChanged.connect(self._on_edited)
        self._assemble(of_all=folder is None)

    def _assemble(self, *, of_all: bool) -> None:
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        row.addWidget(button(self.tr("Cancel"), self.reject))
        row.addWidget(self._save)
        column = dialog_column(self)
        intro = self.tr(
            "One pattern a line. A name or *.bak is passed over wherever it is, Private/ only where it is a "
            "folder, /Scans/old only in that place. An exclamation mark brings something back: !keep.bak"
        )
        column.addWidget(label(self.tr("These hold in every folder.") + " " + intro if of_all else intro, wrap=True))
        column.addWidget(self._editor, 1)
        column.addWidget(self._state)
        column.addWidget(self._trouble)
        column.addWidget(
            label(
                self.tr(
                    "Passed over anyway: version control, node_modules, caches, browsers' profiles, keys, passwords "
                    "and other programs' own files. Your files themselves are never touched."
                ),
                "meta",
                wrap=True,
            )
        )
        column.addLayout(row)

    def patterns(self) -> tuple[str, ...]:
        """What is written now, without empty lines."""
        return tuple(line for line in self._editor.toPlainText().splitlines() if line.strip())

    def show_patterns(self, patterns: Sequence[str]) -> None:
        """Begin with these."""
        self._editor.setEnabled(True)
        self._editor.setPlainText("".join(f"{pattern}\n" for pattern in patterns))
        self._editor.setFocus()
        self._ask()

    def show_count(self, patterns: tuple[str, ...], count: int) -> None:
        """So many files that are in the index would leave it; an answer to an older question says nothing."""
        if patterns == self.patterns():
            self._save.setEnabled(True)
            self._show(self._state)
            self._state.setText(
                self.tr("%1 files leave the index.").replace("%1", wording.number(count))
                if count
                else self.tr("No file leaves the index.")
            )

    def show_trouble(self, patterns: tuple[str, ...], reason: str) -> None:
        """One of the patterns is none."""
        if patterns == self.patterns():
            self._save.setEnabled(False)
            self._trouble.setText(reason)
            self._show(self._trouble)

    def _show(self, line: QLabel) -> None:
        """One of the two lines below the patterns."""
        for one in (self._state, self._trouble):
            one.setVisible(one is line)

    @Slot()
    def _on_edited(self) -> None:
        self._save.setEnabled(False)
        self._rest.start()

    @Slot()
    def _ask(self) -> None:
        self._rest.stop()
        self.asked.emit(self.patterns())
