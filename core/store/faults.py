"""SQLite's errors as ours: what a disk, a damaged file or another program brings about, told in one line.

Transactions of ``Database`` convert what goes wrong in them. What reads or writes outside of one is inside
``told_plainly``, or is a method of a class that ``tells_of_faults``. Errors of our own making are left as they are.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw

from core import private
from core.errors import FindlingError, IndexBusyError, IndexDamagedError, StorageError
from core.room import FULL, no_room, why_not_written

logger = logging.getLogger(__name__)

C = TypeVar("C", bound=type)

SUSPECT = ".suspect"  # what is added to the index's name for a mark beside it: damage was met
_GROWTH_BYTES = 1_000_000
_DOING = "the index could not be written"


def convert(error: BaseException, path: Path, connection: apsw.Connection | None = None) -> FindlingError | None:
    """What an error of SQLite's means for the index at ``path``; None where it is our own mistake.

    ``connection`` is the one on which it arose: it knows the system's own error number.
    """
    if isinstance(error, apsw.FullError):
        return no_room(path, _DOING)
    # Of a file that we make ourselves, such as one for a copy; what has no name may be the output.
    if isinstance(error, OSError) and error.errno in FULL and error.filename is not None:
        return no_room(Path(os.fsdecode(error.filename)), "a file could not be made", error.errno)
    if isinstance(error, (apsw.IOError, apsw.CantOpenError)):
        number = connection.system_errno if connection is not None else None
        if number not in FULL:  # the backup's errors never know it
            number = why_not_written(path.parent, _largest_bytes(path))
        if number is not None:
            return no_room(path, _DOING, number)
        why = "disk I/O error" if str(error) == "not an error" else error
        return StorageError(f"the disk could not read or write the index ({why})", path=path)
    if isinstance(error, (apsw.ReadOnlyError, apsw.PermissionsError, apsw.AuthError)):
        if os.access(path.parent, os.W_OK):  # it was opened so because nothing could be written beside it
            return no_room(path, _DOING)
        return StorageError("the index cannot be written: its folder or its disk is read-only", path=path)
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return _damaged(error, path)
    if isinstance(error, UnicodeDecodeError):  # a text that was stored as UTF-8
        return IndexDamagedError("a text in it is damaged: findling doctor --repair has its file read again", path=path)
    if isinstance(error, apsw.NoFTS5Error):  # what APSW makes of any error on its way to the tokenisers
        return StorageError("the index could not be read, or this SQLite has no full text search", path=path)
    if isinstance(error, (apsw.BusyError, apsw.LockedError)):
        return IndexBusyError("another program has been using it for too long", path=path)
    return None


def _largest_bytes(path: Path) -> int:
    """How large the index, its log of writes or a copy of it may have been about to become."""
    sizes = [file.stat().st_size for file in (path, path.with_name(f"{path.name}-wal")) if file.exists()]
    return 2 * max(sizes, default=0) + _GROWTH_BYTES


def _damaged(error: apsw.Error, path: Path) -> IndexDamagedError:
    """Remember it, so that the next start reads the whole index and sets it aside if it is so."""
    try:
        private.make_file(path.with_name(path.name + SUSPECT))
    except OSError as trouble:
        logger.warning("that the index is damaged could not be noted: %s", trouble)
    return IndexDamagedError(
        f"the index is damaged ({error}); start Findling again: what can be read of it is carried over", path=path
    )


@contextmanager
def told_plainly(path: Path, connection: Callable[[], apsw.Connection] | None = None) -> Iterator[None]:
    """Raise what SQLite raises inside as a ``FindlingError`` about the index at ``path``."""
    try:
        yield
    except (apsw.Error, UnicodeDecodeError, OSError) as error:
        plain = convert(error, path, connection() if connection is not None else None)
        if plain is None:
            raise
        raise plain from error


def tells_of_faults(cls: C) -> C:
    """A class whose public methods raise SQLite's errors as ours; its ``_store`` says of which index."""
    for name, method in list(vars(cls).items()):
        if inspect.isfunction(method) and not name.startswith("_"):
            setattr(cls, name, _telling(method))
    return cls


def _telling(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return method(self, *arguments, **options)
        except (apsw.Error, OSError) as error:
            plain = convert(error, self._store.database.path)
            if plain is None:
                raise
            raise plain from error

    return call
