"""The watcher as the hint: which places to look at, and which roots the hints can no longer be trusted for.

The callbacks run in watchdog's threads and only note what they are told. Whoever follows calls ``poll`` every now and
then, which also finds out what nobody says: that the watch has died with its root, that a root was replaced by another
folder of the same name, that the events were too many to believe that all of them arrived.

Where the system cannot tell of changes (a limit, a permission, a network drive) the same places are given out on a
timer, and ``notes`` says why and what to do about it.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from core.filesystem import hides_changes, kind_of
from core.store.filters import is_under
from core.watch.excluded import Excluded
from core.watch.limits import Refusal, why_polled, why_root_refused, why_some_refused
from core.watch.observer import Observed
from core.watch.settle import FileEvent, Settled, Settler

if sys.platform == "linux":
    from core.watch.inotify import Inotify

logger = logging.getLogger(__name__)

# Of 40,000 files created at once watchdog's observer reported 7,643, under two busy threads. From this many places on
# that stir together, their root is scanned instead, and once more when it is quiet again.
BURST = 1_000
_BURST_REST = 3  # while it lasts, the next scan waits this many times as long as the last one took,
_BURST_REST_MOST_S = 60.0  # but no longer than this
_TIMER_S = 60.0  # what cannot be watched is looked through this often,
_TIMER_REST = 20  # or where that takes long, after this many times as long,
_TIMER_MOST_S = 1800.0  # but no less often than this
_HEALTH_S = 1.0  # how often the watches and the roots' folders are looked at


@dataclass(frozen=True)
class Hints:
    """What ``poll`` found: places to look at, and roots (by path) to scan as a whole."""

    settled: Settled
    rescan: frozenset[bytes]

    def __bool__(self) -> bool:
        return bool(self.settled or self.rescan)


class Feed(Protocol):
    """Where the events of one root come from."""

    @property
    def alive(self) -> bool:
        """Whether events still come."""
        ...

    @property
    def refused(self) -> dict[bytes, Refusal]:
        """The folders that could not be watched, each with all below it."""
        ...

    def retry(self) -> None:
        """Try the refused folders once more."""
        ...

    def renew(self) -> None:
        """Watch everything anew: events were lost, so folders may have come and gone unseen."""
        ...

    def stop(self) -> None: ...


@dataclass(frozen=True)
class FeedRequest:
    """What a feed of one root is made of. ``on_event`` and ``on_overflow`` are called in the feed's own thread."""

    root: bytes
    passes_over: Callable[[bytes], bool]
    on_event: Callable[[FileEvent], None]
    on_overflow: Callable[[], None]


@dataclass
class _Health:
    """What a root's watch is known to lack."""

    error: OSError | None = None  # why there is no feed
    kind: str | None = None  # the kind of file system, where it hides changes
    refused: dict[bytes, Refusal] = field(default_factory=dict)
    folders: int = 1  # below the root, where there is no feed

    def note(self, root: bytes) -> str | None:
        if self.kind is not None:
            return why_polled(self.kind)
        if self.error is not None:
            return why_root_refused(self.error, self.folders)
        return why_some_refused(self.refused, root)


