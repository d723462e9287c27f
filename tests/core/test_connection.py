"""Writing to the index from several threads."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import apsw
import pytest

from core.config import folders_under
from core.store.roots import Verb
from core.store.store import Store


def test_a_thread_that_writes_batch_after_batch_lets_others_in(tmp_path: Path) -> None:
    folders = folders_under(tmp_path)
    folders.create()
    store = Store(folders)
    started, written = threading.Event(), threading.Event()
    batches_until_written: list[int] = []

    def write_batches() -> None:
        for number in range(1, 401):
            with store.database.write():
                store.roots.request(Verb.ADD, b"/batch")
                started.set()
                time.sleep(0.02)
            if written.is_set():
                batches_until_written.append(number)
                return

    busy = threading.Thread(target=write_batches)
    busy.start()
    started.wait()
    store.roots.request(Verb.ADD, b"/other")
    written.set()
    busy.join()
    assert batches_until_written, "the other thread came only when nothing was left to write"
    store.close()


def test_many_threads_write_without_losing_anything(tmp_path: Path) -> None:
    folders = folders_under(tmp_path)
    folders.create()
    store = Store(folders)
    failures: list[BaseException] = []

    def write(thread: int) -> None:
        try:
            for number in range(50):
                store.roots.request(Verb.ADD, b"/%d/%d" % (thread, number))
        except BaseException as error:  # noqa: BLE001 - told to the test below
            failures.append(error)

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len({request.path for request in store.roots.requests()}) == 400
    store.close()


def test_a_threads_connection_ends_after_it(tmp_path: Path) -> None:
    folders = folders_under(tmp_path)
    folders.create()
    store = Store(folders)
    used: list[apsw.Connection] = []

    def look() -> None:
        used.append(store.database.connection)
        assert store.roots.all() == []

    for _ in range(3):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    for connection in used[:-1]:  # the next thread that opens one closes them
        with pytest.raises(apsw.ConnectionClosedError):
            connection.execute("SELECT 1")
    assert store.roots.all() == []
    store.close()
    with pytest.raises(apsw.ConnectionClosedError):
        used[-1].execute("SELECT 1")
