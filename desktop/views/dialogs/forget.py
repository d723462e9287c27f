"""The question before every trace of a file or folder is removed from the index: this cannot be undone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QDialog, QFileDialog, QFrame, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from core.display import display_text
from desktop import wording
from desktop.views.widgets import breakable, button, dialog_column, yielding

_WIDTH_PX = 560
_REST_MS = 250  # while somebody types, nothing is looked up


class ForgetDialog(QDialog):
    """Says what the index holds of a path, and takes the yes. Looking it up and forgetting are asked of the window.

    Without a path it asks for a folder first: also for one that is on no disk any more, and cannot be pointed at.
    """

    asked = Signal(Path)  # what does the index hold of this?

    def __init__(self, path: Path | None = None, *, folder: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self.setWindowTitle(self.tr("Forget a folder") if folder else self.tr("Forget a file"))
        self.setFixedWidth(_WIDTH_PX)
        self._field = QLineEdit()
        self._field.setAccessibleName(self.tr("The folder"))
        self._field.setPlaceholderText(self.tr("A folder, also one that is gone"))
        self._field.setClearButtonEnabled(True)
        self._held = yielding()
        self._trouble = yielding("", "error")
        self._trouble.hide()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._ask)
        self._forget = button(self.tr("Forget"), self.accept, role="primary")
        self._forget.setAutoDefault(False)
        self._forget.setEnabled(False)
        self._assemble(self._title(folder))
        self._field.textChanged.connect(self._on_edited)
        self._field.returnPressed.connect(self._ask)

    def _title(self, folder: bool) -> str:
        if self._path is None:
            return self.tr("Which folder shall be forgotten?")
        name = wording.folder_name(wording.printable(self._path))
        said = self.tr("Forget every trace of the folder %1?") if folder else self.tr("Forget every trace of %1?")
        return said.replace("%1", breakable(name))

    def _assemble(self, title: str) -> None:
        column = dialog_column(self)
        column.addWidget(yielding(title, "section"))
        if self._path is None:
            pick = QHBoxLayout()
            pick.setSpacing(8)
            pick.addWidget(self._field, 1)
            choose = button(self.tr("Choose…"), self._choose, icon="folder-open")
            choose.setAutoDefault(False)  # Return in the field asks what the index holds, and no more
            pick.addWidget(choose)
            column.addLayout(pick)
        card = QFrame()
        card.setObjectName("card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(16, 12, 16, 12)
        inside.addWidget(self._held)
        column.addWidget(card)
        column.addWidget(self._trouble)
        column.addWidget(
            yielding(
                self.tr(
                    "The files themselves stay untouched. The index forgets their names, contents, vectors and "
                    "thumbnails, and log lines that name them. This cannot be undone, and may take a minute."
                ),
                "meta",
            )
        )
        cancel = button(self.tr("Cancel"), self.reject)
        cancel.setDefault(self._path is not None)
        cancel.setAutoDefault(self._path is not None)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        row.addWidget(cancel)
        row.addWidget(self._forget)
        column.addStretch(1)
        column.addLayout(row)
        self._card = card
        card.setVisible(self._path is not None)

    @property
    def path(self) -> Path | None:
        """What is to be forgotten; None as long as nothing whole is named."""
        if self._path is not None:
            return self._path
        text = self._field.text().strip()
        try:
            named = Path(text).expanduser()
        except RuntimeError:  # somebody's home whom this computer does not know
            return None
        return named if named.is_absolute() else None

    def begin(self) -> None:
        """Ask what the index holds, as soon as it is known of what."""
        self._ask()

    def show_held(self, path: Path, lines: Sequence[str]) -> None:
        """What the index holds; an answer about another path says nothing."""
        if path == self.path:
            self._held.setText("\n".join(display_text(line[:1].upper() + line[1:]) + "." for line in lines))
            self._card.show()
            self._forget.setEnabled(True)
            self._fit()

    def show_trouble(self, path: Path, trouble: str) -> None:
        """It could not be looked up."""
        if path == self.path:
            self._card.hide()
            self._complain(trouble)

    def _complain(self, trouble: str) -> None:
        self._trouble.setText(trouble)
        self._trouble.show()
        self._fit()

    def _fit(self) -> None:
        """As high as its words need: a dialog does not grow with labels that wrap."""
        self._card.updateGeometry()  # its words are laid out inside of it, of which nobody has told this layout yet
        self.layout().activate()
        self.setFixedHeight(self.layout().totalHeightForWidth(_WIDTH_PX))

    @Slot()
    def _on_edited(self) -> None:
        self._forget.setEnabled(False)
        self._trouble.hide()
        self._rest.start()

    @Slot()
    def _ask(self) -> None:
        self._rest.stop()
        path = self.path
        self._held.setText(self.tr("Looking it up"))
        self._card.setVisible(path is not None)
        if path is not None:
            self.asked.emit(path)
        elif self._field.text().strip():
            self._complain(self.tr("Name the whole path, such as /home/ada/Old letters."))
        self._fit()

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Forget a folder"))
        if folder:
            self._field.setText(folder)