class _RootWatch:
    """One root's feed, events and health."""

    def __init__(
        self,
        path: bytes,
        excluded: Excluded,
        clock: Callable[[], float],
        quiet_s: float | None,
        ignore: Collection[bytes],
        open_feed: Callable[[FeedRequest], Feed],
    ) -> None:
        """``open_feed`` raises ``OSError`` where a root cannot be watched."""
        self.path = path
        self.excluded = excluded
        self._clock = clock
        self._ignore = ignore
        self._open_feed = open_feed
        self._lock = threading.Lock()
        self._settler = Settler() if quiet_s is None else Settler(quiet_s)
        self._overflowed = False
        self._lost = False  # the system has dropped events since the last scan
        self._said: str | None = None
        self._feed: Feed | None = None
        self._identity: tuple[int, int] | None = None
        self._health = _Health()
        self._timer_s: float | None = None  # when the parts that are not watched are due
        self._took_s = 0.0
        self._burst = False  # too many events since the last scan
        self._doubtful = False  # there was a burst, and no scan since it ended
        self._scan_allowed_s = float("-inf")

    def start(self) -> None:
        """Start watching. What the system does not watch is given out on a timer instead."""
        self._identity = _identity(self.path)
        self._health = _Health()
        self._timer_s = None
        if self._identity is None:
            return
        kind = kind_of(self.path)
        if hides_changes(kind):
            self._health.kind = kind
        else:
            self._open()
        self._take_stock(self._clock())

    def stop(self) -> None:
        """Stop watching and forget what is pending."""
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.stop()
        with self._lock:
            self._settler.clear()
            self._overflowed = self._lost = False
        self._burst = self._doubtful = False

    @property
    def healthy(self) -> bool:
        """Whether events still come from the folder that is at the path now."""
        if _identity(self.path) != self._identity:
            return False
        return self._feed is None or self._feed.alive  # missing, or on a timer: nothing to be lost

    @property
    def note(self) -> str | None:
        """Why changes are found on a timer, with the cure; None while all of them are told."""
        return self._health.note(self.path)

    def check(self, now: float) -> tuple[frozenset[bytes], bool]:
        """The folders whose time it is to be looked through, and whether it is the whole root's."""
        self._take_stock(now)
        if self._timer_s is None or now < self._timer_s:
            return frozenset(), False
        self._timer_s = now + max(_TIMER_S, min(_TIMER_REST * self._took_s, _TIMER_MOST_S))
        if self._health.kind is not None:
            return frozenset(), True
        if self._feed is None:
            self._open()  # it may be possible now
            return frozenset(), True
        due = frozenset(self._feed.refused)
        self._feed.retry()
        self._take_stock(now)
        return (frozenset(), True) if len(due) > BURST else (due, False)

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
        with self._lock:
            lost, self._lost = self._lost, False
        if lost and self._feed is not None:
            self._feed.renew()  # before the scan, so that nothing falls between the two
        return settled, True

    @property
    def quiet(self) -> bool:
        """Whether nothing is going on: no event waits, and no scan is owed."""
        with self._lock:
            return not (self._overflowed or len(self._settler) or self._burst or self._doubtful)

    def scanned(self, took_s: float) -> None:
        """The root was scanned: the next scan because of a burst waits in proportion."""
        self._took_s = took_s
        self._scan_allowed_s = self._clock() + min(_BURST_REST * took_s, _BURST_REST_MOST_S)

    def _open(self) -> None:
        self._health.error = None
        try:
            self._feed = self._open_feed(FeedRequest(self.path, self._passes_over, self._note, self._lose))
        except OSError as error:
            self._health.error = error
            if error.errno == errno.ENOSPC:
                self._health.folders = _count_folders(self.path, self._passes_over)

    def _take_stock(self, now: float) -> None:
        """Note what is watched and what is not, and say so in the log when that has changed."""
        self._health.refused = self._feed.refused if self._feed is not None else {}
        note = self._health.note(self.path)
        if note is None:
            self._timer_s = None
        elif self._timer_s is None:
            self._timer_s = now + _TIMER_S
        if note != self._said:
            self._said = note
            logger.warning("%s: %s", os.fsdecode(self.path), note or "everything is watched again")

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

    def _lose(self) -> None:
        """The system has dropped events: only a scan can tell which."""
        logger.info("events were lost in %s: it is scanned", os.fsdecode(self.path))
        with self._lock:
            self._overflowed = self._lost = True
            self._settler.clear()

    def _is_passed_over(self, path: bytes) -> bool:
        return self.excluded.lies_in(path) or any(is_under(path, folder) for folder in self._ignore)

    def _passes_over(self, folder: bytes) -> bool:
        return folder in self._ignore or self.excluded.folder(folder, os.path.basename(folder))


