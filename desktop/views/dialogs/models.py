"""Models: what each is for, what it costs, and the one door to the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from core.types import ModelInfo, ModelRole
from desktop import wording
from desktop.views.widgets import breakable, button, dialog_column, label, yielding


class ModelRow(QFrame):
    """One model: its facts on the left, what can be done with it on the right."""

    get_requested = Signal(str)
    use_requested = Signal(str)
    cancel_requested = Signal(str)

    def __init__(self, info: ModelInfo, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.info = info
        self.setAccessibleName(info.title)
        facts = QVBoxLayout()
        facts.setSpacing(2)
        head = QHBoxLayout()
        head.setSpacing(8)
        if info.demo:
            head.addWidget(label(self.tr("Demo"), "demo"))
        head.addWidget(yielding(info.title, "name"), 1)
        facts.addLayout(head)
        facts.addWidget(yielding(self._facts(), "meta"))
        facts.addWidget(yielding(self.tr("Source: %1").replace("%1", breakable(info.source)), "meta"))
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.hide()
        self._said = label("", "meta")
        self._said.hide()
        facts.addWidget(self._bar)
        facts.addWidget(self._said)
        self._search = yielding("", "meta")
        facts.addWidget(self._search)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 12, 16, 12)
        row.setSpacing(16)
        row.addLayout(facts, 1)
        self._do = self._make_button()
        self._cancel = button(self.tr("Cancel"), lambda: self.cancel_requested.emit(info.name))
        self._cancel.hide()
        row.addWidget(self._do, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._cancel, 0, Qt.AlignmentFlag.AlignTop)
        self.show_filling(info)

    def show_filling(self, info: ModelInfo) -> None:
        """Show which part the model has in searching: for the one in use, how far it is with what others saw."""
        said = ""
        if info.filling is not None:
            said = wording.filling(info.filling)
        elif info.searched and not info.active:
            said = self.tr("Search stays on this one until the new model has seen all.")
        self._search.setText(said)
        self._search.setVisible(bool(said))

    def _facts(self) -> str:
        info = self.info
        return " · ".join((info.languages, wording.data_size(info.size_bytes), info.licence))

    def _make_button(self) -> QWidget:
        name = self.info.name
        if self.info.active:
            return label(self.tr("In use"), "caption")
        if self.info.installed:
            return button(self.tr("Use"), lambda: self.use_requested.emit(name))
        text = self.tr("Get %1").replace("%1", wording.data_size(self.info.size_bytes))
        return button(text, lambda: self.get_requested.emit(name), role="primary")

    def show_progress(self, done_bytes: int, total_bytes: int | None) -> None:
        """Show a fetch on its way; the total is ``None`` until the hub has said it."""
        self._bar.setRange(0, 1000 if total_bytes else 0)
        if total_bytes:
            self._bar.setValue(round(1000 * done_bytes / total_bytes))
        total = wording.data_size(total_bytes) if total_bytes else wording.data_size(self.info.size_bytes)
        self._said.setText(self.tr("%1 of %2").replace("%1", wording.data_size(done_bytes)).replace("%2", total))
        for part, shown in ((self._bar, True), (self._said, True), (self._cancel, True), (self._do, False)):
            part.setVisible(shown)

    def show_stopped(self) -> None:
        """Back to how it was; what has arrived is kept for the next try."""
        for part, shown in ((self._bar, False), (self._said, False), (self._cancel, False), (self._do, True)):
            part.setVisible(shown)


class ModelsDialog(QDialog):
    """Lists models by role. Fetching, using and importing are asked of the window."""

    get_requested = Signal(str)
    use_requested = Signal(str)
    cancel_requested = Signal(str)
    import_requested = Signal(Path)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Models"))
        self.resize(680, 640)
        self._rows: dict[str, ModelRow] = {}
        self._trouble = label("", "error", wrap=True)
        self._trouble.hide()
        self._list = QVBoxLayout()
        self._list.setSpacing(8)
        self._list.setContentsMargins(0, 0, 12, 0)
        body = QWidget()
        body.setLayout(self._list)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        intro = label(
            self.tr(
                "Models do the recognising, on this computer. Getting one is the only time anything is fetched from "
                "the network, and it happens only when you press its button."
            ),
            "meta",
            wrap=True,
        )
        buttons = QHBoxLayout()
        buttons.addWidget(button(self.tr("Import from a folder…"), self._choose_folder, icon="folder-open"))
        buttons.addStretch(1)
        buttons.addWidget(button(self.tr("Close"), self.accept))
        column = dialog_column(self)
        for part in (intro, self._trouble, scroll):
            column.addWidget(part)
        column.setStretchFactor(scroll, 1)
        column.addLayout(buttons)

    def show_models(self, models: Sequence[ModelInfo]) -> None:
        """Show ``models`` under what they are for."""
        while (item := self._list.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self._rows = {}
        for role in (ModelRole.PHOTO, ModelRole.TEXT, ModelRole.SPEECH):
            heading = label(wording.role(role), "section")
            heading.setContentsMargins(0, 8, 0, 0)
            self._list.addWidget(heading)
            for info in (info for info in models if info.role is role):
                row = ModelRow(info)
                row.get_requested.connect(self.get_requested)
                row.use_requested.connect(self.use_requested)
                row.cancel_requested.connect(self.cancel_requested)
                self._rows[info.name] = row
                self._list.addWidget(row)
        self._list.addStretch(1)

    def show_fillings(self, models: Sequence[ModelInfo]) -> None:
        """Show how far models are; all is shown anew where another one is in use or searched by now."""
        shown = {name: (row.info.active, row.info.searched) for name, row in self._rows.items()}
        if {info.name: (info.active, info.searched) for info in models} != shown:
            self.show_models(models)
            return
        for info in models:
            self._rows[info.name].show_filling(info)

    def show_progress(self, name: str, done_bytes: int, total_bytes: int | None) -> None:
        """Show how far a fetch is."""
        self._trouble.hide()
        if name in self._rows:
            self._rows[name].show_progress(done_bytes, total_bytes)

    def show_stopped(self, name: str, trouble: str = "") -> None:
        """Show that a fetch ended without a model, and why."""
        if name in self._rows:
            self._rows[name].show_stopped()
        self.show_trouble(trouble)

    def show_trouble(self, trouble: str) -> None:
        """Show what went wrong; an empty text takes it away."""
        self._trouble.setText(trouble)
        self._trouble.setVisible(bool(trouble))

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Import a model from a folder"))
        if folder:
            self.import_requested.emit(Path(folder))
