"""Putting a copy of the index in its place, whoever has it open: in one transaction, through SQLite's backup API.

A file that is renamed over an open database would leave its users with the old one, and the new one with a log of
writes that is not its own; Windows does not allow it at all. So the pages of the copy are written into the index as
one transaction: readers go on with what they see until it is committed, and a kill before that leaves the index as it
was.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import apsw

from core import private
from core.errors import IndexBusyError, NoRoomError
from core.room import free_bytes, size_in_words
from core.store.connection import BUSY_TIMEOUT_MS, connect

MIGRATING, COMPACTING = ".migrating", ".compacting"  # what is added to the index's name for a copy
_SPARE_BYTES = 16_000_000  # for what is written meanwhile
_STEP = 512  # pages between two looks at ``on_step``
_WAIT_S = 0.05


def copy_path(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def remove_copy(copy: Path) -> None:
    """Delete a copy with its logs, where there is one."""
    for ending in ("", "-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            copy.with_name(copy.name + ending).unlink()


def require_room(path: Path, copy_bytes: int, doing: str) -> None:
    """Raise ``NoRoomError`` unless a copy, and then its pages in the log of writes, fit on the disk."""
    needed, free = 2 * copy_bytes + _SPARE_BYTES, free_bytes(path.parent)
    if free is not None and free < needed:
        raise NoRoomError(
            f"{doing} needs {size_in_words(needed)} on its disk, and {size_in_words(free)} are free; make room there "
            "and try again",
            path=path,
        )


def copy_index(source: apsw.Connection, copy: Path) -> apsw.Connection:
    """A copy of the index as it is now, open and without a log, since it is thrown away if anything goes wrong."""
    remove_copy(copy)
    private.make_file(copy)
    target = connect(copy)
    try:
        transfer(source, target)
        set_loose(target)
    except BaseException:
        target.close()
        raise
    return target


def set_loose(copy: apsw.Connection) -> None:
    """Spare a copy what keeps a database whole through a crash."""
    copy.pragma("journal_mode", "DELETE")  # as one step from WAL, which the pages that were copied say it has
    copy.pragma("journal_mode", "MEMORY")
    copy.pragma("synchronous", "OFF")


def transfer(
    source: apsw.Connection,
    target: apsw.Connection,
    on_step: Callable[[], None] = lambda: None,
    may_go_on: Callable[[], bool] = lambda: True,
) -> bool:
    """Make ``target`` what ``source`` is, in one transaction; False where ``may_go_on`` said no, and nothing changed.

    It is asked once the target's write lock is held. ``on_step`` may raise, which undoes everything as well. Raises
    ``IndexBusyError`` where another program keeps the target locked, and ``apsw.Error``.
    """
    deadline_s = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    with target.backup("main", source, "main") as backup:
        begun = False
        while not backup.done:
            try:
                backup.step(_STEP if begun else 1)
            except (apsw.BusyError, apsw.LockedError) as error:
                if time.monotonic() > deadline_s:
                    raise IndexBusyError("another program has been using it for too long") from error
                time.sleep(_WAIT_S)
                continue
            if not begun:
                begun = True
                if not may_go_on():
                    return False
            on_step()
    return True


def take_place(
    copy: apsw.Connection, path: Path, unchanged: Callable[[], bool], on_step: Callable[[], None] = lambda: None
) -> bool:
    """Write a copy over the index; False where it is no longer ``unchanged`` since it was copied.

    Raises as ``transfer`` does; the index is as it was then.
    """
    index = connect(path)
    try:
        if not transfer(copy, index, on_step, unchanged):
            return False
        truncate_log(index)
        return True
    finally:
        index.close()


def truncate_log(connection: apsw.Connection) -> bool:
    """Move what was committed into the index, cut that to its size and empty the log.

    False where a reader held that up for longer than the busy timeout; it is made up for by a later checkpoint.
    """
    try:
        connection.wal_checkpoint("main", apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except (apsw.BusyError, apsw.LockedError):
        return False
    return True
