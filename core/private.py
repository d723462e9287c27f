"""Folders and files that their owner alone can read, whatever the umask. On Windows the profile's rights do that."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_POSIX = os.name == "posix"


def make_folder(folder: Path) -> None:
    """Make a folder, and tighten one that is there. Raises ``OSError``.

    What is missing above it is made as closed: who may write there could put another folder in its place.
    """
    if not folder.parent.exists():
        make_folder(folder.parent)
    folder.mkdir(exist_ok=True, mode=FOLDER_MODE)
    tighten(folder)


def make_file(path: Path) -> None:
    """Make an empty file where there is none, and tighten one that is there. Raises ``OSError``."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_BINARY", 0), FILE_MODE))
    tighten(path)


def write_file(path: Path, data: bytes) -> None:
    """Write a whole file. Raises ``OSError``."""
    flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, FILE_MODE), "wb") as file:
        if _POSIX:
            os.fchmod(file.fileno(), FILE_MODE)
        file.write(data)


def replace_file(path: Path, data: bytes, partial: Path | None = None) -> None:
    """Write a whole file in one step: it is the new one, or what it was. Raises ``OSError``, and leaves no half then.

    It is written as ``partial`` first, by default a file beside it that no other thread writes.
    """
    partial = partial or path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        write_file(partial, data)
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)  # half of it would take room on a disk that has none
        raise


def is_open(path: Path) -> bool:
    """Whether others than the owner have any right to a file or folder. A link is not followed; one counts as closed.

    Raises ``OSError``.
    """
    status = path.lstat()
    return _POSIX and not path.is_symlink() and bool(status.st_mode & 0o077)


def tighten(path: Path) -> bool:
    """Take all rights from others than the owner; whether they had any. Raises ``OSError``."""
    if not is_open(path):
        return False
    path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)
    return True


def open_to_others(folder: Path) -> Iterator[Path]:
    """A folder, and what is below it, that others have rights to. What vanishes meanwhile is passed over."""
    if not _POSIX or not folder.is_dir():
        return
    if is_open(folder):
        yield folder
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            try:
                if is_open(path):
                    yield path
            except FileNotFoundError:
                continue
