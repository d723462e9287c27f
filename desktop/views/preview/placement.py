"""Whether the preview stands beside the results, and what it shows."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from core.types import Hit
from desktop.views.center import Center
from desktop.views.preview.pane import PreviewPane
from desktop.views.search_controller import SearchController

_FROM_PX = 1100  # narrower windows start without the preview


class PreviewPlacement(QObject):
    """Shows the pane beside results: as a person wants it, else as the width of the window suggests."""

    def __init__(self, pane: PreviewPane, center: Center, search: SearchController, parent: QObject) -> None:
        super().__init__(parent)
        self._pane = pane
        self._center = center
        self._search = search
        self._wanted: bool | None = None  # None: nobody has said
        self._width_px = 0

    @Slot()
    def toggle(self) -> None:
        """Show or hide it, and stay with that."""
        self._wanted = not self._pane.isVisible()
        self.place()

    @Slot(object)
    def show_current(self, hit: Hit | None) -> None:
        """Another hit was chosen, or none."""
        if self._pane.isVisible():
            self._pane.show_hit(hit or self._center.results.first_hit(), self._search.ask.text)

    def on_width(self, width_px: int) -> None:
        """The window has another width."""
        self._width_px = width_px
        if self._wanted is None:
            self.place()

    def place(self) -> None:
        """Show what fits what the middle shows now."""
        wanted = self._width_px >= _FROM_PX if self._wanted is None else self._wanted
        shown = wanted and self._center.showing_results
        if shown != self._pane.isVisible():
            self._pane.setVisible(shown)
        # With nothing chosen the best hit is shown: an open pane is never empty.
        results = self._center.results
        hit = results.current_hit() or results.first_hit()
        self._pane.show_hit(hit if shown else None, self._search.ask.text)
