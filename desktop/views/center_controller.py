"""Decides what stands in the middle of the window: results, or an empty state, and the line of advice above them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot

from core.errors import FindlingError
from core.types import Progress, SearchResult
from desktop.item_models.result_model import ResultModel
from desktop.views import empty_state
from desktop.views.advice import advise
from desktop.views.center import Center
from desktop.views.preview.placement import PreviewPlacement
from desktop.views.search_controller import SearchController
from desktop.workers.library import Library, Snapshot


class CenterController(QObject):
    """Follows the search and the library. ``model`` holds each answer before it is told here."""

    def __init__(
        self,
        center: Center,
        search: SearchController,
        model: ResultModel,
        library: Library,
        placement: PreviewPlacement,
        show_models: Callable[[], object],
        *,
        demo: bool,
        parent: QObject,
    ) -> None:
        """``show_models`` is what the button of an advice does; in the demo its own library is not offered."""
        super().__init__(parent)
        self._center = center
        self._search = search
        self._model = model
        self._library = library
        self._placement = placement
        self._show_models = show_models
        self._demo = demo
        self._progress: Progress | None = None
        search.answered.connect(self._on_answer)
        search.cleared.connect(self.show_start)
        search.failed.connect(self._on_search_failed)
        search.slow_changed.connect(self._on_slow)
        library.changed.connect(self._on_snapshot)

    def follow(self, progress: Progress) -> None:
        """Take note of how far indexing is."""
        self._progress = progress

    @Slot()
    def show_start(self) -> None:
        """Nothing is asked: where to begin."""
        snapshot = self._library.snapshot
        if snapshot is None or snapshot.roots:
            status = snapshot.status if snapshot is not None else None
            self._center.show_empty(empty_state.start(status, self._progress))
        else:
            self._center.show_empty(empty_state.first_run(demo_offered=not self._demo))
        self._show_advice()
        self._placement.place()

    @Slot(FindlingError)
    def show_error(self, error: FindlingError) -> None:
        """Show expected trouble in the bar above the results."""
        self._center.error_bar.show_line(f"{error.title}: {error}")

    @Slot(SearchResult)
    def _on_answer(self, result: SearchResult) -> None:
        snapshot = self._library.snapshot
        if result.hits:
            self._center.show_results()
        else:
            status = snapshot.status if snapshot is not None else None
            self._center.show_empty(empty_state.nothing(self._search.ask, result, status))
        self._show_advice()
        self._placement.place()

    @Slot(FindlingError)
    def _on_search_failed(self, error: FindlingError) -> None:
        self._model.show_result(None)  # what was there answered another question
        self._center.show_empty(empty_state.failed())
        self._placement.place()
        self.show_error(error)

    @Slot(bool)
    def _on_slow(self, slow: bool) -> None:
        self._center.show_waiting(slow)
        if slow and self._model.result is None:
            self._center.empty.show_state(empty_state.searching())

    @Slot(Snapshot)
    def _on_snapshot(self, _: Snapshot) -> None:
        if self._search.ask.empty:
            self.show_start()
        elif not self._center.showing_results and self._model.result is not None:
            self._on_answer(self._model.result)
        self._show_advice()

    def _show_advice(self) -> None:
        advice = advise(self._library.snapshot, self._search.ask, self._model.result)
        if advice is None:
            self._center.notice.hide()
        else:
            self._center.notice.show_line(advice.text, advice.action, self._show_models)
