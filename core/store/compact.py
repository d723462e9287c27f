"""Giving back the room of what is gone for good.

SQLite keeps the pages of deleted rows for later ones. The rule: once a quarter of the index is such pages, and they are
at least 4 MB, the index is written anew without them, when nothing else is left to do. Less is soon used again, and
costs no more than it takes. What is left is copied into a file beside the index (``VACUUM INTO``), whose pages are then
written over it in one transaction (``core.store.exchange``): readers go on meanwhile, writers wait for the second half
alone, and one that writes during the first has it put off. An incremental vacuum would need no copy, but moves pages
one by one, and leaves tables scattered and half-filled pages half-filled.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import apsw

from core import private
from core.cancel import CancelToken
from core.errors import Cancelled, NoRoomError
from core.store import exchange, faults
from core.store.connection import Database, connect

logger = logging.getLogger(__name__)

FREE_SHARE = 0.25
FREE_LEAST_BYTES = 4_000_000
_PATIENCE_STEPS = 20_000  # of SQLite's machine between two looks at the cancel token: about a millisecond


@dataclass(frozen=True)
class Usage:
    """How full the index's file is."""

    total_bytes: int
    free_bytes: int  # in pages that hold nothing

    @property
    def worth_compacting(self) -> bool:
        return self.free_bytes >= max(FREE_LEAST_BYTES, FREE_SHARE * self.total_bytes)


def usage(database: Database) -> Usage:
    db = database.connection
    pages, free, page_bytes = (int(db.pragma(name)) for name in ("page_count", "freelist_count", "page_size"))
    return Usage(pages * page_bytes, free * page_bytes)


def compact_if_worthwhile(database: Database, cancel: CancelToken | None = None) -> int:
    """Compact by the rule above; how many bytes were given back.

    Where there is no room for the copy, or another program writes meanwhile, it is left for the next time. Raises
    ``Cancelled``.
    """
    if not usage(database).worth_compacting:
        return 0
    try:
        freed = compact(database, cancel)
    except NoRoomError as error:
        logger.warning("the index is not made smaller: %s", error)
        return 0
    logger.info("the index was made smaller by %d bytes", freed or 0)
    return freed or 0


def compact(database: Database, cancel: CancelToken | None = None) -> int | None:
    """Write the index anew without what is deleted; how many bytes were given back.

    None where another program wrote to it meanwhile. Its caller holds the writer's lock. Raises ``NoRoomError``,
    ``StorageError``, ``IndexBusyError`` and ``Cancelled``; the index is as it was then.
    """
    with faults.told_plainly(database.path):
        return _compact(database, cancel or CancelToken())


def _compact(database: Database, cancel: CancelToken) -> int | None:
    path = database.path
    before = usage(database)
    _merge_full_text(database)
    exchange.require_room(path, before.total_bytes - before.free_bytes, "making the index smaller")
    copy = exchange.copy_path(path, exchange.COMPACTING)
    exchange.remove_copy(copy)
    source = connect(path)
    try:
        seen = source.pragma("data_version")
        private.make_file(copy)
        _copy_without_free_pages(source, str(copy), cancel)
        target = connect(copy)
        try:
            with database.no_other_thread():
                done = exchange.take_place(
                    target, path, lambda: source.pragma("data_version") == seen, cancel.raise_if_cancelled
                )
        finally:
            target.close()
    finally:
        source.close()
        exchange.remove_copy(copy)
    return before.total_bytes - usage(database).total_bytes if done else None


def _merge_full_text(database: Database) -> None:
    """FTS5 notes that a row is gone, and lets its words go only when it merges what it has into one piece."""
    for table in ("segments_fts", "names_fts"):
        with database.write() as db:
            db.execute(f"INSERT INTO {table}({table}) VALUES ('optimize')")


def _copy_without_free_pages(source: apsw.Connection, copy: str, cancel: CancelToken) -> None:
    source.set_progress_handler(lambda: cancel.cancelled, _PATIENCE_STEPS)
    try:
        source.execute("VACUUM INTO ?", (copy,))
    except apsw.InterruptError as error:
        raise Cancelled from error
    finally:
        source.set_progress_handler(None)
