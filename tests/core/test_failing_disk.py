"""A disk that fails at a chosen operation, and power cuts: told in one line, with nothing lost."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from core.config import folders_under
from core.errors import IndexBusyError, NoRoomError, StorageError
from core.extract.sandbox import Sandbox
from core.store import wal
from core.store.connection import Database, connect
from core.store.store import Store
from tests.reliability.io import run_trials
from tests.reliability.power import run_cuts
from tests.reliability.vfs import Fault, FaultyVFS, faulty


@pytest.fixture
def vfs() -> Iterator[FaultyVFS]:
    with faulty() as vfs:
        yield vfs


@pytest.fixture
def database(tmp_path: Path, vfs: FaultyVFS) -> Iterator[Database]:
    database = Database(tmp_path / "index.db")
    yield database
    vfs.disarm()
    database.close()


def put(database: Database, value: str) -> None:
    with database.write() as db:
        db.execute("INSERT INTO meta VALUES (?, ?)", (value, value))


def values(database: Database) -> set[str]:
    return {value for (value,) in database.connection.execute("SELECT key FROM meta WHERE key = value")}


def test_a_disk_that_fails_anywhere_is_told_in_one_line_and_loses_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    chance = random.Random(20)

    def places(fault: Fault, count: int) -> Iterator[int]:
        yield from sorted(chance.sample(range(1, count + 1), min(2, count)))

    trials = run_trials(tmp_path, sandbox, places)
    assert trials.struck == trials.run
    assert set(trials.told) >= {"StorageError", "NoRoomError"}


@pytest.mark.slow
def test_a_disk_that_fails_at_many_operations_in_turn(tmp_path: Path, sandbox: Sandbox) -> None:
    trials = run_trials(tmp_path, sandbox, lambda _fault, count: iter(range(1, count + 1, max(1, count // 25))))
    assert trials.struck == trials.run


def test_after_a_power_cut_the_index_is_whole(tmp_path: Path, sandbox: Sandbox) -> None:
    cuts = run_cuts(tmp_path, sandbox, count=25, seed=3, batches=8)
    assert cuts.tried == 25
    assert cuts.most > cuts.fewest


@pytest.mark.parametrize(("fault", "raised"), [(Fault.FULL, NoRoomError), (Fault.WRITE, StorageError)])
@pytest.mark.parametrize("at", range(1, 6))
def test_a_commit_that_fails_is_undone_whole(
    database: Database, vfs: FaultyVFS, fault: Fault, raised: type[Exception], at: int
) -> None:
    put(database, "before")
    vfs.arm(fault, at)
    kept = {"before"}
    for number in range(3):  # a commit writes a few times: one of the three is struck
        try:
            put(database, f"during {number}")
            kept.add(f"during {number}")
        except raised as error:
            assert str(database.path) in str(error)
    assert vfs.struck == 1
    vfs.disarm()
    put(database, "after")  # in a transaction of its own, not in one that was left open
    assert values(database) == kept | {"after"}
    assert len(kept) == 3
    with apsw.Connection(str(database.path)) as other:
        assert {value for (value,) in other.execute("SELECT key FROM meta WHERE key = value")} == kept | {"after"}


def test_another_program_that_keeps_the_index_locked_is_named_as_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.store.connection.BUSY_TIMEOUT_MS", 50)
    database = Database(tmp_path / "index.db")
    other = apsw.Connection(str(database.path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(IndexBusyError, match="another program"):
        put(database, "kept out")
    assert values(database) == set()  # reading goes on
    other.execute("ROLLBACK")
    put(database, "let in")
    assert values(database) == {"let in"}
    other.close()
    database.close()


def test_the_log_of_writes_stays_short_under_readers_that_overlap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SQLite's own rule alone it would hold everything that is written here."""
    monkeypatch.setattr(wal, "CHECKPOINT_PAGES", 100)
    monkeypatch.setattr(wal, "RESTART_PAGES", 800)
    database = Database(tmp_path / "index.db")
    log = tmp_path / "index.db-wal"
    stop = threading.Event()

    def read() -> None:
        connection = connect(database.path)
        while not stop.is_set():
            connection.execute("BEGIN")
            assert connection.execute("SELECT count(*) FROM meta").get
            time.sleep(0.003)
            connection.execute("ROLLBACK")
        connection.close()

    readers = [threading.Thread(target=read) for _ in range(3)]  # there is hardly a moment without one of them
    for reader in readers:
        reader.start()
    blob = os.urandom(100_000)
    written = largest = 0
    while written < 20 * wal.RESTART_PAGES * 4096:
        with database.write() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('blob', hex(?))", (blob,))
        written += 2 * len(blob)
        largest = max(largest, log.stat().st_size)
    stop.set()
    for reader in readers:
        reader.join()
    database.close()
    assert largest < written / 4


def test_searching_beside_a_busy_writer_never_fails(tmp_path: Path) -> None:
    folders = folders_under(tmp_path)
    folders.create()
    writer, reader = Store(folders), Store(folders)
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            put(writer.database, f"value {number}")

    thread = threading.Thread(target=write)
    thread.start()
    seen = 0
    try:
        while seen < 100:
            found = len(values(reader.database))
            assert found >= seen, "what was committed is seen from then on"
            seen = found
    finally:
        stop.set()
        thread.join()
    writer.close()
    reader.close()


def test_a_read_only_index_is_still_searched(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anything")
    database = Database(tmp_path / "index.db")
    put(database, "kept")
    database.close()
    tmp_path.chmod(0o500)
    (tmp_path / "index.db").chmod(0o400)
    try:
        database = Database(tmp_path / "index.db")
        assert values(database) == {"kept"}
        with pytest.raises(StorageError, match="read-only"):
            put(database, "refused")
        database.close()
    finally:
        tmp_path.chmod(0o700)
