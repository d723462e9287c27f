"""A damaged index: set aside, never deleted, and nothing lost of what could be read."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.config import Folders, folders_under
from core.errors import IndexDamagedError
from core.store import repair
from core.store.files import FoundFile
from core.store.jobs import ModelState
from core.store.repair import damaged_vectors
from core.store.store import Store
from core.store.vectors import NewVector
from core.types import EmbeddingSpace, Extraction, FileStamp, Kind, Locator, Metadata, Passage, SegmentKind, Stage

SPACE = EmbeddingSpace("model", "w1", 96, "1")
FILES = 60
NO_MODELS = ModelState()
PAGE = 4096
TABLES = ("roots", "contents", "files", "segments", "spaces", "vectors")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """A sound index: two roots, texts of several lengths, vectors, a file that failed, a part of it in the log."""
    folders = folders_under(tmp_path_factory.mktemp("whole"))
    folders.create()
    store = Store(folders)
    roots = [store.roots.add(b"/a"), store.roots.add(b"/b \xff")]
    chance = np.random.default_rng(1)
    space_id = store.vectors.space_id(SPACE)
    for number in range(FILES):
        root = roots[number % 2]
        path = (b"/a/%d.txt" if number % 2 == 0 else b"/b \xff/%d.txt") % number
        store.files.add(root, [FoundFile(path, Kind.DOCUMENT, FileStamp(1, number, number, number + 1))])
        known = store.files.by_path(path)
        assert known is not None
        passages = [Passage(f"word{number} " * (40 if number % 7 else 900), Locator(page=page)) for page in range(3)]
        extraction = Extraction(
            Kind.DOCUMENT, "text/plain", metadata=Metadata(title=f"title {number}"), passages=passages
        )
        digest = number.to_bytes(32, "big")
        content_id = store.commit_content(
            known.id, digest, extraction, extractor_version=1, look_alike=None, models=NO_MODELS
        )
        segments = store.segments.of_content(content_id, [SegmentKind.PASSAGE])
        vectors = [NewVector(row.id, content_id, chance.normal(size=96).astype(np.float32)) for row in segments]
        store.commit_vectors(known.id, Stage.TEXT, space_id, vectors)
        if number == FILES - 5:
            store.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = folders_under(tmp_path_factory.mktemp("copy"))
    copy.create()
    for ending in ("", "-wal"):  # while it is open, so that the last files are in the log alone
        shutil.copy(folders.index.with_name("index.db" + ending), copy.data)
    store.close()
    return copy


def rows_of(path: Path, table: str) -> set[tuple[Any, ...]]:
    """What SQLite reads of a table before it gives up."""
    found: set[tuple[Any, ...]] = set()
    try:
        connection = apsw.Connection(str(path))
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        columns = [name for _, name, type_, *_ in connection.execute(f"PRAGMA table_info({table})")]
        for row in connection.execute(f"SELECT {', '.join(columns)} FROM {table}"):
            found.add(row)
    except (apsw.Error, UnicodeDecodeError):
        pass  # the rows before it are what was asked for
    return found


def everything(path: Path) -> dict[str, set[tuple[Any, ...]]]:
    return {table: rows_of(path, table) for table in TABLES}


def damaged_copy(whole: Folders, base: Path) -> Folders:
    shutil.rmtree(base, ignore_errors=True)
    folders = folders_under(base)
    folders.create()
    for ending in ("", "-wal"):
        shutil.copy(whole.index.with_name("index.db" + ending), folders.data)
    return folders


def ids(rows: set[tuple[Any, ...]]) -> set[int]:
    return {row[0] for row in rows}


def expect_kept(
    before: dict[str, set[tuple[Any, ...]]], readable: dict[str, set[tuple[Any, ...]]], store: Store
) -> None:
    """Every row that could be read, and was what had been stored, is there, unless what it belongs to is gone."""
    path = store.database.path
    kept = {table: readable[table] & before[table] for table in TABLES}
    now = {table: ids(rows_of(path, table)) for table in TABLES}
    for table in ("roots", "contents", "files", "spaces"):
        assert ids(kept[table]) <= now[table], table
    contents = ids(kept["contents"])
    segments = {row[0] for row in kept["segments"] if row[1] in contents}
    assert segments <= now["segments"]
    spaces = ids(kept["spaces"])
    assert {row[0] for row in kept["vectors"] if row[2] in segments and row[1] in spaces} <= now["vectors"]
    assert repair.structure_faults(store) == []
    if store.notices:  # else the damage is inside of values, which is the doctor's to find
        assert store.problems() == []
        assert damaged_vectors(store) == []
        assert list(path.parent.glob("index.damaged-*"))


damage = st.one_of(
    st.tuples(st.just("pages"), st.integers(1, 12), st.integers(0, 2**32)),
    st.tuples(st.just("bytes"), st.integers(1, 200), st.integers(0, 2**32)),
    st.tuples(st.just("zeros"), st.integers(1, 30), st.integers(0, 2**32)),
    st.tuples(st.just("cut"), st.integers(0, 1000), st.integers(0, 2**32)),
    st.tuples(st.just("header"), st.integers(1, PAGE), st.integers(0, 2**32)),
    st.tuples(st.just("log"), st.integers(1, 20), st.integers(0, 2**32)),
)


def do_damage(folders: Folders, kind: str, amount: int, seed: int) -> None:
    chance = random.Random(seed)
    path = folders.index if kind != "log" else folders.index.with_name("index.db-wal")
    data = bytearray(path.read_bytes())
    if kind == "cut":
        data = data[: len(data) * amount // 1000]
    elif kind == "header":
        data[:amount] = chance.randbytes(amount)
    elif kind in ("pages", "zeros", "log"):
        for _ in range(amount):
            at = chance.randrange(len(data) // PAGE) * PAGE
            data[at : at + PAGE] = bytes(PAGE) if kind == "zeros" else chance.randbytes(PAGE)
    else:
        for _ in range(amount):
            data[chance.randrange(len(data))] = chance.randrange(256)
    path.write_bytes(data)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(what=damage)
@example(what=("bytes", 1, 0))  # a byte of a text, which is no UTF-8 any more
@example(what=("bytes", 69, 423323))  # a byte of the schema: a column is called by another name
def test_whatever_is_damaged_nothing_that_could_be_read_is_lost(
    whole: Folders, tmp_path: Path, what: tuple[str, int, int]
) -> None:
    reference = damaged_copy(whole, tmp_path / "reference")
    before = everything(reference.index)
    folders = damaged_copy(whole, tmp_path / "damaged")
    do_damage(folders, *what)
    shutil.copytree(folders.data, tmp_path / "looked at", dirs_exist_ok=True)
    readable = everything(tmp_path / "looked at" / "index.db")
    shutil.rmtree(tmp_path / "looked at")
    (folders.index.with_name("index.db.suspect")).touch()  # as it is after damage was met in use
    store = Store(folders)
    expect_kept(before, readable, store)
    store.close()


@pytest.mark.parametrize(
    "rubbish", [b"x", b"not an index at all " * 4000, bytes(100_000), b"SQLite format 3\0" + bytes(5000)]
)
def test_rubbish_is_set_aside_and_a_new_index_is_begun(tmp_path: Path, rubbish: bytes) -> None:
    folders = folders_under(tmp_path)
    folders.create()
    folders.index.write_bytes(rubbish)
    store = Store(folders)
    assert store.counts().files == 0
    (line,) = store.notices
    (aside,) = folders.data.glob("index.damaged-*")
    assert aside.name in line
    assert "have to be added again" in line  # nothing that indexing could bring back by itself
    assert aside.read_bytes() == rubbish
    store.roots.add(b"/a")
    store.close()
    store = Store(folders)
    assert store.notices == ()
    assert [root.path for root in store.roots.all()] == [b"/a"]
    store.close()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs there")
def test_what_is_no_file_is_left_alone(tmp_path: Path, make: Callable[[Path], None]) -> None:
    folders = folders_under(tmp_path)
    folders.create()
    make(folders.index)
    with pytest.raises(IndexDamagedError, match="where the index should be"):
        Store(folders)
    assert not folders.index.is_file()


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="takes a capability away")
def test_an_index_that_may_not_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    folders = folders_under(tmp_path)
    folders.create()
    Store(folders).close()
    folders.index.chmod(0)
    command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", sys.executable, "-P", "-m", "core.cli"]
    environment = {**os.environ, "FINDLING_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([*command, "status"], env=environment, capture_output=True, text=True, check=False)
    if "setpriv" in done.stderr:
        pytest.skip("setpriv cannot do that here")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "no permission to read the index" in done.stderr


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    folders = folders_under(tmp_path)
    folders.create()
    connection = apsw.Connection(str(folders.index))
    connection.execute("CREATE TABLE bookmarks (url)")
    connection.close()
    before = folders.index.read_bytes()
    with pytest.raises(IndexDamagedError, match="not a Findling index"):
        Store(folders)
    assert folders.index.read_bytes() == before


def test_damage_that_is_met_in_use_is_seen_to_at_the_next_start(whole: Folders, tmp_path: Path) -> None:
    folders = damaged_copy(whole, tmp_path)
    store = Store(folders)
    store.close()
    data = bytearray(folders.index.read_bytes())
    connection = apsw.Connection(str(folders.index))
    root: int = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'vectors'").get
    connection.close()
    data[(root - 1) * PAGE : root * PAGE] = b"\x99" * PAGE
    folders.index.write_bytes(data)
    store = Store(folders)  # nothing tells it yet
    assert store.notices == ()
    with pytest.raises(IndexDamagedError, match="start Findling again"), store.database.read():
        damaged_vectors(store)
    store.close()
    store = Store(folders)
    assert "carried over: 60 files, 180 vectors" in store.notices[0]
    assert store.problems() == []
    store.close()


@pytest.mark.parametrize("gone", [(), ("-wal",), ("-wal", "")])
def test_a_kill_while_it_is_set_aside_loses_nothing(whole: Folders, tmp_path: Path, gone: tuple[str, ...]) -> None:
    """The new index is whole, and of the three renames that follow some were done."""
    made = damaged_copy(whole, tmp_path / "made")
    Store(made).close()
    folders = damaged_copy(whole, tmp_path / "killed")
    shutil.copy(made.index, folders.data / "index.db.salvaged")
    (folders.data / "index.db.salvaging").write_bytes(b"half")
    for ending in gone:
        folders.index.with_name("index.db" + ending).rename(folders.data / f"index.damaged-2020-01-01{ending}")
    store = Store(folders)
    assert store.counts().files == FILES
    assert store.problems() == []
    store.close()
    left = {path.name for path in folders.data.iterdir()}
    assert not {name for name in left if "salvag" in name}
    assert any(name.startswith("index.damaged-") for name in left)
