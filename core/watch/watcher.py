"""watchdog as the hint: which places to look at, and which roots the hints can no longer be trusted for.

The callback runs in watchdog's thread and only notes what it is told. Whoever follows calls ``poll`` every now and
then, which also finds out what watchdog does not say: that an emitter has died with its root, that a root was replaced
by another folder of the same name, that the events were too many to believe that all of them arrived.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

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

from core.store.filters import is_under
from core.watch.excluded import lies_excluded
from core.watch.settle import EventKind, FileEvent, Settled, Settler

logger = logging.getLogger(__name__)

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

# Of 40,000 files created at once watchdog reported 7,643, under two busy threads. From this many places on that stir
# together, their root is scanned instead, and once more when it is quiet again.
BURST = 1_000
_BURST_REST = 3  # while it lasts, the next scan waits this many times as long as the last one took,
_BURST_REST_MOST_S = 60.0  # but no longer than this
_UNWATCHED_SCAN_S = 60.0  # a root that cannot be watched is scanned this often
_HEALTH_S = 1.0  # how often the observers and the roots' folders are looked at
_JOIN_S = 2.0


@dataclass(frozen=True)
class Hints:
    """What ``poll`` found: places to look at, and roots (by path) to scan as a whole."""

    settled: Settled
    rescan: frozenset[bytes]

    def __bool__(self) -> bool:
        return bool(self.settled or self.rescan)


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


class _RootWatch:
    """One root's observer, events and health."""

    def __init__(
        self, path: bytes, clock: Callable[[], float], quiet_s: float | None, ignore: Collection[bytes]
    ) -> None:
        self.path = path
        self._clock = clock
        self._ignore = ignore
        self._lock = threading.Lock()
        self._settler = Settler() if quiet_s is None else Settler(quiet_s)
        self._overflowed = False
        self._observer: BaseObserver | None = None
        self._identity: tuple[int, int] | None = None
        self.rescan_at_s: float | None = None
        self._burst = False  # too many events since the last scan
        self._doubtful = False  # there was a burst, and no scan since it ended
        self._scan_allowed_s = float("-inf")

    def start(self) -> None:
        """Start watching. Where that is refused the root is scanned on a timer instead."""
        self._identity = _identity(self.path)
        self.rescan_at_s = None
        if self._identity is None:
            return
        observer = Observer()
        try:
            observer.schedule(_Handler(self._note), os.fsdecode(self.path), recursive=True, event_filter=_EVENTS)
            observer.start()
        except OSError as error:
            _stop(observer)
            reason = error.strerror
            if error.errno in (errno.ENOSPC, errno.EMFILE):
                reason = f"{reason} (on Linux: fs.inotify.max_user_watches and max_user_instances)"
            logger.warning(
                "%s cannot be watched, it is scanned every minute instead: %s", os.fsdecode(self.path), reason
            )
            self.rescan_at_s = self._clock() + _UNWATCHED_SCAN_S
            return
        self._observer = observer

    def stop(self) -> None:
        """Stop watching and forget what is pending."""
        observer, self._observer = self._observer, None
        if observer is not None:
            _stop(observer)
        with self._lock:
            self._settler.clear()
            self._overflowed = False
        self._burst = self._doubtful = False

    @property
    def healthy(self) -> bool:
        """Whether events still come from the folder that is at the path now."""
        if _identity(self.path) != self._identity:
            return False
        if self._observer is None:
            return True  # missing, or scanned on a timer: nothing to be lost
        if not self._observer.is_alive() or not all(emitter.is_alive() for emitter in self._observer.emitters):
            return False
        # The thread that reads inotify is the observer's own, and watchdog tells of its death nowhere.
        reader: threading.Thread | None = getattr(self._observer, "_inotify_fd", None)
        return reader is None or reader.is_alive()

    def take(self) -> tuple[Settled, bool]:
        """What has settled, and whether there was so much of it that the root must be scanned now."""
        now = self._clock()
        with self._lock:
            settled = self._settler.take(now)
            overflowed, self._overflowed = self._overflowed, False
            quiet = not overflowed and not len(self._settler)
        if overflowed:
            self._burst = self._doubtful = True
        if now < self._scan_allowed_s or not (self._burst or (self._doubtful and quiet)):
            return settled, False
        self._doubtful = self._burst and not quiet
        self._burst = False
        return settled, True

    def scanned(self, took_s: float) -> None:
        """The root was scanned: the next scan because of a burst waits in proportion."""
        self._scan_allowed_s = self._clock() + min(_BURST_REST * took_s, _BURST_REST_MOST_S)

    def _note(self, event: FileEvent) -> None:
        # Other programs' caches, and our own index when it lies in a root, are never at rest.
        if all(self._is_passed_over(path) for path in (event.path, event.destination) if path is not None):
            return
        with self._lock:
            if self._overflowed:
                return  # the root is going to be scanned as a whole
            self._settler.add(event, self._clock())
            if len(self._settler) > BURST:
                self._overflowed = True
                self._settler.clear()

    def _is_passed_over(self, path: bytes) -> bool:
        return lies_excluded(path, self.path) or any(is_under(path, folder) for folder in self._ignore)


