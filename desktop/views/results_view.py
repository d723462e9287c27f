"""The list of results: justified pictures and rows of text in one scrolling view."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QDrag,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QRegion,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyleOptionViewItem, QWidget

from core.types import Hit
from desktop.item_models.result_model import ResultModel, ResultRow, Role, Shape
from desktop.views.result_delegate import ResultDelegate
from desktop.views.result_layout import Layout, lay_out
from desktop.workers.thumbnail_loader import SIZES, ThumbnailLoader

_Index = QModelIndex | QPersistentModelIndex
_Move = QAbstractItemView.CursorAction
_DRAG_PX = 96


class ResultsView(QListView):
    """A ``QListView`` for its keyboard, selection and accessibility; geometry comes from ``result_layout``."""

    opened = Signal(Hit)
    current_hit_changed = Signal(object)  # Hit or None
    action_triggered = Signal()  # the "show possible matches" row
    preview_requested = Signal()

    def __init__(self, thumbnails: ThumbnailLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("results")
        self.setAccessibleName(self.tr("Search results"))
        self._thumbnails = thumbnails
        self._layout: Layout = lay_out((), (), 1)
        self._kept: int | None = None  # file that was current before a reset
        self.setItemDelegate(ResultDelegate(thumbnails, self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_Hover)
        thumbnails.loaded.connect(self._on_thumbnail)
        self.doubleClicked.connect(self._activate)
        self.clicked.connect(self._on_clicked)

    # What the window asks

    def current_hit(self) -> Hit | None:
        """The hit that has the focus."""
        index = self.currentIndex()
        return index.data(Role.HIT) if index.isValid() else None

    def first_hit(self) -> Hit | None:
        """The best hit there is."""
        return next((row.hit for row in self._rows() if row.hit is not None), None)

    def selected_hits(self) -> list[Hit]:
        """The selected hits in reading order."""
        indexes = sorted(self.selectedIndexes(), key=lambda index: index.row())
        return [hit for index in indexes if (hit := index.data(Role.HIT)) is not None]

    def select_first(self) -> None:
        """Put the focus on the first hit."""
        for row in range(self.model().rowCount() if self.model() else 0):
            index = self.model().index(row, 0)
            if index.data(Role.HIT) is not None:
                self.setCurrentIndex(index)
                return

    def _rows(self) -> Sequence[ResultRow]:
        model = self.model()
        return model.rows if isinstance(model, ResultModel) else ()

    # Model

    def setModel(self, model: QAbstractItemModel | None) -> None:
        super().setModel(model)
        if isinstance(model, ResultModel):
            model.modelAboutToBeReset.connect(self._before_reset)
            model.modelReset.connect(self._after_reset)

    @Slot()
    def _before_reset(self) -> None:
        hit = self.current_hit()
        self._kept = hit.file_id if hit is not None else None

    @Slot()
    def _after_reset(self) -> None:
        self.doItemsLayout()
        model = self.model()
        row = model.row_of_file(self._kept) if isinstance(model, ResultModel) and self._kept is not None else None
        if row is None:
            self.verticalScrollBar().setValue(0)
            self.current_hit_changed.emit(None)
        else:
            self.setCurrentIndex(model.index(row, 0))

    def currentChanged(self, current: _Index, previous: _Index) -> None:
        super().currentChanged(current, previous)
        self.current_hit_changed.emit(current.data(Role.HIT) if current.isValid() else None)
        self.viewport().update()

    # Geometry

    def doItemsLayout(self) -> None:
        rows = self._rows()
        self._layout = lay_out([row.shape for row in rows], [row.aspect for row in rows], self.viewport().width())
        # Not QListView's: it would lay everything out once more, its own way.
        QAbstractItemView.doItemsLayout(self)
        self.updateGeometries()
        self._retain()
        self.viewport().update()

    def updateGeometries(self) -> None:
        bar = self.verticalScrollBar()
        bar.setSingleStep(48)
        bar.setPageStep(self.viewport().height())
        bar.setRange(0, max(0, self._layout.height - self.viewport().height()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        anchor = self._layout.at(24, self.verticalOffset() + 8)
        self.doItemsLayout()
        if anchor is not None and self.verticalOffset() > 0:
            self.verticalScrollBar().setValue(self._layout.rects[anchor][1])

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.scrollDirtyRegion(dx, dy)
        self.viewport().scroll(dx, dy)
        self._retain()

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def horizontalOffset(self) -> int:
        return 0

    def visualRect(self, index: _Index) -> QRect:
        if not index.isValid() or index.row() >= len(self._layout.rects):
            return QRect()
        x, y, width, height = self._layout.rects[index.row()]
        return QRect(x, y - self.verticalOffset(), width, height)

    def indexAt(self, point: QPoint) -> QModelIndex:
        row = self._layout.at(point.x(), point.y() + self.verticalOffset())
        return QModelIndex() if row is None else self.model().index(row, 0)

    def isIndexHidden(self, index: _Index) -> bool:
        return False

    def scrollTo(
        self, index: _Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        rect = self.visualRect(index)
        bar = self.verticalScrollBar()
        if rect.top() < 0 or rect.height() > self.viewport().height():
            bar.setValue(bar.value() + rect.top() - 8)
        elif rect.bottom() > self.viewport().height():
            bar.setValue(bar.value() + rect.bottom() - self.viewport().height() + 8)

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        area = rect.normalized().translated(0, self.verticalOffset())
        selection = QItemSelection()
        for row in self._layout.between(area.top(), area.bottom() + 1):
            index = self.model().index(row, 0)
            if index.data(Role.HIT) is not None and QRect(*self._layout.rects[row]).intersects(area):
                selection.select(index, index)
        self.selectionModel().select(selection, command)

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        region = QRegion()
        for index in selection.indexes():
            region += self.visualRect(index)
        return region

    def moveCursor(self, action: _Move, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        stops = [row for row in range(self.model().rowCount()) if self._is_stop(row)]
        if not stops:
            return QModelIndex()
        current = self.currentIndex().row()
        if current not in stops:
            return self.model().index(stops[0], 0)
        place = stops.index(current)
        if action in (_Move.MoveUp, _Move.MoveDown, _Move.MovePageUp, _Move.MovePageDown):
            return self.model().index(self._vertical(stops, current, action), 0)
        steps = {_Move.MoveLeft: -1, _Move.MovePrevious: -1, _Move.MoveRight: 1, _Move.MoveNext: 1}
        if action in steps:
            place = min(max(place + steps[action], 0), len(stops) - 1)
        elif action == _Move.MoveHome:
            place = 0
        elif action == _Move.MoveEnd:
            place = len(stops) - 1
        return self.model().index(stops[place], 0)

    def _is_stop(self, row: int) -> bool:
        return self.model().index(row, 0).data(Role.RESULT_ROW).shape not in (Shape.SECTION, Shape.GROUP)

    def _vertical(self, stops: list[int], current: int, action: _Move) -> int:
        """The stop above or below whose middle is nearest; pages go by the height of the viewport."""
        x, y, width, _ = self._layout.rects[current]
        down = action in (_Move.MoveDown, _Move.MovePageDown)
        page = self.viewport().height() if action in (_Move.MovePageUp, _Move.MovePageDown) else 0
        beyond = [row for row in stops if (self._layout.rects[row][1] > y if down else self._layout.rects[row][1] < y)]
        if not beyond:
            return current
        target = y + page if down else y - page
        tops = {self._layout.rects[row][1] for row in beyond}
        if not page:
            target = min(tops) if down else max(tops)
        top = min(tops, key=lambda value: abs(value - target))
        middle = x + width / 2
        line = [row for row in beyond if self._layout.rects[row][1] == top]
        return min(line, key=lambda row: abs(self._layout.rects[row][0] + self._layout.rects[row][2] / 2 - middle))

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.model() is None:
            return
        painter = QPainter(self.viewport())
        area = event.rect()
        offset = self.verticalOffset()
        pointer = self.viewport().mapFromGlobal(self.cursor().pos())
        hovered = self.indexAt(pointer) if self.viewport().underMouse() else QModelIndex()
        for row in self._layout.between(area.top() + offset, area.bottom() + 1 + offset):
            index = self.model().index(row, 0)
            self.itemDelegate().paint(painter, self._option(index, hovered == index), index)
        painter.end()

    def _option(self, index: QModelIndex, hovered: bool) -> QStyleOptionViewItem:
        option = QStyleOptionViewItem()
        option.initFrom(self)
        option.rect = self.visualRect(index)
        state = QStyle.StateFlag.State_Enabled
        if self.selectionModel().isSelected(index):
            state |= QStyle.StateFlag.State_Selected
        if hovered:
            state |= QStyle.StateFlag.State_MouseOver
        if self.hasFocus() and index == self.currentIndex():
            state |= QStyle.StateFlag.State_HasFocus
        option.state = state
        return option

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.HoverMove, QEvent.Type.HoverLeave):
            self.viewport().update()
        return super().viewportEvent(event)

    def _retain(self) -> None:
        """Tell the loader what is in view, so that it decodes nothing else."""
        top = self.verticalOffset()
        rows = self._rows()
        visible = self._layout.between(top, top + self.viewport().height())
        hits = [hit for row in visible if (hit := rows[row].hit) is not None and hit.content_hash is not None]
        keys = frozenset((hit.content_hash, size) for hit in hits for size in SIZES if hit.content_hash is not None)
        self._thumbnails.retain(self, keys)

    @Slot(str)
    def _on_thumbnail(self, content_hash: str) -> None:
        top = self.verticalOffset()
        rows = self._rows()
        for row in self._layout.between(top, top + self.viewport().height()):
            hit = rows[row].hit
            if hit is not None and hit.content_hash == content_hash:
                self.viewport().update(self.visualRect(self.model().index(row, 0)))

    # Acting

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._activate(self.currentIndex())
        elif event.key() == Qt.Key.Key_Space:
            self.preview_requested.emit()
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        action = index.isValid() and index.data(Role.RESULT_ROW).shape is Shape.ACTION
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if action else Qt.CursorShape.ArrowCursor)
        super().mouseMoveEvent(event)

    def startDrag(self, supported: Qt.DropAction) -> None:
        indexes = [index for index in self.selectedIndexes() if index.flags() & Qt.ItemFlag.ItemIsDragEnabled]
        if not indexes:
            return
        drag = QDrag(self)
        drag.setMimeData(self.model().mimeData(indexes))
        drag.setPixmap(self._drag_picture(indexes[0]))
        drag.exec(Qt.DropAction.CopyAction)

    def _drag_picture(self, index: QModelIndex) -> QPixmap:
        rect = self.visualRect(index).intersected(self.viewport().rect())
        picture = self.viewport().grab(rect)
        return picture.scaled(
            _DRAG_PX * 2, _DRAG_PX, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        if index.data(Role.RESULT_ROW).shape is Shape.ACTION:
            self.action_triggered.emit()

    @Slot(QModelIndex)
    def _activate(self, index: _Index) -> None:
        hit = index.data(Role.HIT)
        if hit is not None:
            self.opened.emit(hit)
        elif index.data(Role.RESULT_ROW).shape is Shape.ACTION:
            self.action_triggered.emit()