class Watcher:
    """Watches a set of roots. Not thread-safe: one thread follows."""

    def __init__(
        self,
        *,
        ignore: Collection[bytes] = (),
        clock: Callable[[], float] = time.monotonic,
        quiet_s: float | None = None,
        observed: bool = sys.platform != "linux",
    ) -> None:
        """``ignore`` are folders of ours, whose events say nothing.

        ``clock`` gives seconds; ``quiet_s`` is how long a place must rest, None for the settler's own. ``observed``
        uses watchdog's observers, also on Linux.
        """
        self._ignore = ignore
        self._clock = clock
        self._quiet_s = quiet_s
        self._observed = observed
        self._inotify: Inotify | None = None
        self._watches: dict[bytes, _RootWatch] = {}
        self._checked_s = float("-inf")

    def follow(self, roots: Mapping[bytes, Excluded]) -> None:
        """Watch these folders and no others, each without what is passed over in it."""
        for path in [path for path, watch in self._watches.items() if roots.get(path) is not watch.excluded]:
            self._watches.pop(path).stop()
        for path in sorted(roots.keys() - self._watches.keys()):
            watch = _RootWatch(path, roots[path], self._clock, self._quiet_s, self._ignore, self._open_feed)
            watch.start()
            self._watches[path] = watch

    def poll(self) -> Hints:
        """What is to be looked at now."""
        trees, rescan = self._check_health(self._clock())
        paths: set[bytes] = set()
        for path, watch in self._watches.items():
            settled, scan_now = watch.take()
            paths |= settled.paths
            trees |= settled.trees
            if scan_now:
                rescan.add(path)
        return Hints(Settled(frozenset(paths), frozenset(trees)), frozenset(rescan))

    def notes(self) -> dict[bytes, str | None]:
        """For each root, why changes in it are found on a timer, with the cure; None where all of them are told."""
        return {path: watch.note for path, watch in self._watches.items()}

    def quiet(self) -> frozenset[bytes]:
        """The roots in which nothing is going on, beyond what ``poll`` has given out."""
        return frozenset(path for path, watch in self._watches.items() if watch.quiet)

    def scanned(self, path: bytes, took_s: float) -> None:
        """Say that a root was scanned, and how long that took."""
        watch = self._watches.get(path)
        if watch is not None:
            watch.scanned(took_s)

    def close(self) -> None:
        """Stop watching everything."""
        self.follow({})
        if self._inotify is not None:
            self._inotify.stop()
            self._inotify = None

    def _check_health(self, now: float) -> tuple[set[bytes], set[bytes]]:
        """Start again what has died; the trees and the roots that must be looked through."""
        trees: set[bytes] = set()
        rescan: set[bytes] = set()
        if now - self._checked_s < _HEALTH_S:
            return trees, rescan
        self._checked_s = now
        if self._inotify is not None and not self._inotify.alive:
            self._inotify.stop()
            self._inotify = None
        for path, watch in self._watches.items():
            if not watch.healthy:
                logger.info("watching %s anew", os.fsdecode(path))
                watch.stop()
                watch.start()
                rescan.add(path)
                continue
            due, whole = watch.check(now)
            trees |= due
            if whole:
                rescan.add(path)
        return trees, rescan

    def _open_feed(self, wanted: FeedRequest) -> Feed:
        if sys.platform == "linux" and not self._observed:
            if self._inotify is None:
                self._inotify = Inotify()
            return self._inotify.watch(
                wanted.root,
                passes_over=wanted.passes_over,
                on_event=wanted.on_event,
                on_overflow=wanted.on_overflow,
            )
        return Observed(wanted.root, wanted.on_event)


def _identity(path: bytes) -> tuple[int, int] | None:
    """What tells the folder at a path from another one put in its place; None when there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _count_folders(root: bytes, passes_over: Callable[[bytes], bool]) -> int:
    """How many watches a root would take."""
    count, folders = 0, [root]
    while folders:
        count += 1
        try:
            with os.scandir(folders.pop()) as entries:
                folders += [
                    entry.path
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and not passes_over(entry.path)
                ]
        except OSError:
            continue  # it would take one all the same
    return count
