"""Chips: what narrows the search, each with one press to take it away."""

from __future__ import annotations

import html

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from desktop import theme

_CHIP_PX = 168  # widest


class Chip(QAbstractButton):
    """One filter or example. Pressing it, or Delete on it, takes it away."""

    def __init__(self, text: str, icon: str, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = text
        self.setText(text.replace("&", "&&"))  # a single one in a file's name would become a key
        self._icon_name = icon
        self.setAccessibleName(name)
        self.setToolTip(f"<qt>{html.escape(name)}</qt>")  # it may hold a file's name
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(64)

    def sizeHint(self) -> QSize:
        text = QFontMetrics(theme.font(theme.META_PX)).horizontalAdvance(self._shown)
        return QSize(min(_CHIP_PX, text + 60), 28)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        focused = self.hasFocus()
        painter.setBrush(theme.color("selection" if self.underMouse() else "mark"))
        painter.setPen(QPen(theme.color("accent"), 2) if focused else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(area, area.height() / 2, area.height() / 2)
        theme.paint_icon(painter, self._icon_name, QPointF(area.left() + 15, area.center().y()), 15, "text")
        theme.paint_icon(painter, "x", QPointF(area.right() - 14, area.center().y()), 12, "text")
        painter.setFont(theme.font(theme.META_PX))
        painter.setPen(theme.color("text"))
        room = self.rect().adjusted(28, 0, -26, 0)
        text = painter.fontMetrics().elidedText(self._shown, Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)
