"""Bringing an index of an older version up to date: on a copy, which takes its place when it is done and checked."""

from __future__ import annotations

import logging
from pathlib import Path

import apsw

from core.errors import FindlingError, IndexBusyError, IndexDamagedError, MigrationError
from core.store import exchange, faults
from core.store.connection import connect, make_schema
from core.store.migrations import MIGRATIONS

logger = logging.getLogger(__name__)

_ORDINARY_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
_TRIES = 5  # a request of another program that comes in meanwhile must not be lost


def migrate(path: Path) -> None:
    """Bring the index at ``path`` to the latest version. Its caller holds the writer's lock.

    Raises ``MigrationError``, which says that the index is untouched, and ``IndexDamagedError`` where it turns out to
    be damaged.
    """
    copy = exchange.copy_path(path, exchange.MIGRATING)
    try:
        with faults.told_plainly(path):
            exchange.require_room(path, path.stat().st_size, "bringing the index up to date")
            if not any(_try(path, copy) for _ in range(_TRIES)):
                raise IndexBusyError("another program keeps writing to it")
    except (IndexDamagedError, MigrationError):
        raise
    except (FindlingError, apsw.Error, OSError) as error:
        raise _untouched(path, error.message if isinstance(error, FindlingError) else str(error)) from error
    finally:
        exchange.remove_copy(copy)


def _try(path: Path, copy: Path) -> bool:
    """One try; False where the index was written to meanwhile."""
    source = connect(path)
    try:
        version = int(source.pragma("user_version"))
        if version == len(MIGRATIONS):
            return True
        logger.info("bringing the index from version %d to %d", version, len(MIGRATIONS))
        before = source.pragma("data_version")
        target = exchange.copy_index(source, copy)
        try:
            _bring_up(source, target, version, path)
            return exchange.take_place(target, path, lambda: source.pragma("data_version") == before)
        finally:
            target.close()
    finally:
        source.close()


def _bring_up(source: apsw.Connection, target: apsw.Connection, version: int, path: Path) -> None:
    try:
        with target:
            make_schema(target, since=version)
        wrong = quick_check(target)
    except apsw.Error as error:
        wrong = str(error)
    if wrong is None:
        return
    was_wrong = quick_check(source)
    if was_wrong is not None:
        raise IndexDamagedError(f"the index is damaged ({was_wrong})", path=path)
    raise _untouched(path, wrong)


def quick_check(connection: apsw.Connection) -> str | None:
    """The first thing that SQLite's quick check finds wrong in a table, None when all is well.

    Asked of the whole file, it would also compare the full text word by word, which takes minutes in a large index.
    """
    try:
        for (table,) in connection.execute(_ORDINARY_TABLES).fetchall():
            found = str(connection.execute(f"PRAGMA quick_check('{table}')").get)
            if found != "ok":
                return " ".join(found.split())
    except (apsw.Error, UnicodeDecodeError) as error:
        return str(error)
    return None


def _untouched(path: Path, why: str) -> MigrationError:
    return MigrationError(
        f"the index could not be brought up to date ({why.rstrip('.')}); it is untouched, and the version of Findling "
        "that wrote it can still use it",
        path=path,
    )
