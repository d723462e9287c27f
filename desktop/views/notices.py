"""One-line bars above the results, and the toast that offers to undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from core.types import RootStatus
from desktop import theme, wording
from desktop.views.widgets import button, label, picture_label, tool_button
from desktop.window_settings import KeptFiles

_TOAST_MS = 8000  # long enough to read the line and reach the button


class Bar(QFrame):
    """An icon, a line, at most one button and a cross. Hidden until there is something to say."""

    def __init__(self, name: str, icon: str, tone: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._icon = picture_label()
        self._icon_name, self._tone = icon, tone
        self._text = label("", wrap=True)
        self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._button = button("", self._act)
        self._action: Callable[[], object] | None = None
        self._dismissed: set[str] = set()
        cross = tool_button("x", self.tr("Dismiss"), self.dismiss)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 6, 12, 6)
        row.setSpacing(12)
        row.addWidget(self._icon)
        row.addWidget(self._text, 1)
        row.addWidget(self._button)
        row.addWidget(cross)
        self.hide()

    @property
    def text(self) -> str:
        return self._text.text()

    def show_line(self, text: str, action: str = "", act: Callable[[], object] | None = None) -> None:
        """Say ``text``, with a button when there is something to do about it."""
        self._icon.setPixmap(theme.icon(self._icon_name, self._tone).pixmap(theme.ICON_PX, theme.ICON_PX))
        self._text.setText(text)
        self.setAccessibleName(text)
        self._button.setText(action)
        self._button.setVisible(bool(action))
        self._action = act
        self.setVisible(text not in self._dismissed)

    @Slot()
    def dismiss(self) -> None:
        """Take the line away; the same words do not come back in this window."""
        self._dismissed.add(self._text.text())
        self.hide()

    def _act(self) -> None:
        if self._action is not None:
            self._action()


class ErrorBar(Bar):
    """Trouble that has a name. It stays until it is dismissed and may come back."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("errorBar", "warning-circle", "error", parent)

    @Slot()
    def dismiss(self) -> None:
        self.hide()


class NoticeBar(Bar):
    """Something worth knowing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("notice", "info", "accent", parent)


class RemovalBar(Bar):
    """A folder misses very many files: were they deleted, or is something wrong with the disk?"""

    agreed = Signal(object)  # RootStatus: they may go

    def __init__(self, kept: KeptFiles, parent: QWidget | None = None) -> None:
        super().__init__("notice", "warning", "warning", parent)
        self._kept = kept
        self._roots: Sequence[RootStatus] = ()
        self._asked: RootStatus | None = None
        keep = button(self.tr("Keep"), self._keep)
        keep.setToolTip(
            self.tr(
                "They stay found, also after a restart. This is asked again when more files of the folder are gone."
            )
        )
        row = self.layout()
        if isinstance(row, QHBoxLayout):
            row.insertWidget(row.count() - 1, keep)

    def show_roots(self, roots: Sequence[RootStatus]) -> None:
        """Ask about the first of the folders that misses files and was not answered for; hide where there is none."""
        self._roots = roots
        self._kept.follow(roots)
        for status in roots:
            if not self._kept.covers(status) and self._question(status) not in self._dismissed:
                self._asked = status
                self.show_line(self._question(status), self.tr("Remove from the index"), partial(self._agree, status))
                return
        self.hide()

    def _question(self, status: RootStatus) -> str:
        return (
            self.tr("%1 of %2 files in %3 are missing. They stay found until you say that they were deleted.")
            .replace("%1", wording.number(status.missing))
            .replace("%2", wording.number(status.files))
            .replace("%3", wording.folder_name(status.root.display))
        )

    def _keep(self) -> None:
        if self._asked is not None:
            self._kept.keep(self._asked)
            self.show_roots(self._roots)  # another folder may miss some as well

    def _agree(self, status: RootStatus) -> None:
        self.hide()
        self.agreed.emit(status)


class Toast(QFrame):
    """What was just done, for a few seconds, with a way back. Floats above the bottom of its parent."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._host = parent
        self.setObjectName("toast")
        self._text = label("")
        self._undo: QPushButton = button(self.tr("Undo"), self._on_undo)
        self._action: Callable[[], object] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 16, 8)
        row.setSpacing(16)
        row.addWidget(self._text)
        row.addWidget(self._undo)
        parent.installEventFilter(self)
        self.hide()

    @property
    def text(self) -> str:
        return self._text.text()

    def say(self, text: str, undo: Callable[[], object] | None = None) -> None:
        """Show ``text``; with ``undo``, offer it."""
        room = max(200, self._host.width() - 200)
        self._text.setText(self._text.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, room))
        self.setAccessibleName(text)
        self._undo.setVisible(undo is not None)
        self._action = undo
        self.adjustSize()
        self._place()
        self.show()
        self.raise_()
        self._timer.start(_TOAST_MS)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        area = self._host.rect()
        self.move((area.width() - self.width()) // 2, area.height() - self.height() - 50)

    def _on_undo(self) -> None:
        self.hide()
        if self._action is not None:
            self._action()
