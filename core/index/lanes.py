"""Lanes: work that runs beside the indexer's own thread, and comes back to it to be committed.

One thread, the indexer's, touches the index. What takes long, reading files and encoding, runs on a lane's threads and
mostly waits there for a child process. With a lane of no width everything runs on the indexer's thread, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from core.store.jobs import Job, ModelState

R = TypeVar("R")

Ending = Callable[[ModelState], None]
"""What is left to do with a job: called on the indexer's thread, in a transaction that it may share with others."""


@dataclass(frozen=True)
class Ended:
    """A job whose work is done, and what is to be committed of it."""

    job: Job
    ending: Ending


class Inline(Executor):
    """Runs what is submitted at once, on the caller's thread."""

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - raised again by ``Future.result``
            future.set_exception(error)
        return future


class Lane(Generic[R]):
    """Calls that are under way, each with what its result is for."""

    def __init__(self, name: str, width: int) -> None:
        """``width`` is how many calls run at a time; 0: inline."""
        self.width = width
        self._executor: Executor = Inline() if width == 0 else ThreadPoolExecutor(width, name)
        self._calls: dict[Future[R], Callable[[R], None]] = {}

    @property
    def futures(self) -> Iterable[Future[R]]:
        return self._calls.keys()

    def __len__(self) -> int:
        return len(self._calls)

    def submit(self, call: Callable[[], R], accept: Callable[[R], None]) -> None:
        """``accept`` gets the result from ``collect``, on the thread that calls that."""
        self._calls[self._executor.submit(call)] = accept

    def collect(self) -> int:
        """Hand over the results that are there; how many. Raises what a call raised."""
        done = [future for future in self._calls if future.done()]
        for future in done:
            accept = self._calls.pop(future)
            accept(future.result())
        return len(done)

    def abandon(self) -> None:
        """Begin nothing more of what was submitted, wait for what runs and drop its results."""
        for future in self._calls:
            future.cancel()
        wait(self._calls)
        self._calls.clear()

    def close(self) -> None:
        """End the threads; what is still under way is waited for."""
        self._executor.shutdown(cancel_futures=True)


def wait_for_any(lanes: Iterable[Lane[Any]], timeout_s: float) -> bool:
    """Wait until a call has ended, at most so long; False where none is under way."""
    futures = [future for lane in lanes for future in lane.futures]
    if not futures:
        return False
    wait(futures, timeout_s, FIRST_COMPLETED)
    return True
