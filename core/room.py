"""Room on the disks that we write to: how much there is, how much is left to others, and what a full disk is told as.

Indexing stops before a disk is full, because a full one takes down whatever else runs on the computer; what is
measured here is asked a few times a second, never for each file.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from core.errors import FindlingError, NoRoomError, StorageError
from core.types import Shortage

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  # the disk, a quota, a limit on the size of files

# What is left free: 2% of the disk, at least what a desktop needs to go on and never more than a person would miss. On
# a disk so small that this would be most of it, a tenth.
_SHARE = 0.02
_LEAST_BYTES = 500_000_000
_MOST_BYTES = 5_000_000_000
_SMALL_SHARE = 0.1

_TRIAL_BYTES = 65_536  # with less the -shm of an index cannot be made
_BACK = 1.25  # work goes on at this multiple of the margin, so that it does not flap at its edge
_LOOK_S = 0.25


def margin_bytes(total_bytes: int) -> int:
    """How much of a disk of this size is left free."""
    wanted = min(max(_SHARE * total_bytes, _LEAST_BYTES), _MOST_BYTES)
    return int(min(wanted, _SMALL_SHARE * total_bytes))


def free_bytes(folder: Path) -> int | None:
    """What can be written to a folder's disk; None where the system does not say."""
    usage = _usage(folder)
    return None if usage is None else usage[1]


def shortage(folders: Iterable[Path], factor: float = 1.0) -> Shortage | None:
    """The first folder on whose disk less is free than ``factor`` times the margin."""
    for folder in folders:
        usage = _usage(folder)
        if usage is not None and usage[1] < factor * margin_bytes(usage[0]):
            return Shortage(str(folder), usage[1], margin_bytes(usage[0]))
    return None


def require(folder: Path, needed_bytes: int, what: str) -> None:
    """Raise ``NoRoomError`` unless ``needed_bytes`` fit on a folder's disk and leave it its margin.

    ``what`` needs the room, as in "a copy of the index".
    """
    usage = _usage(folder)
    if usage is None:
        return
    total, free = usage
    wanted = needed_bytes + margin_bytes(total)
    if free < wanted:
        raise NoRoomError(
            f"{what} needs {size_in_words(needed_bytes)}, and only {size_in_words(free)} are free on its disk "
            f"(of which {size_in_words(margin_bytes(total))} stay free); make room there and try again",
            path=folder,
        )


def short_of_room(short: Shortage) -> NoRoomError:
    """Why the work stopped, and what to do."""
    return NoRoomError(
        f"only {size_in_words(short.free_bytes)} free on its disk, and indexing leaves "
        f"{size_in_words(short.margin_bytes)} free; make room there, and it goes on from where it was",
        path=short.folder,
    )


def disk_trouble(error: OSError, path: Path, doing: str) -> FindlingError:
    """An error of the disk in a person's words: ``NoRoomError`` when it is full, else ``StorageError``.

    ``doing`` is what could not be done, as in "the settings could not be saved".
    """
    if error.errno not in FULL:
        return StorageError(f"{doing}: {error.strerror or error}", path=path)
    return no_room(path, doing, error.errno)


def no_room(path: Path | None, doing: str, number: int | None = None) -> NoRoomError:
    """A full disk, a used-up quota or a limit on the size of files.

    ``number`` is the system's error, where known; ``path`` is None where it is not known what could not be written.
    """
    folder = path if path is None or path.is_dir() else path.parent
    usage = None if folder is None else _usage(folder)
    if number == errno.EFBIG:
        why = "a limit on the size of files is reached (ulimit -f)"
    elif number == errno.EDQUOT:
        why = "the quota is used up; make room there and try again"
    elif folder is None or usage is None:
        why = "the disk is full; make room there and try again"
    elif usage[1] >= margin_bytes(usage[0]) and _has_no_names_left(folder):
        why = "its disk can hold no more files, however small (it has no inodes left); delete some there and try again"
    else:
        total, free = usage
        why = f"the disk is full ({size_in_words(free)} free); make room for {size_in_words(margin_bytes(total))}"
    return NoRoomError(f"{doing}: {why}", path=path)


def why_not_written(folder: Path, largest_bytes: int = 0) -> int | None:
    """What stands against writing in a folder, of ``FULL``, asked of the system itself; None where nothing does.

    For errors of libraries that keep the system's to themselves. ``largest_bytes`` is how large a file was to become.
    """
    import tempfile  # here, because a search starts without it

    try:
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(bytes(_TRIAL_BYTES))
            trial.flush()
    except OSError as error:
        if error.errno in FULL:
            return error.errno
    limit_bytes = _file_size_limit()
    return errno.EFBIG if limit_bytes is not None and limit_bytes <= largest_bytes else None


def _file_size_limit() -> int | None:
    """``ulimit -f`` in bytes; None where there is none."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def size_in_words(size_bytes: int) -> str:
    """``312 MB``, ``1.5 GB``."""
    if size_bytes >= 1_000_000_000:
        return f"{size_bytes / 1e9:.1f} GB"
    return f"{size_bytes / 1e6:.0f} MB" if size_bytes >= 1_000_000 else f"{size_bytes / 1e3:.0f} kB"


class RoomWatch:
    """Says whether there is room to go on, looking at the disks a few times a second."""

    def __init__(self, folders: Iterable[Path], clock: Callable[[], float] = time.monotonic) -> None:
        """``folders`` are those that grow. ``clock`` gives seconds."""
        self._folders = tuple(folders)
        self._clock = clock
        self._looked_s = float("-inf")
        self._short: Shortage | None = None

    def shortage(self) -> Shortage | None:
        """Where room is short; None while work may go on. Once it was short there must be a good deal more."""
        now_s = self._clock()
        if now_s - self._looked_s >= _LOOK_S:
            self._looked_s = now_s
            self._short = shortage(self._folders, _BACK if self._short is not None else 1.0)
        return self._short


def _has_no_names_left(folder: Path) -> bool:
    """Whether a file system that has room cannot make another file: many keep a fixed number of places for them."""
    if not hasattr(os, "statvfs"):
        return False
    try:
        status = os.statvfs(folder)
    except OSError:
        return False
    return status.f_files > 0 and status.f_favail == 0


def _usage(folder: Path) -> tuple[int, int] | None:
    """Bytes in all and free for us."""
    try:
        usage = shutil.disk_usage(os.fspath(folder))
    except OSError:
        return None  # it is not there, or its filesystem cannot say: writing tells
    return (usage.total, usage.free) if usage.total > 0 else None
