"""Waiting out a disk that is full or fails, and a program that holds the index, while changes are followed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from core.cancel import CancelToken
from core.config import Folders
from core.errors import FindlingError, NoRoomError
from core.room import shortage
from core.types import PauseReason, Progress

logger = logging.getLogger(__name__)

_FIRST_S = 2.0
_LONGEST_S = 60.0
_STEP_S = 0.5
_WELL_S = 120.0  # work that went on for so long owes nothing to trouble that was before


class Patience:
    """Waits, longer each time that waiting did not help, and says so as ``Progress.paused``."""

    def __init__(
        self, folders: Folders, cancel: CancelToken, on_progress: Callable[[Progress], None] | None = None
    ) -> None:
        self._folders = (folders.data, folders.cache)
        self._cancel = cancel
        self._on_progress = on_progress
        self._last = Progress(None, 0, 0, None, 0.0, None, 0)
        self._wait_s = _FIRST_S
        self._waited_s = float("-inf")

    def seen(self, progress: Progress) -> None:
        """Pass the progress on, and remember it for as long as there is no other."""
        self._last = progress
        if self._on_progress is not None:
            self._on_progress(progress)

    def wait_out(self, trouble: FindlingError) -> None:
        """Return when it is worth while to try again, or when cancelled.

        A full disk is waited for until it has room; where it has some, as under a quota, the trouble is tried again.
        """
        logger.warning("indexing waits: %s", trouble)
        now_s = time.monotonic()
        self._wait_s = _FIRST_S if now_s - self._waited_s > _WELL_S else min(2 * self._wait_s, _LONGEST_S)
        until_s = now_s + self._wait_s
        is_full = isinstance(trouble, NoRoomError)
        while not self._cancel.cancelled:
            short = shortage(self._folders) if is_full else None
            if short is None and time.monotonic() >= until_s:
                break
            if self._on_progress is not None:
                reason = PauseReason.NO_ROOM if is_full else PauseReason.DISK
                paused = replace(self._last, stage=None, current=None, left_s=None, paused=reason, short=short)
                self._on_progress(paused)
            self._cancel.wait(_STEP_S)
        self._waited_s = time.monotonic()