class Watcher:
    """Watches a set of roots. Not thread-safe: one thread follows."""

    def __init__(
        self,
        *,
        ignore: Collection[bytes] = (),
        clock: Callable[[], float] = time.monotonic,
        quiet_s: float | None = None,
    ) -> None:
        """``ignore`` are folders of ours, whose events say nothing.

        ``clock`` gives seconds; ``quiet_s`` is how long a place must rest, None for the settler's own.
        """
        self._ignore = ignore
        self._clock = clock
        self._quiet_s = quiet_s
        self._watches: dict[bytes, _RootWatch] = {}
        self._checked_s = float("-inf")

    def follow(self, roots: Iterable[bytes]) -> None:
        """Watch these folders and no others."""
        wanted = set(roots)
        for path in set(self._watches) - wanted:
            self._watches.pop(path).stop()
        for path in wanted - set(self._watches):
            watch = _RootWatch(path, self._clock, self._quiet_s, self._ignore)
            watch.start()
            self._watches[path] = watch

    def poll(self) -> Hints:
        """What is to be looked at now."""
        rescan = self._check_health(self._clock())
        paths: set[bytes] = set()
        trees: set[bytes] = set()
        for path, watch in self._watches.items():
            settled, scan_now = watch.take()
            paths |= settled.paths
            trees |= settled.trees
            if scan_now:
                rescan.add(path)
        return Hints(Settled(frozenset(paths), frozenset(trees)), frozenset(rescan))

    def scanned(self, path: bytes, took_s: float) -> None:
        """Say that a root was scanned, and how long that took."""
        watch = self._watches.get(path)
        if watch is not None:
            watch.scanned(took_s)

    def close(self) -> None:
        """Stop watching everything."""
        self.follow(())

    def _check_health(self, now: float) -> set[bytes]:
        """Start again what has died; the roots that must be scanned because of it."""
        if now - self._checked_s < _HEALTH_S:
            return set()
        self._checked_s = now
        rescan = set()
        for path, watch in self._watches.items():
            if not watch.healthy:
                logger.info("watching %s anew", os.fsdecode(path))
                watch.stop()
                watch.start()
                rescan.add(path)
            elif watch.rescan_at_s is not None and now >= watch.rescan_at_s:
                watch.rescan_at_s = now + _UNWATCHED_SCAN_S
                rescan.add(path)
        return rescan


def _identity(path: bytes) -> tuple[int, int] | None:
    """What tells the folder at a path from another one put in its place; None when there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _stop(observer: BaseObserver) -> None:
    observer.stop()
    if observer.is_alive():
        observer.join(_JOIN_S)
