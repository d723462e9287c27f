"""What a drag over the window shows: the list dims and one target says what a drop will do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from desktop import theme
from desktop.views.example_input import ExampleInput

_TARGET_W_PX, _TARGET_H_PX = 360, 160


class DropOverlay(QWidget):
    """Covers its parent while something is dragged over the window."""

    def __init__(self, parent: QWidget, taker: ExampleInput) -> None:
        """``taker`` is where a drop goes."""
        super().__init__(parent)
        self._host = parent
        self._taker = taker
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._title = ""
        self._detail = ""
        self._icon = "sparkle"
        self.hide()

    @property
    def title(self) -> str:
        return self._title

    def offer(self, files: Sequence[Path], folders: Sequence[Path]) -> None:
        """Show what dropping these does. Files win: a folder beside them is left alone."""
        if files:
            self._icon, self._title = "sparkle", self.tr("Find similar")
            names = [path.name for path in files]
        else:
            self._icon = "folder-plus"
            self._title = self.tr("Add this folder") if len(folders) == 1 else self.tr("Add these folders")
            names = [path.name for path in folders]
        self._detail = (
            names[0]
            if len(names) == 1
            else self.tr("%1 and %2 more").replace("%1", names[0]).replace("%2", str(len(names) - 1))
        )
        self.setAccessibleName(self._title)
        self.setGeometry(self._host.rect())
        self.show()
        self.raise_()
        self.update()

    def on_enter(self, event: QDragEnterEvent) -> None:
        """Something is dragged over the window: offer what can be done with it, if anything."""
        if event.source() is not None or not self._taker.takes(event.mimeData()):
            event.ignore()  # a result that is dragged out and comes back over the window is not an example
            return
        self.offer(*self._taker.sort(event.mimeData()))
        event.acceptProposedAction()

    def on_drop(self, event: QDropEvent) -> None:
        """Do it."""
        self.hide()
        self._taker.take(event.mimeData())
        event.acceptProposedAction()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = theme.color("window")
        veil.setAlpha(215)
        painter.fillRect(self.rect(), veil)
        target = QRect(0, 0, min(_TARGET_W_PX, self.width() - 48), _TARGET_H_PX)
        target.moveCenter(self.rect().center())
        painter.setBrush(theme.color("notice"))
        painter.setPen(QPen(theme.color("accent"), 2, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(QRectF(target), theme.RADIUS_CARD * 1.5, theme.RADIUS_CARD * 1.5)
        theme.paint_icon(painter, self._icon, QPointF(target.center().x(), target.top() + 46), 36, "accent")
        painter.setPen(theme.color("text"))
        painter.setFont(theme.font(theme.TITLE_PX, bold=True))
        painter.drawText(
            QRect(target.left(), target.top() + 72, target.width(), 32), Qt.AlignmentFlag.AlignCenter, self._title
        )
        painter.setPen(theme.color("meta"))
        painter.setFont(theme.font())
        below = QRect(target.left() + 16, target.top() + 106, target.width() - 32, theme.LINE_PX)
        shown = painter.fontMetrics().elidedText(self._detail, Qt.TextElideMode.ElideMiddle, below.width())
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, shown)
        painter.end()
