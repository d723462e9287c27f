"""The left column: which kinds, which folders."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QListView,
    QMenu,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from core.types import Kind, RootStatus
from desktop import theme, wording
from desktop.item_models.folder_model import FolderModel, FolderRole, FolderState
from desktop.views.widgets import button, label

WIDTH_PX = 216
_ROW_PX = 44
_STATE_ICONS = {
    FolderState.AWAY: "cloud-slash",
    FolderState.FAILED: "warning",
    FolderState.MISSING: "warning",
    FolderState.UNWATCHED: "eye-slash",
}
_NOTE_MS = 15_000  # long enough to read two lines


class FolderDelegate(QStyledItemDelegate):
    """Name, one line about the state, and a thin bar while a folder is being indexed."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(option.rect.width(), _ROW_PX)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        state: FolderState = index.data(FolderRole.STATE)
        rect = option.rect.adjusted(0, 1, 0, -1)
        self._paint_ground(painter, rect, option)
        icon = _STATE_ICONS.get(state, "folder")
        tone = {FolderState.AWAY: "meta", FolderState.FAILED: "warning", FolderState.MISSING: "warning"}.get(
            state, "text"
        )
        theme.paint_icon(painter, icon, QPointF(rect.left() + 17, rect.top() + 13), theme.ICON_PX, tone)
        text = QRect(rect.left() + 32, rect.top() + 3, rect.width() - 40, theme.LINE_PX)
        painter.setFont(theme.font())
        painter.setPen(theme.color("meta" if state is FolderState.AWAY else "text"))
        _draw(painter, text, index.data(Qt.ItemDataRole.DisplayRole))
        painter.setFont(theme.font(theme.META_PX))
        painter.setPen(theme.color("meta"))
        # Cut at its end: in the middle it would be cut within a number.
        _draw(painter, text.translated(0, 18), index.data(FolderRole.DETAIL), Qt.TextElideMode.ElideRight)
        progress = index.data(FolderRole.PROGRESS)
        if progress is not None:
            self._paint_progress(painter, QRectF(text.left(), rect.bottom() - 3, text.width(), 2), progress)
        painter.restore()

    def _paint_ground(self, painter: QPainter, rect: QRect, option: QStyleOptionViewItem) -> None:
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if selected or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("selection" if selected else "hover"))
            painter.drawRoundedRect(rect, theme.RADIUS_CONTROL, theme.RADIUS_CONTROL)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("accent"), 2))
            painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), theme.RADIUS_CONTROL, theme.RADIUS_CONTROL)

    def _paint_progress(self, painter: QPainter, rect: QRectF, share: float) -> None:
        painter.fillRect(rect, theme.color("border"))
        painter.fillRect(QRectF(rect.left(), rect.top(), rect.width() * share, rect.height()), theme.color("accent"))


