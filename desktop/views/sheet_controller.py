"""Opens the small dialogs of the window. They load when they are first opened: the window shows itself before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from desktop.views.search_bar import SearchBar

if TYPE_CHECKING:
    from core.engine import Engine


class SheetController(QObject):
    """Shortcuts, about, and the range of days of the search."""

    def __init__(self, engine: Engine, bar: SearchBar, window: QWidget) -> None:
        super().__init__(window)
        self._engine = engine
        self._bar = bar
        self._window = window

    @Slot()
    def show_shortcuts(self) -> None:
        """Every action and its keys."""
        from desktop.views.dialogs.sheets import ShortcutSheet

        ShortcutSheet(self._window).open()

    @Slot()
    def show_about(self) -> None:
        """Name, version and where the index lives."""
        from desktop.views.dialogs.sheets import AboutDialog

        AboutDialog(self._engine.settings.folders.index, self._window).open()

    @Slot()
    def choose_dates(self) -> None:
        """Ask for a range of days to search in."""
        from desktop.views.dialogs.sheets import DatesDialog

        dialog = DatesDialog(self._bar.ask.after, self._bar.ask.before, self._window)
        dialog.accepted.connect(lambda: self._bar.set_dates(*dialog.dates()))
        dialog.open()
