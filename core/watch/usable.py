"""Which folders can be watched."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from core.config import Folders
from core.errors import FolderError
from core.filesystem import is_kernels, kind_of
from core.store.filters import is_under


def absolute(folder: Path) -> Path:
    """The folder under the one name that it has; links are resolved, so that one reached by two names is one root."""
    return Path(os.path.realpath(folder.expanduser()))


def why_closed(path: bytes) -> str:
    """Why a scan could not look at a folder or file, for a person."""
    try:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            os.scandir(path).close()
    except PermissionError:
        return "no permission to look into it"
    except OSError as error:
        return "its path is too long for this system" if error.errno == errno.ENAMETOOLONG else str(error.strerror)
    return "it could not be looked into just then"


def usable_folder(folder: Path, own: Folders) -> Path:
    """The folder under its one name. Raises ``FolderError`` when it cannot be watched: ``own`` are our folders."""
    path = absolute(folder)
    if not path.exists():
        raise FolderError("there is no such folder", path=folder)
    if not path.is_dir():
        raise FolderError("this is a file, not a folder", path=folder)
    if not os.access(path, os.R_OK | os.X_OK):
        raise FolderError("no permission to read it", path=folder)
    encoded = os.fsencode(path)
    if is_kernels(kind_of(encoded)):
        raise FolderError("this is a view into the system, with no files of yours", path=folder)
    for mine in (own.data, own.cache, own.config, own.models, own.logs):
        if encoded == os.fsencode(mine) or is_under(encoded, os.fsencode(mine)):
            raise FolderError("this is Findling's own folder", path=folder)
    return path
