"""The folders that are searched, with what goes on in each."""

from __future__ import annotations

import html
from collections.abc import Sequence
from enum import Enum, IntEnum

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from core.types import RootStatus
from desktop import wording

_Index = QModelIndex | QPersistentModelIndex


class FolderState(Enum):
    """What the panel shows of a folder; the first that applies."""

    AWAY = "away"
    INDEXING = "indexing"
    MISSING = "missing"
    FAILED = "failed"
    UNWATCHED = "unwatched"
    WAITING = "waiting"
    READY = "ready"


class FolderRole(IntEnum):
    """What ``data`` answers beside Qt's own roles."""

    STATUS = Qt.ItemDataRole.UserRole + 1  # the RootStatus
    STATE = Qt.ItemDataRole.UserRole + 2
    DETAIL = Qt.ItemDataRole.UserRole + 3  # one line about the state
    PROGRESS = Qt.ItemDataRole.UserRole + 4  # 0..1 while indexing, else None


def state_of(status: RootStatus) -> FolderState:
    """The state to show."""
    if status.root.offline:
        return FolderState.AWAY
    if status.pending:
        return FolderState.INDEXING
    if status.missing:
        return FolderState.MISSING
    if status.failed:
        return FolderState.FAILED
    if status.watch_note:
        return FolderState.UNWATCHED
    return FolderState.WAITING if status.waiting else FolderState.READY


class FolderModel(QAbstractListModel):
    """One row a root, in the order in which they were added."""

    noted = Signal(QPersistentModelIndex)  # a folder's changes were noticed at once so far, and no longer are

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._roots: list[RootStatus] = []

    @property
    def roots(self) -> Sequence[RootStatus]:
        return self._roots

    def show_roots(self, roots: Sequence[RootStatus]) -> None:
        """Show ``roots``: counts change in place, so that the selection stays; a changed list resets."""
        if [status.root.path for status in roots] == [status.root.path for status in self._roots]:
            for row, status in enumerate(roots):
                before = self._roots[row]
                if status != before:
                    self._roots[row] = status
                    self.dataChanged.emit(self.index(row), self.index(row))
                if status.watch_note and not before.watch_note:
                    self.noted.emit(QPersistentModelIndex(self.index(row)))
            return
        self.beginResetModel()
        self._roots = list(roots)
        self.endResetModel()

    def detail(self, status: RootStatus) -> str:
        """The line under a folder's name."""
        state = state_of(status)
        if state is FolderState.AWAY:
            return self.tr("Away · %1 files kept").replace("%1", wording.number(status.files))
        if state is FolderState.INDEXING:
            return self.tr("%1 left").replace("%1", wording.number(status.pending))
        if state is FolderState.MISSING:
            return (
                self.tr("%1 of %2 missing")
                .replace("%1", wording.number(status.missing))
                .replace("%2", wording.number(status.files))
            )
        if state is FolderState.FAILED:
            return (
                self.tr("%1 files · %2 not read")
                .replace("%1", wording.number(status.files))
                .replace("%2", wording.number(status.failed))
            )
        if state is FolderState.UNWATCHED:
            return self.tr("%1 files · not watched").replace("%1", wording.number(status.files))
        return self.tr("%1 files").replace("%1", wording.number(status.files))

    # What Qt asks for

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._roots)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        status = self._roots[index.row()]
        name = wording.folder_name(status.root.display)
        if role == Qt.ItemDataRole.DisplayRole:
            return name
        if role == FolderRole.STATUS:
            return status
        if role == FolderRole.STATE:
            return state_of(status)
        if role == FolderRole.DETAIL:
            return self.detail(status)
        if role == FolderRole.PROGRESS:
            return 1 - status.pending / status.files if status.pending and status.files else None
        if role == Qt.ItemDataRole.ToolTipRole:
            lines = [status.root.display, *([status.watch_note] if status.watch_note else [])]
            return "<qt>" + "".join(f"<p>{html.escape(line)}</p>" for line in lines) + "</qt>"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{name}, {self.detail(status)}"
        return None
