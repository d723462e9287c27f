"""The doctor: each kind of fault is found, named and cured, and the index then answers as before."""

from __future__ import annotations

import bisect
import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import private
from core.config import Settings
from core.doctor import Doctor
from core.engine import Engine
from core.errors import IndexBusyError, IndexDamagedError
from core.extract.sandbox import Sandbox
from core.store import repair
from core.store.store import Store
from core.writer import WriterLock
from tests.fakes import FakeEncoders, FakeSpeech
from tests.library import SENTENCES, Library


def doctor_of(library: Library) -> Doctor:
    return Doctor(library.store, Settings(library.folders))


def wrong(library: Library) -> dict[str, str]:
    return {check.name: check.detail for check in doctor_of(library).examine() if not check.ok}


def answers(library: Library) -> tuple[list[str], list[str], str, int]:
    return library.worded("boat"), library.worded("milk"), library.nearest_photo("blue"), library.named("list")


@pytest.fixture
def filled(library: Library) -> Library:
    library.some_of_everything()
    library.run()
    return library


def test_a_sound_index_has_no_faults(filled: Library) -> None:
    assert wrong(filled) == {}
    assert doctor_of(filled).repair() == []


def test_each_fault_of_rows_is_found_and_cured(filled: Library) -> None:
    before = answers(filled)
    db = filled.store.database.connection
    db.pragma("foreign_keys", False)
    db.execute("INSERT INTO names_fts (rowid, name, about) VALUES (999, 'nobody', '')")
    db.execute("DELETE FROM names_fts WHERE rowid = (SELECT min(id) FROM files)")
    db.execute("INSERT INTO vectors VALUES (NULL, 77, 77, 77, x'00000000', 1)")
    db.execute("DELETE FROM jobs")
    file_id = filled.file_id(filled.folder / "letter.txt")
    db.execute("UPDATE files SET content_id = NULL WHERE id = ?", (file_id,))
    db.pragma("foreign_keys", True)
    assert set(wrong(filled)) == {"index", "full text", "vectors", "queue"}
    done = doctor_of(filled).repair()
    assert any("full text" in line for line in done)
    assert any("queued 1 file that" in line for line in done)
    assert wrong(filled) == {}
    filled.run()
    assert answers(filled) == before


def test_words_that_are_not_those_of_the_texts_are_found_and_cured(filled: Library) -> None:
    db = filled.store.database.connection
    db.execute("UPDATE segments SET text = 'a completely different text' WHERE text LIKE '%boat sails%'")
    assert set(wrong(filled)) == {"full text"}
    assert doctor_of(filled).repair() == ["rebuilt the full text"]
    assert filled.worded("completely") == ["letter.txt"]
    assert wrong(filled) == {}


def test_a_text_that_is_none_any_more_ends_no_search_and_is_found_and_cured(filled: Library) -> None:
    before = answers(filled)
    db = filled.store.database.connection
    db.execute("UPDATE segments SET text = CAST(X'626F6174C5' AS TEXT) WHERE text LIKE '%boat sails%'")
    damaged: int = db.execute("SELECT id FROM segments WHERE length(CAST(text AS BLOB)) = 5").get
    assert filled.store.segments.rows([damaged])[damaged].text == "boat\ufffd"  # a search that shows it goes on
    assert set(wrong(filled)) == {"full text"}
    done = doctor_of(filled).repair()
    assert done == ["removed 1 damaged text, which the next indexing reads again", "rebuilt the full text"]
    assert wrong(filled) == {}
    filled.run()
    assert answers(filled) == before


def test_thumbnails(filled: Library) -> None:
    found = sorted(filled.folders.thumbnails.rglob("*.jpg"))
    stray = filled.folders.thumbnails / "ab" / f"{'ab' * 32}-256.jpg"
    private.make_folder(stray.parent)
    private.write_file(stray, b"\xff\xd8\xff\xd9")
    os.utime(stray, (0, 0))
    found[0].unlink()
    assert wrong(filled) == {"thumbnails": "1 are missing, 1 belong to nothing"}
    done = doctor_of(filled).repair()
    assert done == ["removed 1 thumbnails that belonged to nothing; queued 1 files whose thumbnails are missing"]
    filled.forget_counts()
    filled.run()
    assert filled.costs == (1, 0, 0)  # read again, and nothing encoded
    assert found[0].exists()
    assert not stray.exists()
    assert wrong(filled) == {}


def test_modes(filled: Library) -> None:
    if os.name != "posix":
        pytest.skip("modes are POSIX's")
    loose = next(filled.folders.thumbnails.rglob("*.jpg"))
    loose.chmod(0o644)
    filled.folders.thumbnails.chmod(0o755)
    assert "2 files and folders can be read by others" in wrong(filled)["privacy"]
    assert doctor_of(filled).repair() == ["took the rights of others from 2 files and folders"]
    assert stat.S_IMODE(loose.stat().st_mode) == 0o600


def damage_first_page(library: Library, of: str) -> None:
    """Overwrite the page with which a table or an index of the database begins."""
    library.store.close()
    connection = apsw.Connection(str(library.folders.index))
    root: int = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (of,)).get
    connection.close()
    data = bytearray(library.folders.index.read_bytes())
    data[(root - 1) * 4096 : root * 4096] = b"\xee" * 4096
    library.folders.index.write_bytes(data)


@pytest.mark.parametrize("table", ["roots", "files", "contents", "segments", "vectors", "jobs", "tombstones"])
def test_a_table_that_cannot_be_read_is_told_and_set_aside(filled: Library, table: str) -> None:
    damage_first_page(filled, table)
    assert set(wrong(filled)) == {"index"}
    (line, *_) = doctor_of(filled).repair()
    assert "it is kept as index.damaged-" in line
    assert wrong(filled) == {}


