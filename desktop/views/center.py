"""The middle of the window: the results, or what stands where none are, with the lines above them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from desktop.item_models.result_model import ResultModel
from desktop.views.empty_state import EmptyState, EmptyStateView
from desktop.views.notices import ErrorBar, NoticeBar, RemovalBar
from desktop.views.results_view import ResultsView
from desktop.views.widgets import busy_line
from desktop.window_settings import KeptFiles
from desktop.workers.thumbnail_loader import ThumbnailLoader


class Center(QWidget):
    """Lines about waiting, trouble and limits, over the list of results or an empty state."""

    def __init__(
        self,
        model: ResultModel,
        thumbnails: ThumbnailLoader,
        chosen: Callable[[str], object],
        kept: KeptFiles,
        parent: QWidget | None = None,
    ) -> None:
        """``chosen`` is called with the name of a choice that an empty state offers; ``kept`` has earlier answers."""
        super().__init__(parent)
        self.setObjectName("center")
        self.results = ResultsView(thumbnails)
        self.results.setModel(model)
        self.empty = EmptyStateView(chosen)
        self.notice = NoticeBar()
        self.error_bar = ErrorBar()
        self.removals = RemovalBar(kept)
        self.opening = NoticeBar()  # how the index was opened; no advice takes its place
        self._waiting = busy_line(self.tr("Searching"))
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.results)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (self._waiting, self.error_bar, self.opening, self.removals, self.notice):
            column.addWidget(part)
        column.addWidget(self._stack, 1)

    @property
    def showing_results(self) -> bool:
        return self._stack.currentWidget() is self.results

    def show_results(self) -> None:
        """Show the list."""
        self._stack.setCurrentWidget(self.results)

    def show_empty(self, state: EmptyState) -> None:
        """Show ``state`` instead of a list."""
        self.empty.show_state(state)
        self._stack.setCurrentWidget(self.empty)

    def show_waiting(self, waiting: bool) -> None:
        """Show, or no longer, that an answer takes its time."""
        self._waiting.setVisible(waiting)
