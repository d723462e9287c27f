"""Cooperative cancellation, shared by everything that works for longer than a moment."""

from __future__ import annotations

import threading

from core.errors import Cancelled


class CancelToken:
    """Set from any thread; looked at between files, batches and audio windows.

    A token is called directly rather than through a queued signal, because a worker that is
    blocked in its own work never reaches its event loop.
    """

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raise ``Cancelled`` once ``cancel`` was called."""
        if self._event.is_set():
            raise Cancelled

    def wait(self, timeout_s: float) -> bool:
        """Sleep up to ``timeout_s``; True as soon as the token is cancelled."""
        return self._event.wait(timeout_s)
