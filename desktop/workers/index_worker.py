"""Indexes and follows changes in the background for as long as the window is open."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QThread, Signal, Slot

from core.cancel import CancelToken
from core.errors import Cancelled, FindlingError, IndexBusyError
from core.types import Progress
from core.writer import WINDOW

if TYPE_CHECKING:
    from core.engine import Engine

logger = logging.getLogger(__name__)

_RETRY_BUSY_S = 5.0  # how often a window looks whether the process that indexes has ended


class _IndexThread(QThread):
    """Runs the engine's plain watch loop; its signals are emitted from that thread."""

    progressed = Signal(Progress)
    changed = Signal()
    busy = Signal(FindlingError)
    failed = Signal(FindlingError)

    def __init__(self, engine: Engine, cancel: CancelToken, parent: QObject) -> None:
        super().__init__(parent)
        self.setObjectName("index")
        self._engine = engine
        self._cancel = cancel

    def run(self) -> None:
        while not self._cancel.cancelled:
            try:
                self._engine.watch(
                    on_progress=self.progressed.emit, on_change=self.changed.emit, cancel=self._cancel, purpose=WINDOW
                )
            except Cancelled:
                return
            except IndexBusyError as error:
                self.busy.emit(error)
                self._cancel.wait(_RETRY_BUSY_S)
            except FindlingError as error:
                self.failed.emit(error)
                return


class IndexWorker(QObject):
    """Starts, pauses and resumes indexing. Signals arrive on the thread this object lives in."""

    progressed = Signal(Progress)
    changed = Signal()  # what can be found has changed
    busy = Signal(FindlingError)  # another process indexes; its work is seen all the same
    failed = Signal(FindlingError)
    running_changed = Signal(bool)  # whether it shall run; after a pause it stops a little later
    stopped = Signal()  # the work has ended after a pause or a failure, and the index is nobody's

    def __init__(self, engine: Engine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._thread: _IndexThread | None = None
        self._cancel = CancelToken()
        self._wanted = False

    @property
    def running(self) -> bool:
        return self._wanted

    @property
    def idle(self) -> bool:
        """Whether nothing of it is at work any more."""
        return self._thread is None

    def start(self) -> None:
        """Begin, or go on after a pause. The index is its own queue: nothing done is done again."""
        self._wanted = True
        if self._thread is None:
            self._launch()
        self.running_changed.emit(True)

    def pause(self) -> None:
        """Stop at the next cancel point; returns at once."""
        self._wanted = False
        self._cancel.cancel()
        self.running_changed.emit(False)

    def close(self) -> None:
        """Stop and wait for the thread."""
        self._wanted = False
        self._cancel.cancel()
        if self._thread is not None:
            self._thread.wait()

    def _launch(self) -> None:
        self._cancel = CancelToken()
        thread = _IndexThread(self._engine, self._cancel, self)
        thread.progressed.connect(self.progressed)
        thread.changed.connect(self.changed)
        thread.busy.connect(self.busy)
        thread.failed.connect(self._on_failed)
        thread.finished.connect(self._on_finished)
        self._thread = thread
        thread.start()

    @Slot(FindlingError)
    def _on_failed(self, error: FindlingError) -> None:
        self._wanted = False
        self.failed.emit(error)
        self.running_changed.emit(False)

    @Slot()
    def _on_finished(self) -> None:
        if self._thread is not None:
            self._thread.deleteLater()
            self._thread = None
        if self._wanted:  # resumed while the thread was on its way out
            self._launch()
        else:
            self.stopped.emit()
