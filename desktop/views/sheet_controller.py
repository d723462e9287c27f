"""Opens the small dialogs of the window. They load when they are first opened: the window shows itself before."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from core.errors import FindlingError
from desktop import wording
from desktop.views.search_bar import SearchBar
from desktop.workers.operations import Operations

if TYPE_CHECKING:
    from core.engine import Engine
    from desktop.views.dialogs.report import ReportDialog


class SheetController(QObject):
    """Shortcuts, about, the range of days of the search, and the report for a bug."""

    said = Signal(str)  # a line for the toast

    def __init__(self, engine: Engine, operations: Operations, bar: SearchBar, window: QWidget) -> None:
        super().__init__(window)
        self._engine = engine
        self._operations = operations
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
    def show_report(self) -> None:
        """Collect a report for a bug, show it, and save it if a person says so."""
        from desktop.views.dialogs.report import ReportDialog

        dialog = ReportDialog(self._window)
        dialog.save_requested.connect(partial(self._save_report, dialog))
        dialog.open()
        self._operations.run(partial(_report, self._engine), dialog.show_text, partial(_told, dialog))

    def _save_report(self, dialog: ReportDialog, text: str, file: Path) -> None:
        saved = partial(self._on_saved, dialog, file)
        self._operations.run(partial(_save, text, file), saved, partial(_told, dialog))

    def _on_saved(self, dialog: ReportDialog, file: Path, _: object) -> None:
        dialog.accept()
        self.said.emit(self.tr("Saved as %1").replace("%1", wording.one_line(file.name)))

    @Slot()
    def choose_dates(self) -> None:
        """Ask for a range of days to search in."""
        from desktop.views.dialogs.sheets import DatesDialog

        dialog = DatesDialog(self._bar.ask.after, self._bar.ask.before, self._window)
        dialog.accepted.connect(lambda: self._bar.set_dates(*dialog.dates()))
        dialog.open()


def _report(engine: Engine) -> str:
    from core import diagnostics  # here, in the thread that works: it loads what the window does not need

    return diagnostics.report(engine)


def _save(text: str, file: Path) -> None:
    from core import diagnostics

    diagnostics.save(text, file)


def _told(dialog: ReportDialog, error: FindlingError) -> None:
    dialog.show_trouble(str(error))
