"""The check of the index: every look with what came of it, and the repair where something is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from core.display import display_text
from core.types import Check
from desktop import theme, wording
from desktop.views.widgets import breakable, button, dialog_column, label, picture_label, yielding


class CheckRow(QWidget):
    """One check: an icon, what was looked at, what was found there, and in a word whether it is well."""

    def __init__(self, check: Check, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        name, detail = wording.check(check.name), display_text(check.detail)
        state = self.tr("In order") if check.ok else self.tr("Not in order")
        self.setAccessibleName(f"{name}: {state}, {detail}")
        icon = theme.icon("check-circle", "meta") if check.ok else theme.icon("warning-circle", "error")
        head = QHBoxLayout()
        head.addWidget(label(name, "name"), 1)
        head.addWidget(label(state, "caption" if check.ok else "fault"))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addLayout(head)
        words.addWidget(yielding(breakable(detail[:1].upper() + detail[1:]), "meta"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(picture_label(icon.pixmap(theme.ICON_PX, theme.ICON_PX)), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)


class CheckDialog(QDialog):
    """Shows how far the look or the repair is, then what came of it. Both are asked of the window."""

    check_requested = Signal()
    repair_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Check the index"))
        self.resize(640, 600)
        self._summary = label("", "section", wrap=True)
        self._step = label("", "meta")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("How far it is"))
        self._trouble = yielding("", "error")
        self._done = yielding()
        self._done.hide()
        self._list = QVBoxLayout()
        self._list.setContentsMargins(16, 12, 16, 12)
        self._list.setSpacing(12)
        self._again = button(self.tr("Check again"), self.check_requested.emit, icon="arrow-clockwise")
        self._repair = button(self.tr("Repair"), self.repair_requested.emit, role="primary", icon="wrench")
        self._repair.hide()  # until something is wrong
        self._assemble()
        self._show_working(self.tr("Looking"))

    def _assemble(self) -> None:
        card = QFrame()
        card.setObjectName("card")
        card.setLayout(self._list)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(card)
        self._scroll = scroll
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._again)
        row.addStretch(1)
        row.addWidget(button(self.tr("Close"), self.accept))
        row.addWidget(self._repair)
        column = dialog_column(self)
        for part in (self._summary, self._step, self._bar, self._trouble, self._done, scroll):
            column.addWidget(part)
        column.setStretchFactor(scroll, 1)
        scroll.hide()  # until something was found
        column.addStretch()
        column.addLayout(row)

    # What the window tells

    @Slot()
    def show_checking(self) -> None:
        """The look has begun."""
        self._done.hide()
        self._show_working(self.tr("Looking at the index"))

    @Slot()
    def show_waiting(self) -> None:
        """The repair waits for indexing to stop."""
        self._show_working(self.tr("Waiting until indexing has stopped"))

    @Slot()
    def show_repairing(self) -> None:
        """The repair has begun."""
        self._show_working(self.tr("Repairing the index"))

    @Slot(str, int, int)
    def show_step(self, what: str, done: int, total: int) -> None:
        """How much of what is done."""
        self._bar.setRange(0, total)
        self._bar.setValue(done)
        part = self.tr("%1: %2 of %3").replace("%1", wording.check(what))
        self._step.setText(part.replace("%2", wording.number(done)).replace("%3", wording.number(total)))

    def show_checks(self, checks: Sequence[Check]) -> None:
        """What the look found."""
        wrong = sum(not check.ok for check in checks)
        self._show_found(checks, repair=wrong > 0)
        self._summary.setText(self._said(wrong))

    def show_repaired(self, done: Sequence[str], checks: Sequence[Check]) -> None:
        """What the repair did, and what a look found after it."""
        wrong = sum(not check.ok for check in checks)
        self._show_found(checks, repair=False)  # doing the same once more does not help
        lines = [display_text(line[:1].upper() + line[1:]) + "." for line in done]
        self._done.setText("\n".join(lines) or self.tr("There was nothing that a repair could do."))
        self._done.show()
        self._summary.setText(self._said(wrong))

    def show_trouble(self, trouble: str) -> None:
        """It could not be looked at, or not be repaired; what was found before stays."""
        self._show_idle()
        self._summary.setText(self.tr("That did not work"))
        self._trouble.setText(display_text(trouble[:1].upper() + trouble[1:]))
        self._trouble.show()

    def _said(self, wrong: int) -> str:
        if not wrong:
            return self.tr("Everything is in order")
        if wrong == 1:
            return self.tr("One thing is not in order")
        return self.tr("%1 things are not in order").replace("%1", wording.number(wrong))

    def _show_working(self, what: str) -> None:
        self._summary.setText(what)
        self._step.setText("")
        self._step.show()
        self._bar.setRange(0, 0)
        self._bar.show()
        self._trouble.hide()
        self._again.setEnabled(False)
        self._repair.setEnabled(False)

    def _show_idle(self) -> None:
        self._bar.hide()
        self._step.hide()
        self._again.setEnabled(True)
        self._repair.setEnabled(True)

    def _show_found(self, checks: Sequence[Check], *, repair: bool) -> None:
        self._show_idle()
        self._repair.setVisible(repair)
        while (item := self._list.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for check in checks:
            self._list.addWidget(CheckRow(check))
        self._list.addStretch(1)
        self._scroll.show()
