"""macOS and Windows: a whole tree watched at once, by watchdog's observers. They know no limits of their own."""

from __future__ import annotations

import os
from collections.abc import Callable

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
    FileSystemMovedEvent,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from core.watch.limits import Refusal
from core.watch.settle import EventKind, FileEvent

# Openings and closings without a write are left out: our own reading makes them.
_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
]
_KINDS = {
    FileCreatedEvent: EventKind.CREATED,
    DirCreatedEvent: EventKind.CREATED,
    FileDeletedEvent: EventKind.DELETED,
    DirDeletedEvent: EventKind.DELETED,
    FileMovedEvent: EventKind.MOVED,
    DirMovedEvent: EventKind.MOVED,
}
_JOIN_S = 2.0


class _Handler(FileSystemEventHandler):
    """Runs in watchdog's thread: notes, and does nothing else."""

    def __init__(self, note: Callable[[FileEvent], None]) -> None:
        self._note = note

    def on_any_event(self, event: FileSystemEvent) -> None:
        destination = None
        if isinstance(event, FileSystemMovedEvent) and event.dest_path:
            destination = os.fsencode(event.dest_path)
        kind = _KINDS.get(type(event), EventKind.MODIFIED)
        if event.src_path:
            self._note(FileEvent(kind, os.fsencode(event.src_path), event.is_directory, destination))


class Observed:
    """One root under an observer of its own. That events were lost is seen by their number alone."""

    def __init__(self, root: bytes, on_event: Callable[[FileEvent], None]) -> None:
        """``on_event`` is called in watchdog's thread. Raises ``OSError`` where the folder cannot be watched."""
        self._observer: BaseObserver = Observer()
        try:
            self._observer.schedule(_Handler(on_event), os.fsdecode(root), recursive=True, event_filter=_EVENTS)
            self._observer.start()
        except OSError:
            self.stop()
            raise

    @property
    def alive(self) -> bool:
        """Whether every thread that takes part runs: the emitter's ends with its folder, and nobody is told."""
        return self._observer.is_alive() and all(emitter.is_alive() for emitter in self._observer.emitters)

    @property
    def refused(self) -> dict[bytes, Refusal]:
        """None: these systems watch a tree whole or not at all."""
        return {}

    def retry(self) -> None:
        """There is nothing to retry."""

    def renew(self) -> None:
        """There is nothing to renew: one watch holds the whole tree."""

    def stop(self) -> None:
        self._observer.stop()
        if self._observer.is_alive():
            self._observer.join(_JOIN_S)