class FolderList(QListView):
    """The watched folders. A click narrows the search to one, a second click widens it again."""

    chosen = Signal(object)  # RootStatus, or None for all folders
    remove_requested = Signal(object)
    reveal_requested = Signal(object)
    exclude_requested = Signal(object)
    forget_requested = Signal(object)

    def __init__(self, model: FolderModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("folders")
        self.setAccessibleName(self.tr("Folders"))
        self.setModel(model)
        self.setItemDelegate(FolderDelegate(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setMinimumHeight(_ROW_PX)
        self._chosen: bytes | None = None
        self.clicked.connect(self._toggle)
        model.modelReset.connect(self._reselect)
        model.noted.connect(self._show_note)

    def current_status(self) -> RootStatus | None:
        """The folder that has the focus."""
        index = self.currentIndex()
        return index.data(FolderRole.STATUS) if index.isValid() else None

    def show_chosen(self, path: bytes | None) -> None:
        """Mark the folder the search is narrowed to."""
        self._chosen = path
        self._reselect()

    @Slot()
    def _reselect(self) -> None:
        self.clearSelection()
        for row in range(self.model().rowCount()):
            index = self.model().index(row, 0)
            if index.data(FolderRole.STATUS).root.path == self._chosen:
                self.setCurrentIndex(index)

    @Slot(QPersistentModelIndex)
    def _show_note(self, index: QPersistentModelIndex) -> None:
        """Say once, beside its row, why a folder's changes are no longer noticed at once."""
        rect = self.visualRect(self.model().index(index.row(), 0))
        if self.isVisible() and rect.isValid():
            text = index.data(Qt.ItemDataRole.ToolTipRole)
            QToolTip.showText(self.viewport().mapToGlobal(rect.bottomLeft()), text, self.viewport(), rect, _NOTE_MS)

    @Slot(QModelIndex)
    def _toggle(self, index: QModelIndex) -> None:
        status: RootStatus = index.data(FolderRole.STATUS)
        self.chosen.emit(None if status.root.path == self._chosen else status)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        status = self.current_status()
        if status is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._toggle(self.currentIndex())
        elif status is not None and event.key() == Qt.Key.Key_Delete:
            self.remove_requested.emit(status)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        index = self.indexAt(event.pos())
        if not index.isValid():
            return
        status: RootStatus = index.data(FolderRole.STATUS)
        menu = QMenu(self)
        menu.addAction(theme.icon("funnel-simple"), self.tr("Search only here"), lambda: self.chosen.emit(status))
        menu.addAction(theme.icon("folder-open"), self.tr("Open folder"), lambda: self.reveal_requested.emit(status))
        note = status.watch_note
        if note:  # there is a command in it
            menu.addAction(
                theme.icon("copy"),
                self.tr("Copy why it is not watched"),
                lambda: QGuiApplication.clipboard().setText(note),
            )
        menu.addSeparator()
        menu.addAction(theme.icon("prohibit"), self.tr("Exclude…"), lambda: self.exclude_requested.emit(status))
        menu.addAction(theme.icon("folder-minus"), self.tr("Remove folder"), lambda: self.remove_requested.emit(status))
        menu.addAction(theme.icon("eraser"), self.tr("Forget every trace…"), lambda: self.forget_requested.emit(status))
        menu.exec(event.globalPos())


class Sidebar(QFrame):
    """Kinds above, folders below."""

    kind_chosen = Signal(object)  # Kind, or None for all
    add_requested = Signal()

    def __init__(self, folders: FolderModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sidebar")
        self.setMinimumWidth(160)
        self.folders = FolderList(folders)
        self._kinds: dict[Kind | None, QPushButton] = {}
        group = QButtonGroup(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 12, 8, 12)
        column.setSpacing(2)
        for kind in (None, Kind.PHOTO, Kind.DOCUMENT, Kind.AUDIO, Kind.VIDEO):
            text = wording.kind(kind) if kind is not None else self.tr("All")
            icon = wording.KIND_ICONS[kind] if kind is not None else "squares-four"
            choice = button(text, partial(self.kind_chosen.emit, kind), role="kind", icon=icon)
            choice.setCheckable(True)
            choice.setAccessibleName(self.tr("Show: %1").replace("%1", text))
            group.addButton(choice)
            self._kinds[kind] = choice
            column.addWidget(choice)
        self._kinds[None].setChecked(True)
        column.addSpacing(16)
        heading = label(self.tr("Folders"), "caption")
        heading.setContentsMargins(8, 0, 0, 4)
        column.addWidget(heading)
        column.addWidget(self.folders, 1)
        column.addWidget(button(self.tr("Add folder"), self.add_requested.emit, icon="plus"))

    def show_kind(self, kind: Kind | None) -> None:
        """Mark the kind that is searched."""
        self._kinds[kind if kind in self._kinds else None].setChecked(True)


def _draw(painter: QPainter, rect: QRect, text: str, elide: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle) -> None:
    shown = painter.fontMetrics().elidedText(text, elide, rect.width())
    painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)


def root_path(status: RootStatus) -> Path:
    """A root as the path that queries and the engine take."""
    return Path(os.fsdecode(status.root.path))