def test_damaged_pages_are_set_aside_by_the_repair(filled: Library) -> None:
    before = answers(filled)
    damage_first_page(filled, "files_day")
    assert set(wrong(filled)) == {"index"}
    (line,) = doctor_of(filled).repair()
    assert "carried over: 5 files" in line
    assert wrong(filled) == {}
    filled.run()
    assert answers(filled) == before


def test_the_repair_needs_the_writers_lock(filled: Library) -> None:
    engine = Engine.open(
        Settings(filled.folders), encoders=FakeEncoders(), speech=FakeSpeech(SENTENCES), reader=filled.reader
    )
    with WriterLock(filled.folders, "watch"):
        with pytest.raises(IndexBusyError, match="findling watch"):
            engine.care.repair()
        assert all(check.ok for check in engine.doctor())  # looking goes on beside it
    repaired, checks = engine.care.repair()
    assert repaired == []
    assert all(check.ok for check in checks)
    engine.close()


def test_damage_that_is_met_while_caring_for_the_index_is_told_plainly(filled: Library) -> None:
    engine = Engine.open(
        Settings(filled.folders), encoders=FakeEncoders(), speech=FakeSpeech(SENTENCES), reader=filled.reader
    )
    try:
        engine.close()
        damage_first_page(filled, "roots")
        with pytest.raises(IndexDamagedError, match="start Findling again"):
            engine.care.remembered(filled.folder)
        with pytest.raises(IndexDamagedError, match="start Findling again"):
            engine.excludes().patterns(filled.folder)
    finally:
        engine.close()


@dataclass(frozen=True)
class Vectors:
    """A library of every kind of vector, its index's bytes, and where in them each byte of each vector lies."""

    library: Library
    sound: bytes
    places: list[list[int]]


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Vectors:
    base = tmp_path_factory.mktemp("vectors")
    library = Library(base, sandbox)
    library.some_of_everything()
    library.text("long.txt", " ".join(f"word{number}" for number in range(900)))
    library.run()
    library.store.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    library.store.close()
    sound = library.folders.index.read_bytes()
    return Vectors(library, sound, places_of_vectors(sound, base / "scratch.db"))


def places_of_vectors(sound: bytes, scratch: Path) -> list[list[int]]:
    """Found by writing what is nowhere else over each vector of a copy, in its place."""
    scratch.write_bytes(sound)
    connection = apsw.Connection(str(scratch))
    written = []
    for row_id, length in connection.execute("SELECT id, length(vector) FROM vectors").fetchall():
        written.append(os.urandom(length))
        blob = connection.blob_open("main", "vectors", "vector", row_id, True)
        blob.write(written[-1])
        blob.close()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = scratch.read_bytes()
    return [[at for piece in pieces_of(random, data) for at in piece] for random in written]


def pieces_of(blob: bytes, data: bytes) -> list[range]:
    """The stretches of a file that a blob lies in: a page's end cuts a long one."""
    pieces, at = [], 0
    while at < len(blob):
        length = bisect.bisect_left(range(1, len(blob) - at + 1), True, key=lambda n: data.find(blob[at : at + n]) < 0)
        found = data.find(blob[at : at + length])
        pieces.append(range(found, found + length))
        at += length
    return pieces


@settings(max_examples=8, deadline=None, derandomize=True)
@given(which=st.integers(0, 10_000), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit_in_any_vector_is_found_and_cured(vectors: Vectors, which: int, where: float, bit: int) -> None:
    library, sound, places = vectors.library, vectors.sound, vectors.places[which % len(vectors.places)]
    for ending in ("-wal", "-shm"):
        library.folders.index.with_name("index.db" + ending).unlink(missing_ok=True)
    library.folders.index.write_bytes(sound)
    before = answers(library), library.store.vectors.count()
    library.store.close()
    data = bytearray(sound)
    data[places[int(where * len(places))]] ^= 1 << bit
    library.folders.index.write_bytes(data)
    assert len(repair.damaged_vectors(library.store)) == 1
    assert set(wrong(library)) == {"vectors"}
    assert doctor_of(library).repair() == ["removed 1 damaged vector, which the next indexing makes again"]
    assert repair.damaged_vectors(library.store) == []
    library.run()
    assert (answers(library), library.store.vectors.count()) == before
    library.store.close()


def test_looking_goes_on_beside_a_writer(filled: Library) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            filled.store.notes.put("number", str(number := number + 1))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert wrong(filled) == {}
    finally:
        stop.set()
        thread.join()


def test_nobody_else_can_read_what_is_kept(tmp_path: Path, sandbox: Sandbox) -> None:
    if os.name != "posix":
        pytest.skip("modes are POSIX's")
    before = os.umask(0)
    try:
        library = Library(tmp_path, sandbox)
        library.some_of_everything()
        library.run()
        home = library.folders.data.parent
        modes = {
            path: stat.S_IMODE(path.stat().st_mode)
            for folder in (library.folders.data, library.folders.cache, library.folders.logs, library.folders.config)
            for path in (folder, *folder.rglob("*"))
        }
        assert {path.name for path in modes} >= {"index.db", "index.db-wal", "index.db-shm", "thumbnails"}
        loose = {str(path.relative_to(home)): oct(mode) for path, mode in modes.items() if mode & 0o077}
        assert loose == {}
        library.close()
        library.folders.index.chmod(0o644)
        library.folders.data.chmod(0o755)
        Store(library.folders).close()  # what an older version made is tightened when it is opened
        assert stat.S_IMODE(library.folders.index.stat().st_mode) == 0o600
        assert stat.S_IMODE(library.folders.data.stat().st_mode) == 0o700
    finally:
        os.umask(before)
