"""What the engine does to keep an index well: look for faults, repair them, and forget what shall be forgotten."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from core.config import Settings
from core.doctor import Doctor
from core.errors import IndexBusyError
from core.index.pipeline import clear_litter
from core.root_desk import RootDesk
from core.store.faults import tells_of_faults
from core.store.forget import Remembered, remembered
from core.store.repair import OnStep, nothing_to_tell
from core.store.roots import Verb
from core.store.store import Store
from core.types import Check
from core.watch.usable import absolute

logger = logging.getLogger(__name__)

_FORGET_PATIENCE_S = 60.0  # how long another process's forgetting is waited for
_LOOK_S = 0.2


@tells_of_faults
class CareDesk:
    """The care of one index."""

    def __init__(
        self,
        store: Store,
        settings: Callable[[], Settings],
        roots: RootDesk,
        writing: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        """``writing`` holds the writer's lock for a purpose, or raises ``IndexBusyError``."""
        self._store = store
        self._settings = settings
        self._roots = roots
        self._writing = writing

    def check(self, on_step: OnStep = nothing_to_tell) -> list[Check]:
        """Look for faults; others may write meanwhile."""
        return Doctor(self._store, self._settings(), on_step).examine()

    def repair(self, on_step: OnStep = nothing_to_tell) -> tuple[list[str], list[Check]]:
        """Cure what can be cured: what was done, a line each, and what a look finds afterwards.

        Raises ``IndexBusyError``, naming the holder, while another process writes the index, and ``NoRoomError``.
        """
        with self._writing("doctor"):
            doctor = Doctor(self._store, self._settings(), on_step)
            return doctor.repair(), doctor.examine()

    def remembered(self, path: Path) -> Remembered:
        """What the index holds of a file or folder."""
        return remembered(self._store, _encoded(path))

    def forget(self, path: Path) -> bool:
        """Remove every trace of a file or folder, watched or not; the file system is not touched.

        A process that indexes carries it out between two steps; whether it is done when this returns. Raises
        ``NoRoomError`` where the index cannot be written anew, which the next run does then.
        """
        encoded = _encoded(path)
        self._roots.request(Verb.FORGET, encoded)
        until_s = time.monotonic() + _FORGET_PATIENCE_S
        while self._is_asked(encoded):
            if time.monotonic() > until_s:
                return False
            time.sleep(_LOOK_S)
        with suppress(IndexBusyError), self._writing(Verb.FORGET.value):  # else its own start has done so
            clear_litter(self._settings().folders, self._store.thumbnails)
        return True

    def _is_asked(self, path: bytes) -> bool:
        return any(one.verb is Verb.FORGET and one.path == path for one in self._store.roots.requests())


def _encoded(path: Path) -> bytes:
    return os.fsencode(absolute(path))
