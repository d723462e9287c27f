"""Searches on a thread of its own; the newest question wins."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QThread, Signal, Slot

from core.errors import Cancelled, FindlingError
from core.types import Query, SearchResult

if TYPE_CHECKING:
    from core.engine import Engine


logger = logging.getLogger(__name__)


class _Searcher(QObject):
    """Lives in the search thread; its slots run there."""

    finished = Signal(int, SearchResult)
    failed = Signal(int, FindlingError)

    def __init__(self, engine: Engine, worker: SearchWorker) -> None:
        super().__init__()
        self._engine = engine
        self._worker = worker

    @Slot()
    def warm(self) -> None:
        try:
            self._engine.warm_search()
        except (FindlingError, Cancelled) as error:
            logger.info("the first search has to wait: %s", error)  # and tells what is wrong, if it still is

    @Slot(int, Query)
    def search(self, generation: int, query: Query) -> None:
        if generation != self._worker.generation:
            return  # typed over while it waited
        try:
            result = self._engine.search(query)
        except FindlingError as error:
            self.failed.emit(generation, error)
        except Cancelled:
            return  # the window closes
        else:
            self.finished.emit(generation, result)


class SearchWorker(QObject):
    """Takes queries from the main thread and answers there.

    Each request gets the next generation number. An answer whose number is not the newest is dropped twice: by the
    thread before it works, and here before it is passed on.
    """

    answered = Signal(SearchResult)
    failed = Signal(FindlingError)
    _requested = Signal(int, Query)
    _warming = Signal()

    def __init__(self, engine: Engine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._guard = threading.Lock()
        self._generation = 0
        self._answered_generation = 0
        self._thread = QThread(self)
        self._thread.setObjectName("search")
        self._searcher = _Searcher(engine, self)
        self._searcher.moveToThread(self._thread)
        self._requested.connect(self._searcher.search)
        self._warming.connect(self._searcher.warm)
        self._searcher.finished.connect(self._on_finished)
        self._searcher.failed.connect(self._on_failed)
        self._thread.start()

    def warm(self) -> None:
        """Load in the search's thread what the first query would wait for; returns at once."""
        self._warming.emit()

    @property
    def generation(self) -> int:
        with self._guard:
            return self._generation

    @property
    def busy(self) -> bool:
        """Whether the newest question has no answer yet."""
        return self._answered_generation != self.generation

    def request(self, query: Query) -> int:
        """Ask; every earlier question becomes stale. Returns the generation."""
        with self._guard:
            self._generation += 1
            generation = self._generation
        self._requested.emit(generation, query)
        return generation

    def forget(self) -> None:
        """Make every earlier question stale without asking a new one."""
        with self._guard:
            self._generation += 1
            self._answered_generation = self._generation

    def close(self) -> None:
        """Drop what waits and end the thread after the query that runs."""
        self.forget()
        self._thread.quit()
        self._thread.wait()

    @Slot(int, SearchResult)
    def _on_finished(self, generation: int, result: SearchResult) -> None:
        if generation == self.generation:
            self._answered_generation = generation
            self.answered.emit(result)

    @Slot(int, FindlingError)
    def _on_failed(self, generation: int, error: FindlingError) -> None:
        if generation == self.generation:
            self._answered_generation = generation
            self.failed.emit(error)
