"""What the window itself remembers from one start to the next. It names no folder and no file."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from PySide6.QtCore import QSettings

from core import private
from core.config import Folders
from core.types import RootStatus

logger = logging.getLogger(__name__)

_KEPT = "kept"


def open_settings(folders: Folders) -> QSettings:
    """The window's own settings, in a file that its owner alone can read."""
    path = folders.config / "window.ini"
    try:
        private.make_folder(folders.config)
        private.make_file(path)  # Qt would make it readable to all, and leaves the rights of one that is there
    except OSError as error:
        logger.warning("the window's settings cannot be written: %s", error.strerror)
    return QSettings(str(path), QSettings.Format.IniFormat)


class KeptFiles:
    """How many missing files of each folder a person has said to keep: that many are not asked about again.

    Folders are known by their number in the index alone, so that nothing of a folder that is forgotten stays here.
    """

    def __init__(self, settings: QSettings) -> None:
        self._settings = settings

    def keep(self, status: RootStatus) -> None:
        """Ask about this folder again only when more is missing than now."""
        self._settings.setValue(f"{_KEPT}/{status.root.id}", status.missing)

    def covers(self, status: RootStatus) -> bool:
        """Whether no more is missing than what was answered for."""
        return status.missing <= self._number(status.root.id)

    def follow(self, roots: Sequence[RootStatus]) -> None:
        """Take note of how many are missing now: what came back is asked about again when it goes once more."""
        missing = {status.root.id: status.missing for status in roots}
        for root_id in self._answered():
            now = missing.get(root_id, 0)
            if now == 0:
                self._settings.remove(f"{_KEPT}/{root_id}")
            elif now < self._number(root_id):
                self._settings.setValue(f"{_KEPT}/{root_id}", now)

    def _number(self, root_id: int) -> int:
        return int(self._settings.value(f"{_KEPT}/{root_id}", 0, int))

    def _answered(self) -> list[int]:
        self._settings.beginGroup(_KEPT)
        keys = self._settings.childKeys()
        self._settings.endGroup()
        return [int(key) for key in keys if key.isdecimal()]
