"""The line at the bottom: what is being done, what waits for which model, what could not be read."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QProgressBar, QToolButton, QWidget

from core.types import ModelRole, PauseReason, Progress, Status
from desktop import theme, wording
from desktop.views.widgets import ElidedLabel, button, label, tool_button


class StatusLine(QFrame):
    """Shows progress and status; both are told to it."""

    pause_toggled = Signal()
    anyway_requested = Signal()
    models_requested = Signal()
    failures_requested = Signal()

    def __init__(self, *, demo: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("statusLine")
        self.setFixedHeight(34)
        self._running = True
        self._busy_elsewhere = ""
        self._progress: Progress | None = None
        self._status: Status | None = None
        self._text = ElidedLabel("", "meta")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(80)
        self._bar.setAccessibleName(self.tr("Indexing progress"))
        self._pause = tool_button("pause", self.tr("Pause indexing"), self.pause_toggled.emit)
        self._anyway = button(self.tr("Index anyway"), self.anyway_requested.emit, role="link")
        self._waits = button("", self.models_requested.emit, role="link")
        self._failures = button("", self.failures_requested.emit, role="link", icon="warning")
        self._failures.setIcon(theme.icon("warning", "warning"))
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(8)
        if demo:
            row.addWidget(label(self.tr("Demo library"), "demo"), 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._text, 1)
        row.addWidget(self._bar)
        row.addWidget(self._anyway)
        row.addWidget(self._pause)
        row.addWidget(self._waits)
        row.addWidget(self._failures)
        self._refresh()

    @property
    def text(self) -> str:
        return self._text.full_text

    def set_speed_menu(self, menu: QMenu) -> None:
        """Offer ``menu`` beside the pause button."""
        self._pause.setMenu(menu)
        self._pause.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)

    def show_progress(self, progress: Progress) -> None:
        """Show the newest look at the indexer's work."""
        self._progress = progress
        self._busy_elsewhere = ""
        self._refresh()

    def show_status(self, status: Status) -> None:
        """Show the newest counts."""
        self._status = status
        self._refresh()

    def show_running(self, running: bool) -> None:
        """Show whether indexing runs or is paused."""
        self._running = running
        if not running:
            self._progress = None
        self._pause.setIcon(theme.icon("pause" if running else "play"))
        name = self.tr("Pause indexing") if running else self.tr("Resume indexing")
        self._pause.setAccessibleName(name)
        self._pause.setToolTip(name)
        self._refresh()

    def show_busy_elsewhere(self, who: str) -> None:
        """Show that another process does the indexing."""
        self._busy_elsewhere = who
        self._progress = None
        self._refresh()

    def _refresh(self) -> None:
        progress = self._progress
        working = self._running and progress is not None and progress.stage is not None
        self._text.set_full_text(self._line())
        self._bar.setVisible(working)
        if working and progress is not None:
            self._bar.setRange(0, max(progress.total, 1))
            self._bar.setValue(progress.done)
        reason = progress.paused if self._running and progress is not None else None
        waiting = reason is not None
        self._anyway.setVisible(reason in (PauseReason.BATTERY, PauseReason.BUSY))  # nobody can insist on a full disk
        pending = bool(self._status is not None and self._status.pending)
        self._pause.setVisible(working or waiting or pending or not self._running)
        self._show_waits()
        self._show_failures()

    def _line(self) -> str:
        if not self._running:
            left = self._status.pending if self._status is not None else 0
            return self.tr("Indexing is paused · %1").replace("%1", wording.files_left(left))
        if self._busy_elsewhere:
            return self._busy_elsewhere
        if self._progress is not None and (text := wording.progress(self._progress)):
            return text
        if self._status is None or not self._status.roots:
            return ""
        if self._status.pending:
            return wording.files_left(self._status.pending)
        return self.tr("%1 files, up to date").replace("%1", wording.number(self._status.files))

    def _show_waits(self) -> None:
        waiting = dict(self._status.waiting) if self._status is not None else {}
        if self._progress is not None and self._progress.waiting:
            waiting.update(self._progress.waiting)
        roles = [role for role in ModelRole if waiting.get(role)]
        self._waits.setVisible(bool(roles))
        if len(roles) == 1:
            self._waits.setText(wording.waiting(roles[0], waiting[roles[0]]) + "  ·  " + self.tr("Get"))
        elif roles:
            self._waits.setText(
                self.tr("%1 models are missing").replace("%1", str(len(roles))) + "  ·  " + self.tr("Get")
            )

    def _show_failures(self) -> None:
        failed = self._status.failed if self._status is not None else 0
        self._failures.setVisible(bool(failed))
        self._failures.setText(self.tr("%1 not read").replace("%1", wording.number(failed)))
