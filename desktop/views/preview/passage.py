"""A passage or a span of speech in full, its matched words marked."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from desktop import theme
from desktop.views.marked_text import marked_layout

_PAD = 12
_HEAD_PX = 20


class PassageCard(QWidget):
    """Draws text with marks. ``make_button`` turns it into something to press, as for a moment to play."""

    def __init__(
        self, text: str, marks: tuple[tuple[int, int], ...], place: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._text, self._marks, self._place = text, marks, place
        self._press: Callable[[], object] | None = None
        self.setAccessibleName(f"{place} {text}".strip())

    def make_button(self, press: Callable[[], object]) -> None:
        """Call ``press`` on a click, on Return and on Space."""
        self._press = press
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def resizeEvent(self, event: QResizeEvent) -> None:
        # Height for width is lost in nested layouts inside a scroll area; a fixed height is not.
        self.setFixedHeight(self._height(event.size().width()))

    def _height(self, width: int) -> int:
        lines = marked_layout(self._text, self._marks, width - 2 * _PAD, keep_breaks=True).lineCount()
        return lines * theme.LINE_PX + 2 * _PAD + (_HEAD_PX if self._place else 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(theme.color("window"))
        painter.setPen(QPen(theme.color("accent"), 2) if self.hasFocus() else QPen(theme.color("border"), 1))
        painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), theme.RADIUS_CARD, theme.RADIUS_CARD)
        top = _PAD
        if self._place:
            painter.setFont(theme.font(theme.META_PX, bold=True))
            painter.setPen(theme.color("link"))
            painter.drawText(QPointF(_PAD, top + 12), self._place)
            top += _HEAD_PX
        painter.setPen(theme.color("text"))
        layout = marked_layout(self._text, self._marks, self.width() - 2 * _PAD, keep_breaks=True)
        layout.draw(painter, QPointF(_PAD, top))
        painter.end()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._press is not None and self.rect().contains(event.position().toPoint()):
            self._press()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._press is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._press()
        else:
            super().keyPressEvent(event)
