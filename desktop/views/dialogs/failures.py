"""The list of files that could not be read, with the reason for each."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QTableView,
    QWidget,
)

from core.types import Failure
from desktop import wording
from desktop.item_models.failure_model import FAILURE_ROLE, Column, FailureModel
from desktop.views.widgets import button, dialog_column, label, yielding


class FailuresDialog(QDialog):
    """Shows failures; trying again and showing in the folder are asked of the window."""

    retry_requested = Signal(object)
    """The paths of the files to try again; None for all."""

    reveal_requested = Signal(bytes)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Files that could not be read"))
        self.resize(820, 480)
        self._model = FailureModel(self)
        self._summary = label("", "meta", wrap=True)
        self._detail = yielding("", "meta")  # a reason may be longer than its column
        self._table = QTableView()
        self._table.setModel(self._model)
        self._table.setAccessibleName(self.tr("Files that could not be read"))
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setShowGrid(False)
        self._table.setTabKeyNavigation(False)
        self._table.setWordWrap(False)
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(32)
        header = self._table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setSectionResizeMode(Column.NAME, QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(Column.REASON, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(Column.FOLDER, QHeaderView.ResizeMode.Interactive)
        header.resizeSection(Column.NAME, 220)
        header.resizeSection(Column.FOLDER, 200)
        self._table.doubleClicked.connect(self._reveal)
        self._table.selectionModel().selectionChanged.connect(self._follow_selection)
        self._retry = button(self.tr("Try again"), self._retry_selected, icon="arrow-clockwise")
        self._retry_all = button(self.tr("Try all again"), lambda: self.retry_requested.emit(None))
        self._show = button(self.tr("Show in folder"), self._reveal, icon="folder-open")
        close = button(self.tr("Close"), self.accept)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._retry)
        row.addWidget(self._retry_all)
        row.addWidget(self._show)
        row.addStretch(1)
        row.addWidget(close)
        column = dialog_column(self)
        column.addWidget(self._summary)
        column.addWidget(self._table, 1)
        column.addWidget(self._detail)
        column.addLayout(row)

    def show_failures(self, failures: Sequence[Failure]) -> None:
        """Show ``failures``."""
        self._model.show_failures(failures)
        failed = sum(not failure.skipped for failure in failures)
        skipped = len(failures) - failed
        self._summary.setText(
            self.tr("Could not be read: %1. Found by name only: %2. None of them was changed.")
            .replace("%1", wording.number(failed))
            .replace("%2", wording.number(skipped))
        )
        self._retry_all.setEnabled(failed > 0)
        self._show.setEnabled(bool(failures))
        if failures:
            self._table.selectRow(0)
        self._follow_selection()

    def _selected(self) -> list[bytes]:
        """The selected files that can be tried again: what is known by its name only is not read anyhow."""
        failures = [index.data(FAILURE_ROLE) for index in self._table.selectionModel().selectedRows()]
        return [failure.path for failure in failures if not failure.skipped]

    @Slot()
    def _follow_selection(self) -> None:
        self._retry.setEnabled(bool(self._selected()))
        rows = self._table.selectionModel().selectedRows()
        self._detail.setText(self._model.in_full(rows[0].row()) if len(rows) == 1 else "")

    @Slot()
    def _retry_selected(self) -> None:
        self.retry_requested.emit(self._selected())

    @Slot()
    def _reveal(self) -> None:
        index = self._table.currentIndex()
        if index.isValid():
            self.reveal_requested.emit(index.data(FAILURE_ROLE).path)
