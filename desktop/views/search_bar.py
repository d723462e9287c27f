"""The field, its chips, and what can be set beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QMenu, QSizePolicy, QToolButton, QWidget

from core.display import display_path
from core.types import Kind, Query
from desktop import theme, wording
from desktop.views.chips import Chip
from desktop.views.widgets import picture_label, tool_button

RESULT_LIMIT = 200  # files


@dataclass(frozen=True)
class Ask:
    """What the bar asks for."""

    text: str = ""
    examples: tuple[Path, ...] = ()
    kind: Kind | None = None
    folder: Path | None = None
    after: date | None = None
    before: date | None = None  # exclusive, as in Query
    possible: bool = False  # also what lies below every gate

    @property
    def empty(self) -> bool:
        return not self.text.strip() and not self.examples

    @property
    def filtered(self) -> bool:
        return any(part is not None for part in (self.kind, self.folder, self.after, self.before))

    def query(self) -> Query:
        """The query for the engine."""
        return Query(
            text=self.text.strip(),
            like=self.examples,
            kinds=frozenset({self.kind}) if self.kind is not None else frozenset(),
            folder=self.folder,
            after=self.after,
            before=self.before,
            limit=RESULT_LIMIT,
            include_gated=self.possible,
        )

    def without_filters(self) -> Ask:
        """The same words and examples, anywhere."""
        return Ask(self.text, self.examples, possible=self.possible)


class SearchField(QFrame):
    """The frame with the glass, the line to type in and the cross that empties it."""

    pasted = Signal(QMimeData)
    stepped_down = Signal()  # from the field into the results
    backspaced_empty = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("searchField")
        self.setFixedHeight(38)
        self.setMinimumWidth(180)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # chips get their room first
        self.line = QLineEdit()
        self.line.setPlaceholderText(self.tr("Search by words, or drop a file"))
        self.line.setAccessibleName(self.tr("Search"))
        self.line.setAcceptDrops(False)  # a dropped file is an example wherever it falls, not text in the field
        self.line.installEventFilter(self)
        self._glass = picture_label()
        self._glass.setFixedSize(QSize(theme.ICON_PX, theme.ICON_PX))
        self._cross = tool_button("x", self.tr("Clear the search"), self.line.clear)
        self._cross.setVisible(False)
        self.line.textChanged.connect(lambda text: self._cross.setVisible(bool(text)))
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 4, 0)
        row.setSpacing(8)
        row.addWidget(self._glass)
        row.addWidget(self.line, 1)
        row.addWidget(self._cross)
        self.setFocusProxy(self.line)
        self.refresh_icon()

    def refresh_icon(self) -> None:
        """Draw the glass in the colours in force."""
        self._glass.setPixmap(
            theme.icon("magnifying-glass", "meta").pixmap(self._glass.size(), self.devicePixelRatioF())
        )

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.setProperty("focused", event.type() == QEvent.Type.FocusIn)
            self.style().unpolish(self)
            self.style().polish(self)
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Down:
                self.stepped_down.emit()
                return True
            if event.key() == Qt.Key.Key_Backspace and not self.line.text():
                self.backspaced_empty.emit()
                return True
            if event.matches(QKeySequence.StandardKey.Paste):
                mime = QGuiApplication.clipboard().mimeData()
                if mime.hasImage() or mime.hasUrls():
                    self.pasted.emit(mime)
                    return True
        return super().eventFilter(watched, event)


class SearchBar(QFrame):
    """The bar at the top. ``ask`` is its state; ``asked`` says that the person changed it."""

    asked = Signal()
    menu_requested = Signal()
    example_requested = Signal()
    dates_requested = Signal()
    pasted = Signal(QMimeData)
    stepped_down = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("topBar")
        self.setFixedHeight(56)
        self._ask = Ask()
        self.menu_button = tool_button("list", self.tr("Menu"))
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.field = SearchField()
        self._chips = QWidget()
        self._chip_row = QHBoxLayout(self._chips)
        self._shown_chips: list[Chip] = []
        self._chip_row.setContentsMargins(0, 0, 0, 0)
        self._chip_row.setSpacing(4)
        self.filter_button = tool_button("funnel-simple", self.tr("Filter by date"))
        self.filter_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.filter_button.setMenu(self._date_menu())
        example = tool_button("image-square", self.tr("Search by a file"), self.example_requested.emit)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(8)
        row.addWidget(self.menu_button)
        row.addWidget(self.field, 1)
        row.addWidget(self._chips)
        row.addWidget(self.filter_button)
        row.addWidget(example)
        self.field.line.textEdited.connect(self._on_text)
        self.field.line.textChanged.connect(self._on_text)
        self.field.pasted.connect(self.pasted)
        self.field.stepped_down.connect(self.stepped_down)
        self.field.backspaced_empty.connect(self._drop_last_chip)
        self._rebuild_chips()

    @property
    def ask(self) -> Ask:
        return self._ask

    def set_ask(self, ask: Ask) -> None:
        """Take over a whole state, as from a chip or a suggestion, and ask."""
        if ask == self._ask:
            return
        self._ask = ask
        if self.field.line.text() != ask.text:
            self.field.line.setText(ask.text)
        self._rebuild_chips()
        self.asked.emit()

    def add_examples(self, paths: tuple[Path, ...]) -> None:
        """Search by these files, beside what is asked already."""
        fresh = tuple(path for path in paths if path not in self._ask.examples)
        self.set_ask(replace(self._ask, examples=self._ask.examples + fresh, possible=False))

    def clear(self) -> None:
        """Back to nothing asked; the kind and the folder are left as they are."""
        self.set_ask(replace(self._ask, text="", examples=(), possible=False))

    @Slot(str)
    def _on_text(self, text: str) -> None:
        if text != self._ask.text:
            self._ask = replace(self._ask, text=text, possible=False)
            self.asked.emit()

    @Slot()
    def _drop_last_chip(self) -> None:
        if self._shown_chips:
            self._shown_chips[-1].click()

    def _rebuild_chips(self) -> None:
        for chip in self._shown_chips:
            self._chip_row.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self._shown_chips = []
        ask = self._ask
        for path in ask.examples:
            rest = tuple(other for other in ask.examples if other != path)
            self._add_chip(display_path(Path(path.name)), "sparkle", replace(ask, examples=rest))
        if ask.kind is not None:
            self._add_chip(wording.kind(ask.kind), wording.KIND_ICONS[ask.kind], replace(ask, kind=None))
        if ask.folder is not None:
            self._add_chip(wording.folder_name(display_path(ask.folder)), "folder", replace(ask, folder=None))
        if ask.after is not None or ask.before is not None:
            text = dates_text(ask.after, ask.before)
            self._add_chip(text, "calendar-blank", replace(ask, after=None, before=None))
        self._chips.setVisible(bool(self._shown_chips))

    def _add_chip(self, text: str, icon: str, without: Ask) -> None:
        chip = Chip(text, icon, self.tr("Remove %1").replace("%1", text))
        # The text may have changed since the chip was made; everything else rebuilds the chips.
        chip.clicked.connect(lambda: self.set_ask(replace(without, text=self._ask.text)))
        self._chip_row.addWidget(chip)
        self._shown_chips.append(chip)

    def _date_menu(self) -> QMenu:
        menu = QMenu(self)
        for text, days in (
            (self.tr("Last 7 days"), 7),
            (self.tr("Last 30 days"), 30),
            (self.tr("Last 12 months"), 365),
        ):
            menu.addAction(text, partial(self._set_last_days, days))
        year = date.today().year
        for past in (year, year - 1, year - 2):
            menu.addAction(str(past), partial(self.set_dates, date(past, 1, 1), date(past + 1, 1, 1)))
        menu.addSeparator()
        choose = QAction(theme.icon("calendar-blank"), self.tr("Choose dates…"), menu)
        choose.triggered.connect(lambda: self.dates_requested.emit())
        menu.addAction(choose)
        menu.addAction(self.tr("Any date"), lambda: self.set_dates(None, None))
        return menu

    def _set_last_days(self, days: int) -> None:
        # Counted from the day of the press: a window may stay open over midnight.
        self.set_dates(date.today() - timedelta(days=days), None)

    def set_dates(self, after: date | None, before: date | None) -> None:
        """Narrow to days from ``after`` up to, not including, ``before``."""
        self.set_ask(replace(self._ask, after=after, before=before))


def dates_text(after: date | None, before: date | None) -> str:
    """The range in few words; its last day is shown inclusive, as people say it."""
    last = before - timedelta(days=1) if before is not None else None
    if after is not None and last is not None:
        if after == date(after.year, 1, 1) and last == date(after.year, 12, 31):
            return str(after.year)
        return wording.day(after) if after == last else f"{wording.day(after)} – {wording.day(last)}"
    if after is not None:
        return wording.since(after)
    return wording.until(last) if last is not None else ""
