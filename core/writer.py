"""Who writes the index: one process at a time, known by name to the others."""

from __future__ import annotations

import json
import logging
import os
from types import TracebackType

from filelock import FileLock, Timeout

from core import private
from core.config import Folders
from core.errors import IndexBusyError
from core.room import disk_trouble

logger = logging.getLogger(__name__)

WINDOW = "window"  # the purpose of the one writer that is no command

_PATIENCE_S = 0.5


class WriterLock:
    """An advisory lock that ends with its process, however that ends.

    The holder's name is kept in a file beside the lock, because Windows lets nobody read a locked file.
    """

    def __init__(self, folders: Folders, purpose: str = "index") -> None:
        self._path = folders.lock
        self._holder = folders.lock.with_suffix(".holder")
        self._lock = FileLock(str(folders.lock), mode=0o600, thread_local=False)
        self._purpose = purpose

    def acquire(self) -> None:
        """Take the lock. Raises ``IndexBusyError``, naming the holder, when another process or thread has it.

        ``NoRoomError`` and ``StorageError`` where its file cannot be made.
        """
        try:
            # Not at once: somebody's ``holder`` may have it for a moment.
            self._lock.acquire(timeout=_PATIENCE_S, poll_interval=0.02)
        except Timeout as error:
            raise IndexBusyError(
                f"the index is being written by {self._said()}, which also takes up folders that are added meanwhile; "
                "to index here, end it first"
            ) from error
        except OSError as error:
            raise disk_trouble(error, self._path, "the index cannot be held for writing") from error
        # Whoever holds the lock is alone with it: what a kill leaves is written over.
        note = json.dumps({"pid": os.getpid(), "purpose": self._purpose}).encode()
        try:
            private.replace_file(self._holder, note, self._holder.with_suffix(".partial"))
        except OSError as error:
            # It holds the lock all the same, and others call it "another process".
            logger.warning("who writes the index could not be noted: %s", error)

    def release(self) -> None:
        if self._lock.is_locked:
            try:
                self._holder.unlink(missing_ok=True)
            except OSError as error:
                logger.warning("who wrote the index stays noted: %s", error)
            self._lock.release()

    def holder(self) -> str | None:
        """The holder in words, such as ``findling index (process 4711)``; None when nobody holds the lock."""
        if not self._lock.is_locked:
            try:
                self._lock.acquire(blocking=False)
            except Timeout:
                return self._said()
            except OSError:  # a read-only folder: nobody can hold it
                return None
            self._lock.release()
            return None
        return self._said()

    def _said(self) -> str:
        try:
            said = json.loads(self._holder.read_text("utf-8"))
            name = "the open window of Findling" if said["purpose"] == WINDOW else f"findling {said['purpose']}"
            return f"{name} (process {said['pid']})"
        except (OSError, ValueError, KeyError):
            return "another process"  # it has just taken the lock and not said its name yet

    def __enter__(self) -> WriterLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
