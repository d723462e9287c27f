"""Checkpoints: how the write-ahead log is kept from growing without bound."""

from __future__ import annotations

import logging
import time

import apsw

logger = logging.getLogger(__name__)

# Pages of 4 KiB. SQLite's own rule is to checkpoint as far as it can from 1,000 pages on, but a log starts over only
# at a moment at which nobody reads from it: under readers that overlap it would grow for as long as they go on.
CHECKPOINT_PAGES = 1000
RESTART_PAGES = 8000  # 32 MB: then readers are waited for, and the next ones read from the database file alone
_PATIENCE_MS = 1000  # that wait holds up whoever writes next
FILE_LIMIT_BYTES = 64_000_000  # what a log that had to grow once is cut to when it starts over


def keep_wal_short(connection: apsw.Connection) -> None:
    """Make this connection's commits checkpoint by the rule above."""
    connection.pragma("journal_size_limit", FILE_LIMIT_BYTES)
    connection.set_wal_hook(_Checkpoints())


class _Checkpoints:
    """What SQLite calls after each commit. An error here is no error of the commit, which has happened."""

    def __init__(self) -> None:
        self._next_restart = RESTART_PAGES

    def __call__(self, connection: apsw.Connection, database: str, pages: int) -> int:
        if pages < CHECKPOINT_PAGES:
            self._next_restart = RESTART_PAGES
            return apsw.SQLITE_OK
        try:
            if pages >= self._next_restart:
                self._restart(connection, database, pages)
            else:
                connection.wal_checkpoint(database, apsw.SQLITE_CHECKPOINT_PASSIVE)
        except (apsw.BusyError, apsw.LockedError):  # another checkpoint is under way, or a reader stays
            logger.debug("a checkpoint was put off at %d pages", pages)
        except (apsw.FullError, apsw.IOError) as error:
            logger.warning("the index could not take over what was committed; it stays in the log: %s", error)
        return apsw.SQLITE_OK

    def _restart(self, connection: apsw.Connection, database: str, pages: int) -> None:
        patience_ms = int(connection.pragma("busy_timeout"))
        begun_s = time.monotonic()
        connection.set_busy_timeout(min(_PATIENCE_MS, patience_ms))
        try:
            connection.wal_checkpoint(database, apsw.SQLITE_CHECKPOINT_RESTART)
            self._next_restart = RESTART_PAGES
        except (apsw.BusyError, apsw.LockedError):
            # Whoever reads for longer than our patience is waited for again only when the log has grown a good deal.
            stays = 1000 * (time.monotonic() - begun_s) >= _PATIENCE_MS / 2
            self._next_restart = pages + (RESTART_PAGES if stays else RESTART_PAGES // 8)
            raise
        finally:
            connection.set_busy_timeout(patience_ms)
