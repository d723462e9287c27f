"""Indexes that earlier versions wrote: brought up to date on a copy, with all that was in them."""

from __future__ import annotations

import gzip
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import apsw
import pytest

from core.config import Folders, Settings, folders_under
from core.engine import Engine
from core.errors import IndexBusyError, IndexDamagedError, MigrationError, NoRoomError
from core.extract.sandbox import Sandbox
from core.store.connection import Database
from core.store.migrations import MIGRATIONS
from core.store.store import Store
from core.types import Query
from core.writer import WriterLock
from tests.fakes import FakeEncoders, FakeSpeech

OLD = Path(__file__).resolve().parents[1] / "old_indexes"
VERSIONS = sorted(int(path.name[1:-6]) for path in OLD.glob("v*.db.gz"))
COPY = "index.db.migrating"


def old_index(base: Path, version: int) -> Folders:
    folders = folders_under(base)
    folders.create()
    folders.index.write_bytes(gzip.decompress((OLD / f"v{version}.db.gz").read_bytes()))
    return folders


def said_of(version: int) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((OLD / f"v{version}.json").read_text("utf-8"))
    # Version 2 could not search so small an index; its library is the same.
    return {**said, "found": said["found"] or said_of(1)["found"]}


def version_of(folders: Folders) -> int:
    connection = apsw.Connection(str(folders.index))
    try:
        return int(connection.pragma("user_version"))
    finally:
        connection.close()


def test_every_version_is_kept() -> None:
    assert list(range(1, len(MIGRATIONS) + 1)) == VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_an_index_of_an_earlier_version_answers_as_before(version: int, tmp_path: Path) -> None:
    said = said_of(version)
    folders = old_index(tmp_path, version)
    reader = Sandbox()
    engine = Engine.open(Settings(folders), encoders=FakeEncoders(), speech=FakeSpeech(), reader=reader)
    try:
        assert version_of(folders) == len(MIGRATIONS)
        status = engine.status()
        assert (status.files, status.segments, status.vectors) == (said["files"], said["segments"], said["vectors"])
        assert {kind.value: count for kind, count in status.by_kind.items()} == said["by_kind"]
        assert (status.failed, status.skipped) == (said["failed"], said["skipped"])
        for words, paths in said["found"].items():
            assert [os.fsdecode(hit.path) for hit in engine.search(Query(text=words)).hits] == paths
        wrong = [check for check in engine.doctor() if not check.ok]
        assert {check.name for check in wrong} <= {"folders", "thumbnails"}  # which are not kept with the index
    finally:
        engine.close()


def test_a_version_without_a_way_on_is_left_in_use(tmp_path: Path) -> None:
    """What a migration adds is there already, as no version of ours wrote it."""
    folders = old_index(tmp_path, 3)
    connection = apsw.Connection(str(folders.index))
    connection.execute("CREATE TABLE tombstones (id)")
    connection.close()
    before = folders.index.read_bytes()
    with pytest.raises(MigrationError, match=r"already exists\); it is untouched"):
        Store(folders)
    assert folders.index.read_bytes() == before
    assert not (folders.data / COPY).exists()
    assert version_of(folders) == 3


def test_a_disk_without_room_leaves_the_old_index(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: the copy cannot be finished."""
    folders = old_index(tmp_path, 3)
    before = folders.index.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises((MigrationError, NoRoomError), match="untouched"):
            Store(folders)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert folders.index.read_bytes() == before
    assert not (folders.data / COPY).exists()
    Store(folders).close()
    assert version_of(folders) == len(MIGRATIONS)


def test_what_a_kill_left_behind_is_removed(tmp_path: Path) -> None:
    folders = old_index(tmp_path, 2)
    (folders.data / COPY).write_bytes(b"half a copy")
    (folders.data / (COPY + "-journal")).write_bytes(b"its journal")
    Store(folders).close()
    assert sorted(path.name for path in folders.data.glob("index.db*")) == ["index.db"]
    assert version_of(folders) == len(MIGRATIONS)


def test_who_has_it_open_goes_on(tmp_path: Path) -> None:
    """A reader in the middle of a transaction sees the old index to its end, and the new one afterwards."""
    folders = old_index(tmp_path, 3)
    reader = apsw.Connection(str(folders.index))
    reader.set_busy_timeout(5000)
    reader.execute("BEGIN")
    files = reader.execute("SELECT count(*) FROM files").get
    store = Store(folders)
    assert reader.execute("SELECT count(*) FROM files").get == files
    assert reader.pragma("user_version") == 3
    reader.execute("COMMIT")
    assert reader.pragma("user_version") == len(MIGRATIONS)
    assert reader.execute("SELECT count(*) FROM tombstones").get == 0
    assert store.problems() == []
    store.close()
    reader.close()


def test_two_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    folders = old_index(tmp_path, 1)
    found: list[object] = []

    def start() -> None:
        try:
            store = Store(folders)
            found.append((store.counts().files, store.problems()))
            store.close()
        except BaseException as error:  # noqa: BLE001 - told to the test below
            found.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(said_of(1)["files"], [])] * 4


def test_an_older_program_that_writes_is_named(tmp_path: Path) -> None:
    folders = old_index(tmp_path, 3)
    with WriterLock(folders, "watch"), pytest.raises(IndexBusyError, match=r"findling watch .*end that and try again"):
        Store(folders)
    assert version_of(folders) == 3
    with pytest.raises(IndexBusyError, match="still to be brought up to date"):
        Database(folders.index)


def test_a_damaged_old_index_is_carried_over(tmp_path: Path) -> None:
    folders = old_index(tmp_path, 3)
    connection = apsw.Connection(str(folders.index))
    root: int = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'files_day'").get
    connection.close()
    data = bytearray(folders.index.read_bytes())
    data[(root - 1) * 4096 : root * 4096] = b"\xee" * 4096
    folders.index.write_bytes(data)
    store = Store(folders)
    assert f"carried over: {said_of(3)['files']} files, {said_of(3)['vectors']} vectors" in store.notices[0]
    assert store.problems() == []
    store.close()


def test_a_newer_index_is_refused(tmp_path: Path) -> None:
    folders = old_index(tmp_path, 3)
    connection = apsw.Connection(str(folders.index))
    connection.pragma("user_version", len(MIGRATIONS) + 1)
    connection.close()
    with pytest.raises(IndexDamagedError, match="newer version"):
        Store(folders)


KILLED = """
import sys, os, threading, time
from pathlib import Path
from core.config import folders_under
from core.store.store import Store
folders = folders_under(Path(sys.argv[1]))
print("ready", flush=True)
Store(folders)
print("done", flush=True)
"""


@pytest.mark.parametrize("moment_s", [0.0, 0.01, 0.02, 0.03, 0.05, 0.08])
def test_a_kill_leaves_the_old_index_or_the_new(tmp_path: Path, moment_s: float) -> None:
    folders = old_index(tmp_path, 3)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    threading.Event().wait(moment_s)
    process.kill()
    process.communicate()
    store = Store(folders)
    assert store.counts().files == said_of(3)["files"]
    assert store.problems() == []
    assert store.notices == ()
    store.close()
    assert version_of(folders) == len(MIGRATIONS)
    left = {path.name for path in folders.data.glob("index*")}
    assert left <= {"index.db", "index.lock", "index.holder"}  # who held the lock last, until it is taken again
