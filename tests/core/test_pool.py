"""Several sandboxes with real children: what one file does is no matter to the others."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from core.cancel import CancelToken
from core.errors import Cancelled, UnreadableError
from core.extract.pool import SandboxPool
from tests.core import misbehaving

Order = Callable[[str], bytes]


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """A file that tells the reader in the child what to do."""

    def write(words: str) -> bytes:
        path = tmp_path / words.replace("/", "_")[:40]
        path.write_text(words)
        return os.fsencode(path)

    return write


@pytest.fixture
def start() -> Iterator[Callable[..., SandboxPool]]:
    started: list[SandboxPool] = []

    def make(size: int, deadline_factor: float = 1.0) -> SandboxPool:
        started.append(SandboxPool(size, serve=misbehaving.serve, deadline_factor=deadline_factor))
        return started[-1]

    yield make
    for one in started:
        one.close()


def pid_of(pool: SandboxPool, path: bytes) -> int:
    return int(pool.extract(path).metadata.title or 0)


def test_a_pool_without_a_sandbox_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a sandbox"):
        SandboxPool(0)


def test_little_work_starts_one_child(start: Callable[..., SandboxPool], order: Order) -> None:
    pool, path = start(3), order("well")
    assert pool.parallel == 3
    assert len({pid_of(pool, path) for _ in range(5)}) == 1
    assert pool.starts == 1


def test_a_file_that_hangs_holds_up_no_other(start: Callable[..., SandboxPool], order: Order) -> None:
    pool, cancel = start(2), CancelToken()
    well, hang = order("well"), order("hang")
    with ThreadPoolExecutor(1) as threads:
        stuck = threads.submit(pool.extract, hang, cancel)
        while pool.starts == 0:
            time.sleep(0.01)
        assert len({pid_of(pool, well) for _ in range(5)}) == 1
        cancel.cancel()
        with pytest.raises(Cancelled):
            stuck.result(20)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_crash_costs_one_file(start: Callable[..., SandboxPool], order: Order) -> None:
    pool = start(3)
    files = [order(f"well {number}") for number in range(8)]
    files.insert(4, order(f"signal {int(signal.SIGSEGV)}"))

    def read(path: bytes) -> str:
        try:
            return pool.extract(path).kind.value
        except UnreadableError as error:
            return error.message

    with ThreadPoolExecutor(4) as threads:  # more threads than sandboxes: one waits
        results = list(threads.map(read, files))
    assert "crashed on it" in results.pop(4)
    assert set(results) == {"document"}


def test_waiting_for_a_free_sandbox_can_be_cancelled(start: Callable[..., SandboxPool], order: Order) -> None:
    pool, first, second = start(1), CancelToken(), CancelToken()
    with ThreadPoolExecutor(2) as threads:
        stuck = threads.submit(pool.extract, order("hang"), first)
        while pool.starts == 0:
            time.sleep(0.01)
        waiting = threads.submit(pool.extract, order("well"), second)
        second.cancel()
        with pytest.raises(Cancelled):
            waiting.result(20)
        first.cancel()
        with pytest.raises(Cancelled):
            stuck.result(20)


def test_a_smaller_pool_lets_its_surplus_go(start: Callable[..., SandboxPool], order: Order) -> None:
    pool, barrier = start(3), threading.Barrier(3)

    def read(number: int) -> int:
        path = order(f"well {number}")
        barrier.wait(20)
        return pid_of(pool, path)

    with ThreadPoolExecutor(3) as threads:
        pids = set(threads.map(read, range(3)))
    pool.resize(1)
    assert pool.parallel == 1
    assert sum(psutil.pid_exists(pid) for pid in pids) == 1
    pool.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_closing_ends_what_is_read(start: Callable[..., SandboxPool], order: Order) -> None:
    pool = start(2)
    with ThreadPoolExecutor(2) as threads:
        stuck = [threads.submit(pool.extract, path) for path in (order("hang"), order("spin"))]
        while pool.starts < 2:
            time.sleep(0.01)
        time.sleep(0.3)
        pool.close()
        for one in stuck:
            with pytest.raises(Cancelled):
                one.result(20)
