"""From what is typed to what is shown: waits for a pause in typing, asks, keeps the answer fresh."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from core.errors import FindlingError
from core.types import SearchResult
from desktop.item_models.result_model import ResultModel
from desktop.views.search_bar import Ask, SearchBar
from desktop.workers.search_worker import SearchWorker

DEBOUNCE_MS = 120
_SLOW_MS = 400  # when a wait is worth a word: the first search loads a model
_REFRESH_MS = 1000  # at most this often while indexing changes what can be found


class SearchController(QObject):
    """Connects the bar, the search thread and the result model.

    Old results stay until the new ones are there. ``answered`` comes after the model holds the answer.
    """

    answered = Signal(SearchResult)
    cleared = Signal()
    failed = Signal(FindlingError)
    slow_changed = Signal(bool)  # whether an answer has been waited for noticeably long

    def __init__(self, bar: SearchBar, worker: SearchWorker, model: ResultModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bar = bar
        self._worker = worker
        self._model = model
        self._typing = _single_shot(self, DEBOUNCE_MS, self._send)
        self._refresh = _single_shot(self, _REFRESH_MS, self._send_again)
        self._slow = _single_shot(self, _SLOW_MS, self._on_slow)
        self._asked = Ask()
        bar.asked.connect(self._on_asked)
        worker.answered.connect(self._on_answer)
        worker.failed.connect(self._on_failure)

    @property
    def ask(self) -> Ask:
        """What the results shown, or on their way, were asked for."""
        return self._asked

    @property
    def settled(self) -> bool:
        """Whether what is shown answers what the bar holds."""
        return self._asked == self._bar.ask and not self._typing.isActive() and not self._worker.busy

    def flush(self) -> None:
        """Ask now rather than after the pause in typing."""
        if self._typing.isActive():
            self._typing.stop()
            self._send()

    @Slot()
    def refresh(self) -> None:
        """What can be found has changed: ask the same again before long."""
        if not self._asked.empty and not self._refresh.isActive():
            self._refresh.start()

    @Slot()
    def _on_asked(self) -> None:
        ask = self._bar.ask
        only_words_changed = ask.text != self._asked.text and ask.examples == self._asked.examples
        if ask.empty:
            self._typing.stop()
            self._send()
        elif only_words_changed:
            self._typing.start()
        else:
            self._typing.stop()
            self._send()

    @Slot()
    def _send(self) -> None:
        self._asked = self._bar.ask
        if self._asked.empty:
            self._worker.forget()
            self._stop_waiting()
            self._model.show_result(None)
            self.cleared.emit()
        else:
            self._worker.request(self._asked.query())
            self._slow.start()

    @Slot()
    def _send_again(self) -> None:
        if not self._asked.empty and not self._typing.isActive() and not self._worker.busy:
            self._worker.request(self._asked.query())

    @Slot()
    def _on_slow(self) -> None:
        self.slow_changed.emit(True)

    def _stop_waiting(self) -> None:
        self._slow.stop()
        self.slow_changed.emit(False)

    @Slot(SearchResult)
    def _on_answer(self, result: SearchResult) -> None:
        self._stop_waiting()
        self._model.show_result(result)
        self.answered.emit(result)

    @Slot(FindlingError)
    def _on_failure(self, error: FindlingError) -> None:
        self._stop_waiting()
        self.failed.emit(error)


def _single_shot(parent: QObject, interval_ms: int, slot: object) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(interval_ms)
    timer.timeout.connect(slot)
    return timer
