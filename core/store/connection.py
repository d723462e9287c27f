"""Connections to the index: one per thread, WAL, the vector functions and the tokenisers on each."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import apsw
import sqlite_vec

from core import private
from core.errors import IndexBusyError, IndexDamagedError
from core.room import why_not_written
from core.store import faults, tokenise
from core.store.migrations import MIGRATIONS
from core.store.wal import keep_wal_short

logger = logging.getLogger(__name__)

APPLICATION_ID = 0x46494E44  # "FIND": tells our index from any other SQLite file
BUSY_TIMEOUT_MS = 10_000  # a stage's commit takes milliseconds; ten seconds means that something holds the lock
CACHE_KIB = 32_768


class _Held:
    """A thread's connection. When the thread ends, it is put into ``left``, to be closed by another one.

    The threads of a pool come and go, and to Python those of Qt are new ones with every job: each would leave its
    connection behind with all the pages that it has cached. A thread on its way out cannot close one itself: SQLite
    calls back into an interpreter that has taken leave of it.
    """

    def __init__(self, connection: apsw.Connection, left: deque[apsw.Connection]) -> None:
        self.connection = connection
        self._end = weakref.finalize(self, left.append, connection)

    def close(self) -> None:
        if self._end.detach():
            self.connection.close()


class Database:
    """The index file. Each thread that calls gets a connection of its own.

    Raises ``IndexDamagedError`` on opening what is not a readable index of ours, or one written by a newer version, and
    ``IndexBusyError`` on one of an older version: ``upkeep.prepare`` sees to both first.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._all: weakref.WeakSet[_Held] = weakref.WeakSet()
        self._left: deque[apsw.Connection] = deque()
        self._guard = threading.Lock()
        # SQLite's own waiting polls, so a thread that writes batch after batch would hardly ever let another in.
        self._turn = threading.Lock()
        try:
            private.make_file(path)  # -wal and -shm take its mode
        except OSError:
            logger.debug("the index can only be read, or cannot be made: SQLite says which")
        try:
            with faults.told_plainly(path):
                self._prepare()
        except BaseException:
            self.close()  # what lives on in a traceback would keep its locks
            raise

    @property
    def connection(self) -> apsw.Connection:
        """This thread's connection."""
        held: _Held | None = getattr(self._local, "held", None)
        if held is None:
            self._close_left()
            held = self._local.held = _Held(connect(self.path), self._left)
            with self._guard:
                self._all.add(held)
        return held.connection

    def told_plainly(self) -> AbstractContextManager[None]:
        """Inside, what SQLite raises on this thread is a ``FindlingError``, as far as it is not our own mistake."""
        return faults.told_plainly(self.path, lambda: self.connection)

    @contextmanager
    def write(self) -> Iterator[apsw.Connection]:
        """One write transaction: all of it is committed, or none. Nested use joins the outer one.

        Raises ``IndexBusyError`` when another process holds the write lock for longer than the busy timeout,
        ``NoRoomError`` when the disk is full, ``StorageError`` when it fails otherwise; nothing was committed then.
        """
        connection = self.connection
        if connection.in_transaction:
            yield connection
            return
        if connection.readonly("main"):  # of a disk that was full then
            del connection
            del self._local.held
            connection = self.connection
        with self._turn, self.told_plainly():
            try:
                connection.execute("BEGIN IMMEDIATE")
            except apsw.BusyError as error:
                raise IndexBusyError("another program has been writing to it for too long", path=self.path) from error
            try:
                yield connection
                connection.execute("COMMIT")  # inside: one that fails leaves the transaction open
            except BaseException:
                if not connection.get_autocommit():  # SQLite itself rolls back on a full disk
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """One consistent view over several statements. Raises ``StorageError`` where the disk fails."""
        connection = self.connection
        if connection.in_transaction:
            yield connection
            return
        with self.told_plainly():
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def no_other_thread(self) -> Iterator[None]:
        """No other thread of this process begins to write meanwhile: they wait, however long it takes."""
        with self._turn:
            yield

    def close(self) -> None:
        """Close every thread's connection; call it when the other threads have ended."""
        with self._guard:
            all_held = list(self._all)
            self._all.clear()
        for held in all_held:
            held.close()
        self._close_left()
        self._local = threading.local()

    def _close_left(self) -> None:
        """Close what threads that have ended left behind."""
        while self._left:
            with suppress(IndexError):  # another thread took the last one just now
                self._left.popleft().close()

    def _prepare(self) -> None:
        """Make the schema where there is none yet; another form of it is not touched here."""
        connection = self.connection
        if not tables(connection) and not connection.pragma("user_version"):
            connection.pragma("journal_mode", "WAL")
            with self.write():
                if not tables(connection):  # else another process has made them while this one waited
                    make_schema(connection)
        elif int(connection.pragma("application_id")) != APPLICATION_ID:
            raise IndexDamagedError("this file is not a Findling index", path=self.path)
        version = int(connection.pragma("user_version"))
        if version > len(MIGRATIONS):
            raise IndexDamagedError("written by a newer version of Findling", path=self.path)
        if version < len(MIGRATIONS):
            raise IndexBusyError("the index is still to be brought up to date", path=self.path)


def connect(path: Path) -> apsw.Connection:
    """A connection of its own, with the vector functions and the tokenisers. Raises ``apsw.Error``.

    It can only read where the file beside the index through which readers and writers agree cannot be made, on a
    read-only or a full disk: searching goes on there, as long as nobody writes.
    """
    try:
        return _open(str(path), apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    except (apsw.CantOpenError, apsw.IOError, apsw.ReadOnlyError):
        if not _can_only_be_read(path):
            raise
    return _open(f"{path.absolute().as_uri()}?immutable=1", apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def _open(name: str, flags: int) -> apsw.Connection:
    connection = apsw.Connection(name, flags=flags)
    try:
        _set_up(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _can_only_be_read(path: Path) -> bool:
    """Whether nothing can be written beside the index, and no writer has left anything there."""
    log = path.with_name(f"{path.name}-wal")
    if not path.exists() or (log.exists() and log.stat().st_size):
        return False
    return not os.access(path.parent, os.W_OK) or why_not_written(path.parent) is not None


def _set_up(connection: apsw.Connection) -> None:
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    connection.pragma("schema_version")  # the first read of the file: what is not a database says so here
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.enable_load_extension(False)
    tokenise.register(connection)
    connection.pragma("foreign_keys", True)
    connection.pragma("synchronous", "NORMAL")
    connection.pragma("temp_store", "MEMORY")
    connection.pragma("cache_size", -CACHE_KIB)
    connection.pragma("trusted_schema", False)
    keep_wal_short(connection)


def tables(connection: apsw.Connection) -> set[str]:
    """The names of what the schema holds: tables, indexes and triggers."""
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}


def make_schema(connection: apsw.Connection, since: int = 0) -> None:
    """Bring the schema from version ``since`` to the latest, inside the caller's transaction."""
    for number in range(since, len(MIGRATIONS)):
        connection.execute(MIGRATIONS[number])
    connection.pragma("application_id", APPLICATION_ID)
    connection.pragma("user_version", len(MIGRATIONS))
