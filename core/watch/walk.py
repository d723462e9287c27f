"""One pass over a folder tree: every ordinary file that is to be indexed, as ``stat`` sees it. Nothing is opened."""

from __future__ import annotations

import errno
import logging
import os
import stat
import sys
from collections.abc import Callable, Container, Iterator

from core.cancel import CancelToken
from core.extract.media_types import guess_kind
from core.extract.placeholder import is_recalled
from core.store.files import FoundFile
from core.types import FileStamp
from core.watch.excluded import Excluded

logger = logging.getLogger(__name__)

_INT64_MAX = 2**63 - 1
_RECALLED_CTIME_NS = -1
_HAS_JUNCTIONS = hasattr(os.DirEntry, "is_junction")  # from Python 3.12 on
_SEPARATOR = os.fsencode(os.sep)
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


Entry = tuple[bytes, os.stat_result]
"""The path of an ordinary file and its ``lstat``: nothing more is made of the many that have not changed."""


def stamp_of(status: os.stat_result) -> FileStamp:
    """The stamp in a ``stat`` result. Times past 2262, which some file systems hold, are held at the last number.

    The ctime of a file that is in the cloud is one that no file has: on Windows nothing else changes when it arrives.
    """
    ctime_ns = _RECALLED_CTIME_NS if is_recalled(status) else _in_range(status.st_ctime_ns)
    return FileStamp(status.st_size, _in_range(status.st_mtime_ns), ctime_ns, status.st_ino & (2**64 - 1))


def _in_range(time_ns: int) -> int:
    return max(-_INT64_MAX, min(_INT64_MAX, time_ns))


def found_file(path: bytes, status: os.stat_result) -> FoundFile:
    """A file as the scan sees it, its kind by its name alone."""
    return FoundFile(path, guess_kind(os.fsdecode(os.path.basename(path))), stamp_of(status))


def look(path: bytes) -> os.stat_result | None:
    """``lstat``; None when there is nothing at the path. Raises ``OSError`` when that cannot be told."""
    try:
        return os.lstat(path)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise


class Walk:
    """A walk below one folder.

    Symbolic links are not followed: what they point at is indexed where it is, if it is in a root at all. FIFOs,
    sockets and devices are passed over. What could not be looked into is in ``unreadable`` afterwards.
    """

    def __init__(self, folder: bytes, passed_over: Container[bytes], excluded: Excluded) -> None:
        """``passed_over`` holds the folders that are not entered: other roots, and our own.

        ``excluded`` says what else is passed over below the root that ``folder`` lies in.
        """
        self._folder = folder
        self._passed_over = passed_over
        self._excluded = excluded
        self.unreadable: set[bytes] = set()

    def files(self, cancel: CancelToken | None = None) -> Iterator[Entry]:
        """Every file in the order of its path: the path and ``lstat``. Raises ``Cancelled``."""
        excluded = self._excluded
        open_folders = [iter(self._entries(self._folder, cancel))]
        while open_folders:
            entry = next(open_folders[-1], None)
            if entry is None:
                open_folders.pop()
                continue
            try:
                if entry.is_symlink() or (_HAS_JUNCTIONS and _is_junction(entry)):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if entry.path not in self._passed_over and not excluded.folder(entry.path, entry.name):
                        open_folders.append(iter(self._entries(entry.path, cancel)))
                    continue
                status = _status(entry)
            except OSError as error:
                self._note(entry.path, error)
                continue
            if stat.S_ISREG(status.st_mode) and not excluded.file(entry.path, entry.name):
                yield entry.path, status

    def _entries(self, folder: bytes, cancel: CancelToken | None) -> list[os.DirEntry[bytes]]:
        if cancel is not None:
            cancel.raise_if_cancelled()
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=_place)
        except OSError as error:
            self._note(folder, error)
            return []

    def _note(self, path: bytes, error: OSError) -> None:
        if error.errno not in _GONE:
            self.unreadable.add(path)
            logger.warning("cannot look into %s: %s", os.fsdecode(path), error.strerror)


def _place(entry: os.DirEntry[bytes]) -> bytes:
    """Where an entry, or what is in it, comes among its neighbours when whole paths are compared."""
    try:
        is_folder = entry.is_dir(follow_symlinks=False)
    except OSError:
        is_folder = False  # it is met again, and noted, in its turn
    return entry.name + _SEPARATOR if is_folder else entry.name


def _is_junction(entry: os.DirEntry[bytes]) -> bool:
    is_junction: Callable[[], bool] = getattr(entry, "is_junction")  # noqa: B009 - unknown to Python 3.11
    return is_junction()  # Windows' other kind of link


def _status(entry: os.DirEntry[bytes]) -> os.stat_result:
    if sys.platform == "win32":
        return os.stat(entry.path, follow_symlinks=False)  # a DirEntry there knows no inode
    return entry.stat(follow_symlinks=False)
