"""Several sandbox children, so that as many files are read at a time as there are cores for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from core.cancel import CancelToken
from core.child import Serve
from core.extract import worker
from core.extract.sandbox import Sandbox
from core.types import Extraction

_SLICE_S = 0.1  # how soon a cancel is seen by a call that waits for a free child


class SandboxPool:
    """``core.extract.base.Reader`` over ``size`` sandboxes, each with its own child, deadline, limits and retry.

    Safe to call from several threads; more of them than there are sandboxes wait. The sandbox that was used last is
    used next, so that little work starts a single child.
    """

    def __init__(self, size: int, *, serve: Serve = worker.serve, deadline_factor: float = 1.0) -> None:
        """``serve`` and ``deadline_factor`` as ``Sandbox`` takes them. Raises ``ValueError`` for no sandbox at all."""
        if size < 1:
            raise ValueError("a pool needs a sandbox")
        self._serve = serve
        self._deadline_factor = deadline_factor
        self._size = size
        self._changed = threading.Condition()
        self._idle: list[Sandbox] = []
        self._taken: set[Sandbox] = set()

    @property
    def parallel(self) -> int:
        """How many files are read at a time."""
        return self._size

    def resize(self, size: int) -> None:
        """Read ``size`` (at least 1) files at a time from now on; what is being read is read to its end."""
        with self._changed:
            self._size = max(1, size)
            surplus = self._surplus()
            self._changed.notify_all()
        for sandbox in surplus:
            sandbox.close()

    @property
    def starts(self) -> int:
        """How many children the sandboxes that there are have started."""
        with self._changed:
            return sum(sandbox.starts for sandbox in [*self._idle, *self._taken])

    @property
    def losses(self) -> int:
        """As ``Sandbox.losses``, of the sandboxes that there are."""
        with self._changed:
            return sum(sandbox.losses for sandbox in [*self._idle, *self._taken])

    def extract(self, path: bytes, cancel: CancelToken | None = None) -> Extraction:
        """As ``Sandbox.extract``."""
        with self._one(cancel) as sandbox:
            return sandbox.extract(path, cancel)

    def decode_audio(self, path: bytes, pcm: Path, cancel: CancelToken | None = None) -> float:
        """As ``Sandbox.decode_audio``."""
        with self._one(cancel) as sandbox:
            return sandbox.decode_audio(path, pcm, cancel)

    def close(self) -> None:
        """End the children; calls in progress on other threads raise ``Cancelled``. Later calls start new ones."""
        with self._changed:
            sandboxes = [*self._idle, *self._taken]
        if sandboxes:
            with ThreadPoolExecutor(len(sandboxes)) as threads:  # each child takes its time to leave
                list(threads.map(Sandbox.close, sandboxes))

    @contextmanager
    def _one(self, cancel: CancelToken | None) -> Iterator[Sandbox]:
        """A sandbox for one call. Raises ``Cancelled`` while waiting for it."""
        with self._changed:
            while len(self._taken) >= self._size:
                if cancel is not None:
                    cancel.raise_if_cancelled()
                self._changed.wait(_SLICE_S)
            new = not self._idle
            sandbox = Sandbox(serve=self._serve, deadline_factor=self._deadline_factor) if new else self._idle.pop()
            self._taken.add(sandbox)
        try:
            yield sandbox
        finally:
            with self._changed:
                self._taken.remove(sandbox)
                self._idle.append(sandbox)
                surplus = self._surplus()
                self._changed.notify()
            for one in surplus:
                one.close()

    def _surplus(self) -> list[Sandbox]:
        """Take out idle sandboxes above the size; under the lock."""
        surplus = []
        while self._idle and len(self._idle) + len(self._taken) > self._size:
            surplus.append(self._idle.pop(0))
        return surplus
