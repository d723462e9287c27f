"""Small parts that several views use. Every label here is plain text: what it shows may be a file's name."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QDialog,
    QLabel,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop import theme


def label(text: str = "", role: str | None = None, *, wrap: bool = False, parent: QWidget | None = None) -> QLabel:
    """A label that never takes its text for markup. ``role`` picks its look in the style sheet."""
    made = QLabel(parent)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    made.setWordWrap(wrap)
    if role is not None:
        made.setProperty("role", role)
    return made


def yielding(text: str = "", role: str | None = None) -> QLabel:
    """A wrapping label that takes the width it is given; by itself it would ask for the width of a paragraph."""
    made = label(text, role, wrap=True)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return made


def picture_label(picture: QPixmap | None = None, parent: QWidget | None = None) -> QLabel:
    """A label for a picture."""
    made = label(parent=parent)
    if picture is not None:
        made.setPixmap(picture)
    return made


def message_box(icon: QMessageBox.Icon, title: str, text: str, detail: str = "") -> QMessageBox:
    """A dialog with a line, and another in small, neither taken for markup."""
    box = QMessageBox(icon, title, "")
    box.setTextFormat(Qt.TextFormat.PlainText)  # holds for both
    box.setText(text)
    box.setInformativeText(detail)
    return box


def breakable(text: str) -> str:
    """Long names and paths hold no spaces; a zero-width space after a separator lets a label break them there."""
    return "".join(character + "\u200b" if character in "/\\_-." else character for character in text)


class ElidedLabel(QLabel):
    """One line of plain text that gives way where room is short."""

    def __init__(self, text: str = "", role: str | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._full = ""
        if role is not None:
            self.setProperty("role", role)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.set_full_text(text)

    @property
    def full_text(self) -> str:
        return self._full

    def set_full_text(self, text: str) -> None:
        """Show ``text``, as much of it as fits."""
        if text == self._full:
            return
        self._full = text
        self.setAccessibleName(text)
        self._elide()

    def resizeEvent(self, event: object) -> None:
        self._elide()

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self._full) + 2, max(18, super().sizeHint().height()))

    def _elide(self) -> None:
        self.setText(self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideRight, self.width()))


def dialog_column(dialog: QDialog) -> QVBoxLayout:
    """The column that a dialog's parts stand in."""
    column = QVBoxLayout(dialog)
    column.setContentsMargins(16, 16, 16, 16)
    column.setSpacing(12)
    return column


def button(
    text: str, clicked: Callable[[], object], *, role: str | None = None, icon: str | None = None
) -> QPushButton:
    """A push button; ``role`` is "primary", "link" or nothing."""
    made = QPushButton(text)
    if role is not None:
        made.setProperty("role", role)
    if icon is not None:
        made.setIcon(theme.icon(icon, "on_accent" if role == "primary" else "text"))
        made.setIconSize(QSize(theme.ICON_PX + theme.ICON_GAP_PX, theme.ICON_PX))
    made.setCursor(Qt.CursorShape.PointingHandCursor if role == "link" else Qt.CursorShape.ArrowCursor)
    made.clicked.connect(lambda _checked=False: clicked())
    return made


def tool_button(icon: str, name: str, clicked: Callable[[], object] | None = None) -> QToolButton:
    """A button that shows only an icon; ``name`` is its accessible name and its tool tip."""
    made = QToolButton()
    made.setIcon(theme.icon(icon))
    made.setIconSize(QSize(theme.ICON_PX, theme.ICON_PX))
    made.setAccessibleName(name)
    made.setToolTip(name)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    if clicked is not None:
        made.clicked.connect(lambda _checked=False: clicked())
    return made


def busy_line(name: str) -> QProgressBar:
    """A thin moving line, hidden at first; its room is kept, so that nothing jumps when it shows."""
    line = QProgressBar()
    line.setRange(0, 0)
    line.setTextVisible(False)
    line.setFixedHeight(3)
    line.setAccessibleName(name)
    policy = line.sizePolicy()
    policy.setRetainSizeWhenHidden(True)
    line.setSizePolicy(policy)
    line.hide()
    return line
