"""What the window knows of the library: counts, folders, models. Fetched away from the main thread, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QElapsedTimer, QObject, QTimer, Signal, Slot

from core.config import Settings
from core.types import ModelInfo, ModelRole, RootStatus, Status
from desktop.workers.operations import Operations

if TYPE_CHECKING:
    from core.engine import Engine

_APART_MS = 500  # at most this often while the indexer reports changes,
_SHARE = 5  # and for no more than one part of this many of the time, since a large library takes long to count,
_MOST_APART_MS = 3_000  # but not so seldom that it looks stuck


@dataclass(frozen=True)
class Snapshot:
    """One look at the library."""

    status: Status
    roots: tuple[RootStatus, ...]
    models: tuple[ModelInfo, ...]
    settings: Settings

    def active(self, role: ModelRole) -> ModelInfo | None:
        """The model in use for a role."""
        return next((model for model in self.models if model.role is role and model.active and model.installed), None)


class Library(QObject):
    """Takes snapshots. Requests that come while one is being taken, or too soon after it, become one more."""

    changed = Signal(Snapshot)

    def __init__(self, engine: Engine, operations: Operations, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._operations = operations
        self._taking = False
        self._again = False
        self._again_at_once = False
        self._clock = QElapsedTimer()
        self._apart_ms = _APART_MS
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._take)
        self.snapshot: Snapshot | None = None

    @Slot()
    def refresh(self) -> None:
        """Take a snapshot soon."""
        if self._taking:
            self._again = True
        elif not self._timer.isActive():
            self._timer.start(0 if self.snapshot is None else self._apart_ms)

    @Slot()
    def refresh_now(self) -> None:
        """Take a snapshot at once, as after something the person did."""
        self._timer.stop()
        if self._taking:
            self._again = self._again_at_once = True
        else:
            self._take()

    @Slot()
    def _take(self) -> None:
        self._taking = True
        self._clock.start()
        self._operations.run(self._look, self._on_snapshot, self._on_failure)

    def _look(self) -> Snapshot:
        engine = self._engine
        return Snapshot(engine.status(), tuple(engine.roots()), tuple(engine.models()), engine.settings)

    def _on_snapshot(self, snapshot: Snapshot) -> None:
        if self.snapshot is not None:  # the first one waits for the engine
            self._apart_ms = min(max(_APART_MS, _SHARE * self._clock.elapsed()), _MOST_APART_MS)
        self.snapshot = snapshot
        self._done()
        self.changed.emit(snapshot)

    def _on_failure(self, error: object) -> None:
        self._done()
        self._operations.failed.emit(error)

    def _done(self) -> None:
        self._taking = False
        if self._again:
            self._timer.start(0 if self._again_at_once else self._apart_ms)
            self._again = self._again_at_once = False
