"""Files that could not be read, as a table."""

from __future__ import annotations

import html
from collections.abc import Sequence
from enum import IntEnum

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from core.display import display_path
from core.types import Failure
from desktop import wording

_Index = QModelIndex | QPersistentModelIndex

FAILURE_ROLE = Qt.ItemDataRole.UserRole + 1


class Column(IntEnum):
    """The columns."""

    NAME = 0
    REASON = 1
    FOLDER = 2


class FailureModel(QAbstractTableModel):
    """Failed files first, then those known by their name only."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._failures: list[Failure] = []

    def show_failures(self, failures: Sequence[Failure]) -> None:
        """Show ``failures``, the ones that may be tried again first."""
        self.beginResetModel()
        self._failures = sorted(failures, key=lambda failure: failure.skipped)
        self.endResetModel()

    @property
    def failures(self) -> Sequence[Failure]:
        return self._failures

    def in_full(self, row: int) -> str:
        """A failure in one line: the whole path and the whole reason."""
        failure = self._failures[row]
        return f"{wording.home_relative(display_path(failure.path))}: {self._reason(failure)}"

    # What Qt asks for

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._failures)

    def columnCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return (self.tr("File"), self.tr("Reason"), self.tr("Folder"))[section]

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        failure = self._failures[index.row()]
        if role == FAILURE_ROLE:
            return failure
        folder, _, name = display_path(failure.path).rpartition("/")
        if role == Qt.ItemDataRole.DisplayRole:
            return (name, self._reason(failure), wording.home_relative(folder) or "/")[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"<qt>{html.escape(f'{folder}/{name}')}<br>{html.escape(self._reason(failure))}</qt>"
        return None

    def _reason(self, failure: Failure) -> str:
        if failure.skipped:
            return self.tr("Found by name only: %1").replace("%1", failure.reason)
        return failure.reason
