"""Short jobs away from the main thread: a plain function in, its success or its failure back on the main thread."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal, Slot

from core.errors import Cancelled, FindlingError

logger = logging.getLogger(__name__)

OnSuccess = Callable[[Any], None]
OnFailure = Callable[[FindlingError], None]


@dataclass(frozen=True)
class _Callbacks:
    on_success: OnSuccess | None
    on_failure: OnFailure | None


class _Relay(QObject):
    """Carries results of a job to the thread that owns ``Operations``."""

    done = Signal(int, object, object)  # number, value, error


class _Job(QRunnable):
    def __init__(self, number: int, work: Callable[[], Any], relay: _Relay) -> None:
        super().__init__()
        self._number, self._work, self._relay = number, work, relay

    def run(self) -> None:
        try:
            value = self._work()
        except Exception as error:  # noqa: BLE001 - handed over whole: an unexpected one is raised again by its owner
            self._relay.done.emit(self._number, None, error)
        else:
            self._relay.done.emit(self._number, value, None)


class Operations(QObject):
    """Runs operations on a pool of its own. Callbacks run on the thread this object lives in.

    ``failed`` is sent for expected trouble that the caller gave no ``on_failure`` for. Anything that is not a
    ``FindlingError`` is our bug and is raised again here, where the exception hook sees it.
    """

    failed = Signal(FindlingError)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(4)
        self._numbers = itertools.count()
        self._callbacks: dict[int, _Callbacks] = {}
        self._relay = _Relay(self)
        self._relay.done.connect(self._finish)

    def run(
        self, work: Callable[[], Any], on_success: OnSuccess | None = None, on_failure: OnFailure | None = None
    ) -> None:
        """Run ``work`` in the pool, then one of the callbacks here."""
        number = next(self._numbers)
        self._callbacks[number] = _Callbacks(on_success, on_failure)
        self._pool.start(_Job(number, work, self._relay))

    def close(self) -> None:
        """Forget all callbacks and wait for what still runs."""
        self._callbacks.clear()
        self._pool.waitForDone()

    @Slot(int, object, object)
    def _finish(self, number: int, value: object, error: Exception | None) -> None:
        callbacks = self._callbacks.pop(number, None)
        if callbacks is None or isinstance(error, Cancelled):
            return
        if error is None:
            if callbacks.on_success is not None:
                callbacks.on_success(value)
        elif not isinstance(error, FindlingError):
            raise error
        elif callbacks.on_failure is not None:
            callbacks.on_failure(error)
        else:
            self.failed.emit(error)
