"""What can be done with a found file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Signal, Slot
from PySide6.QtGui import QGuiApplication

from core.types import Hit
from desktop import places, wording
from desktop.actions import Act
from desktop.views.action_set import ActionSet
from desktop.views.results_view import ResultsView
from desktop.views.search_bar import SearchBar
from desktop.workers.operations import Operations


class ResultActions(QObject):
    """Opens, shows, copies and searches by hits of the list."""

    said = Signal(str)  # a line for the toast

    def __init__(
        self, results: ResultsView, bar: SearchBar, operations: Operations, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._operations = operations
        self._results = results
        self._bar = bar

    def with_current(self, act: Callable[[Hit], object]) -> Callable[[], object]:
        """``act`` on the hit that has the focus, if there is one."""

        def run() -> None:
            hit = self._results.current_hit()
            if hit is not None:
                act(hit)

        return run

    @Slot(Hit)
    def open(self, hit: Hit) -> None:
        """Open a file with the system's application for it; what could run or call home is shown in its folder."""
        if hit.offline:
            self.said.emit(self.tr("The drive with %1 is away").replace("%1", wording.one_line(hit.name)))
        else:
            # Its content is looked at first, which waits for the disk.
            self._operations.run(partial(places.why_not_open, hit.path), partial(self._open_or_show, hit))

    def _open_or_show(self, hit: Hit, reason: str | None) -> None:
        if reason is None and hit.kind in places.OPENABLE:
            if not places.open_file(hit.path):
                self.said.emit(self.tr("Nothing on this computer opens %1").replace("%1", wording.one_line(hit.name)))
        elif not places.show_in_folder(hit.path):
            self.said.emit(self.tr("No file manager answered"))
        else:
            line = self.tr("%1 is shown in its folder, not opened: %2").replace("%1", wording.one_line(hit.name))
            self.said.emit(line.replace("%2", reason or self.tr("it could run as a program")))

    @Slot(Hit)
    def reveal(self, hit: Hit) -> None:
        """Show a file in the file manager."""
        if not places.show_in_folder(hit.path):
            self.said.emit(self.tr("No file manager answered"))

    @Slot(Hit)
    def find_similar(self, hit: Hit) -> None:
        """Search by this file instead of the words that found it; filters stay."""
        example = Path(os.fsdecode(hit.path))
        self._bar.set_ask(replace(self._bar.ask, text="", examples=(example,), possible=False))

    def copy_paths(self) -> None:
        """Put the paths of the selected files on the clipboard, a line each."""
        hits = self._results.selected_hits()
        if hits:
            QGuiApplication.clipboard().setText("\n".join(hit.display_path for hit in hits))
            self.said.emit(self.tr("Path copied"))

    def show_menu(self, actions: ActionSet, point: QPoint) -> None:
        """The context menu at ``point`` of the list."""
        hit = self._results.current_hit()
        if hit is None:
            return
        first = (Act.OPEN, Act.REVEAL) if places.can_open(hit) else (Act.REVEAL,)
        menu = actions.menu(self._results, first, (Act.SIMILAR, Act.COPY_PATH, Act.PREVIEW), (Act.FORGET_FILE,))
        menu.exec(self._results.viewport().mapToGlobal(point))
