"""What a burst of file events comes to, and when it has settled. Pure: events and times in, places to look at out.

The events are hints: what they come to is a set of places, and the looking (``core.watch.scan``) finds what is truly
there. That is why events do not cancel out, not even a creation and a deletion: a scan may have seen the file in
between, and one look costs less than a file that stays in the index for ever.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

QUIET_S = 1.0  # a file that is being written is touched more often than this
FIRST_LOOK_S = 3.0  # but its name is to be found within five seconds
NEXT_LOOK_S = 60.0  # and then a file that never rests, such as a log, must not be read again and again


class EventKind(StrEnum):
    """What happened to a path."""

    CREATED = "created"
    MODIFIED = "modified"
    DELETED = "deleted"
    MOVED = "moved"


@dataclass(frozen=True)
class FileEvent:
    """One event of the file system's. ``destination`` is set where ``kind`` is ``MOVED``."""

    kind: EventKind
    path: bytes
    is_folder: bool = False
    destination: bytes | None = None


@dataclass(frozen=True)
class Settled:
    """Places to look at: ``paths`` by themselves, ``trees`` with everything below them. None is below a tree."""

    paths: frozenset[bytes] = frozenset()
    trees: frozenset[bytes] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.paths or self.trees)


@dataclass
class _Pending:
    """A place where something has happened since it was last looked at."""

    is_tree: bool
    first_s: float
    last_s: float
    patience_s: float  # how long after ``first_s`` it is looked at though it does not rest


class Settler:
    """Collects events and gives out what has settled. Times are seconds of any one clock."""

    def __init__(self, quiet_s: float = QUIET_S) -> None:
        self._quiet_s = quiet_s
        self._pending: dict[bytes, _Pending] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, event: FileEvent, now_s: float) -> None:
        """Take in one event."""
        if event.is_folder and event.kind is EventKind.MODIFIED:
            return  # something in it changed, and that has an event of its own
        self._note(event.path, event.is_folder, now_s)
        if event.destination is not None:
            self._note(event.destination, event.is_folder, now_s)

    def take(self, now_s: float) -> Settled:
        """What has been quiet for long enough, and what must be looked at although it is not."""
        due: dict[bytes, bool] = {}
        for path, pending in list(self._pending.items()):
            if now_s - pending.last_s >= self._quiet_s:
                due[path] = pending.is_tree
                del self._pending[path]
            elif now_s - pending.first_s >= pending.patience_s:
                due[path] = pending.is_tree
                pending.first_s, pending.patience_s = now_s, NEXT_LOOK_S
        return _places(due)

    def clear(self) -> None:
        """Forget everything: all of it is going to be scanned."""
        self._pending.clear()

    def _note(self, path: bytes, is_tree: bool, now_s: float) -> None:
        pending = self._pending.get(path)
        if pending is None:
            self._pending[path] = _Pending(is_tree, now_s, now_s, FIRST_LOOK_S)
            return
        pending.is_tree = pending.is_tree or is_tree
        pending.last_s = now_s


def collapse(events: Iterable[FileEvent]) -> Settled:
    """What a finished burst of events comes to."""
    settler = Settler()
    for event in events:
        settler.add(event, 0.0)
    return settler.take(float("inf"))


def _places(due: dict[bytes, bool]) -> Settled:
    trees = {path for path, is_tree in due.items() if is_tree}
    outermost = [path for path in due if not any(parent in trees for parent in parents(path))]
    return Settled(
        frozenset(path for path in outermost if not due[path]), frozenset(path for path in outermost if due[path])
    )


def parents(path: bytes) -> Iterator[bytes]:
    """The folders that hold ``path``, innermost first."""
    parent = os.path.dirname(path)
    while parent and parent != path:
        yield parent
        path, parent = parent, os.path.dirname(parent)
