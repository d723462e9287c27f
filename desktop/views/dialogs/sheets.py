"""The small dialogs: keyboard shortcuts, about, and a range of days."""

from __future__ import annotations

import platform
from datetime import date, timedelta
from importlib import metadata
from itertools import groupby
from pathlib import Path

from PySide6.QtCore import QDate, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDateEdit, QDialog, QFormLayout, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from desktop import theme, wording
from desktop.actions import SPECS, ActionSpec
from desktop.views.widgets import button, label, picture_label


class ShortcutSheet(QDialog):
    """Every action and its keys, in two columns of groups."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        columns = QHBoxLayout()
        columns.setSpacing(40)
        left, right = QVBoxLayout(), QVBoxLayout()
        for side in (left, right):
            side.setSpacing(4)
        groups = [(name, list(specs)) for name, specs in groupby(SPECS, key=lambda spec: spec.group_label)]
        half = sum(len(specs) + 2 for _, specs in groups) / 2
        filled = 0
        for name, specs in groups:
            side = left if filled < half - 2 else right
            heading = label(name, "section")
            heading.setContentsMargins(0, 0, 0, 4)
            side.addWidget(heading)
            side.addLayout(_keys_grid(specs))
            side.addSpacing(16)
            filled += len(specs) + 2
        for side in (left, right):
            side.addStretch(1)
            columns.addLayout(side)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, 24, 24, 16)
        outer.setSizeConstraint(QVBoxLayout.SizeConstraint.SetFixedSize)
        outer.addLayout(columns)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(button(self.tr("Close"), self.accept))
        outer.addLayout(foot)


def _keys_grid(specs: list[ActionSpec]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(24)
    grid.setVerticalSpacing(6)
    grid.setColumnStretch(0, 1)
    for row, spec in enumerate(specs):
        grid.addWidget(label(spec.label), row, 0)
        keys = QHBoxLayout()
        keys.setSpacing(4)
        keys.addStretch(1)
        for sequence in spec.keys:
            shown = QKeySequence(sequence).toString(QKeySequence.SequenceFormat.NativeText)
            keys.addWidget(label(shown, "keys"))
        grid.addLayout(keys, row, 1)
    return grid


class AboutDialog(QDialog):
    """Name, version, privacy, and where the index lives."""

    def __init__(self, index: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("About Findling"))
        self.setFixedWidth(460)
        picture = picture_label(theme.application_icon().pixmap(72, 72))
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(8)
        column.addWidget(picture, 0, Qt.AlignmentFlag.AlignHCenter)
        title = label("Findling", "title")
        column.addWidget(title, 0, Qt.AlignmentFlag.AlignHCenter)
        version = self.tr("Version %1").replace("%1", metadata.version("findling"))
        column.addWidget(
            label(f"{version} · Python {platform.python_version()}", "meta"), 0, Qt.AlignmentFlag.AlignHCenter
        )
        column.addSpacing(8)
        for text in (
            self.tr(
                "Everything stays on this computer: your files, what is read from them and what you search for. "
                "Your folders are only ever read. The network is used for one thing: getting a model when you ask."
            ),
            self.tr("The index is at %1").replace("%1", wording.home_relative(str(index))),
            self.tr("Apache License 2.0"),
        ):
            line = label(text, wrap=True)
            line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(line)
        column.addSpacing(8)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(button(self.tr("Close"), self.accept))
        column.addLayout(foot)


class DatesDialog(QDialog):
    """Asks for a range of days, both ends included."""

    def __init__(self, after: date | None, before: date | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Choose dates"))
        last = before - timedelta(days=1) if before is not None else date.today()
        first = after or date(last.year, 1, 1)
        self._first, self._last = _day_edit(first), _day_edit(last)
        form = QFormLayout()
        form.setSpacing(12)
        for text, edit in ((self.tr("From"), self._first), (self.tr("Up to and including"), self._last)):
            name = label(text)
            name.setBuddy(edit)
            form.addRow(name, edit)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        buttons.addWidget(button(self.tr("Cancel"), self.reject))
        buttons.addWidget(button(self.tr("Apply"), self.accept, role="primary"))
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(16)
        column.addLayout(form)
        column.addLayout(buttons)

    def dates(self) -> tuple[date, date]:
        """The first day and the day after the last; swapped ends are put right."""
        ends = sorted((_python_day(self._first.date()), _python_day(self._last.date())))
        return ends[0], ends[1] + timedelta(days=1)


def _day_edit(value: date) -> QDateEdit:
    edit = QDateEdit(QDate(value.year, value.month, value.day))
    edit.setCalendarPopup(True)
    edit.setMinimumDate(QDate(1900, 1, 1))
    return edit


def _python_day(value: QDate) -> date:
    return date(value.year(), value.month(), value.day())
