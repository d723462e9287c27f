"""Which folders can be watched."""

from __future__ import annotations

import os
from pathlib import Path

from core.config import Folders
from core.errors import FolderError
from core.store.filters import is_under


def absolute(folder: Path) -> Path:
    """The folder under the one name that it has; links are resolved, so that one reached by two names is one root."""
    return Path(os.path.realpath(folder.expanduser()))


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
    for mine in (own.data, own.cache, own.config, own.models, own.logs):
        if encoded == os.fsencode(mine) or is_under(encoded, os.fsencode(mine)):
            raise FolderError("this is Findling's own folder", path=folder)
    return path
