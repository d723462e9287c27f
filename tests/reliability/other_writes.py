"""What else is written beside the index's daily work, on disks that are full: copies of it, logs, reports, the cache.

Each case makes the write fail for real, at several moments where there are several, and expects one line that names
what could not be written and why, nothing half written that is taken for whole, no litter, and a next try that
succeeds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import numpy as np

from core import diagnostics
from core.config import HOME_VARIABLE
from core.demo import prepare_demo
from core.resources import resource as ours
from core.search import snapshot
from core.search.matrices import Matrices
from core.search.matrix import View
from core.store.connection import connect
from core.store.faults import SUSPECT
from core.store.store import Store
from tests.core.vector_library import SPACE, VectorLibrary
from tests.limits import limited
from tests.reliability import audit
from tests.reliability.disk import Home, files_below, filled, mount, no_room_told, told_of_room
from tests.reliability.kills import make_older

_SHARES = (0.05, 0.3, 0.7, 0.98, 1.0, 1.004)  # of the index: where a limit on the size of files cuts its copy off
_LARGE = 25_000_000
_INODES = 2_000
_SMALL_HOME = 60_000_000


def a_snapshot_of_vectors(base: Path) -> str:
    """Searching goes on from memory; nothing is left of the file, and the next start writes it."""
    home = Home(base, cache_bytes=1_000_000_000)
    library = VectorLibrary(base / "library")
    for _ in range(30):
        library.add(40)
    library.store.close()
    for full in (True, False):
        store = Store(library.folders)
        matrices = Matrices(store, home.folders.vectors, small=0)
        try:
            if full:
                with filled(home.folders.cache):
                    _expect_all(matrices, store)
                assert not home.folders.vectors.exists() or not files_below(home.folders.vectors)
            else:
                _expect_all(matrices, store)
                assert len(files_below(home.folders.vectors)) == 1
        finally:
            matrices.close()
            store.close()
    shutil.rmtree(home.folders.vectors)
    return _cut_snapshots(home, base)


def the_log(base: Path) -> str:
    """A run that is well ends well, and says once that there is no log of it."""
    home = Home(base)
    shutil.rmtree(home.folders.logs)
    home.folders.logs.mkdir()
    mount(home.folders.logs, 1_000_000)
    with filled(home.folders.logs):
        code, err = _findling(home, "index", "--json", home.world.roots[0])
        assert code == 0, err
        assert len(err.splitlines()) == 1, err
        assert "index.log cannot be written: No space left on device" in err
    code, said = _findling(home, "index", "--json", home.world.roots[1])
    assert (code, said) == (0, "")
    assert "root add" in (home.folders.logs / "index.log").read_text("utf-8")
    return err


def the_output(base: Path) -> str:
    """``findling … > FILE`` on a full disk."""
    home = Home(base)
    code, err = home.index()
    assert code == 0, err
    for command in (("status",), ("status", "--json"), ("failures",), ("models", "list")):
        with Path("/dev/full").open("w") as full:
            code, err = _findling(home, *command, out=full)
        assert code == 3, err
        assert err == "findling: the output cannot be written: No space left on device; make room there and try again"
    return err


def a_report(base: Path) -> str:
    disk = base / "disk"
    disk.mkdir(parents=True)
    mount(disk, 1_000_000)
    text = "\n".join(str(number) for number in np.random.default_rng(1).integers(0, 10**9, 5000))
    with filled(disk), no_room_told(disk) as said:
        diagnostics.save(text, disk / "report.zip")
    assert not (disk / "report.zip").exists()
    diagnostics.save(text, disk / "report.zip")
    return said[0]


def the_demo(base: Path) -> str:
    home = Home(base)
    library, source = home.folders.data / "demo" / "library", ours("demo", "library")
    largest = max(path.stat().st_size for path in source.rglob("*") if path.is_file())
    with limited(largest - 1), no_room_told(library) as said:
        prepare_demo(home.folders)
    assert not library.exists()
    assert not library.with_suffix(".partial").exists()
    assert prepare_demo(home.folders).library == library
    names = {path.relative_to(library) for path in library.rglob("*")}
    assert names == {path.relative_to(source) for path in source.rglob("*")}
    return said[0]


def decoded_sound(base: Path) -> str:
    """No room from the middle of a recording on."""
    home = Home(base)
    _write_wave(home.world.roots[0] / "long.wav", seconds=120)  # 7.7 MB as samples
    code, err = home.index(limit_bytes=5_000_000)
    assert code == 3, err
    assert told_of_room(err, home.folders.spool), err
    assert not files_below(home.folders.spool)
    home.expect_intact()
    home.expect_found()
    home.expect_finished()
    return err


def no_inodes_left(base: Path) -> str:
    """A disk with room for bytes and none for files: no watching of free space helps."""
    home = Home(base, cache_bytes=1_000_000_000)
    for _ in range(60):
        home.world.create()
    mount(home.folders.cache, 1_000_000_000, options=f",nr_inodes={len(list(home.folders.cache.rglob('*'))) + 12}")
    code, err = home.index()
    assert code == 3, err
    assert "inodes" in err and str(home.folders.cache) in err, err
    home.expect_intact()
    mount(home.folders.cache, 1_000_000_000, options=",nr_inodes=100000")
    home.expect_finished()

    mount(home.mount, 1_000_000_000, options=f",nr_inodes={_INODES}")
    with no_inode_free(home.mount):
        code, _, said = home.run("compact")
        assert code == 3, said
        assert "inodes" in said and len(said.splitlines()) == 1, said
        home.expect_found()
    assert home.run("compact")[0] == 0
    home.expect_finished()
    return f"{err}; {said}"


def updating_the_schema(base: Path) -> str:
    return _limited(base, "search", "remarkable", before=make_older)


def carrying_over_a_damaged_index(base: Path) -> str:
    return _limited(base, "search", "remarkable", before=_damage)


def compacting(base: Path) -> str:
    return _limited(base, "compact")


def repairing(base: Path) -> str:
    """``findling doctor --repair`` writes the full text anew."""
    home = Home(base)
    home.expect_finished()
    said, refused = "", 0
    for limit_bytes in (0, 33_000, 60_000):
        db = connect(home.folders.index)
        db.execute("INSERT INTO segments_fts(segments_fts) VALUES ('delete-all')")
        db.close()
        with limited(limit_bytes):
            code, err = _findling(home, "doctor", "--repair")
        assert code in (0, 3), err
        if code:
            refused, said = refused + 1, err
            assert len(err.splitlines()) == 1, err
            assert told_of_room(err, home.folders.data), err
        code, err = _findling(home, "doctor", "--repair")
        assert (code, err) == (0, ""), err
        home.expect_intact()
        home.expect_found()
    assert refused >= 2
    return said


def forgetting(base: Path) -> str:
    return _limited(base, "forget")


def forgetting_waits_for_room(base: Path) -> str:
    """The rows go at once; the bytes when there is room, and indexing goes on in between."""
    home = Home(base, size_bytes=_SMALL_HOME)
    home.expect_finished()
    with leaving(home.mount, 14_000_000):  # less than a copy asks for, and more than the margin
        code, _, err = home.run("forget", home.world.roots[0])
        assert code == 3, err
        assert "it is forgotten, but its bytes are still in the index until there is room" in err, err
        (home.world.roots[1] / "later.txt").write_text("an afterthought")
        code, _, later = home.run("index")
        assert code == 0, later
        code, out, _ = home.run("search", "afterthought")
        assert "later.txt" in out
        assert _is_due(home.folders.index)
    code, _, later = home.run("index")
    assert code == 0, later
    assert not _is_due(home.folders.index)
    assert b"remarkable" not in _all_bytes(home.folders.data)
    home.expect_intact()
    return err


CASES: tuple[Callable[[Path], str], ...] = (
    a_snapshot_of_vectors, the_log, the_output, a_report, the_demo, decoded_sound, no_inodes_left, updating_the_schema,
    carrying_over_a_damaged_index, compacting, repairing, forgetting, forgetting_waits_for_room,
)  # fmt: skip


@contextmanager
def leaving(folder: Path, free_bytes: int) -> Iterator[None]:
    """So much is free on the folder's disk, meanwhile."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(folder).free - free_bytes)
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def no_inode_free(folder: Path) -> Iterator[None]:
    """Not one more file can be made on the folder's disk, meanwhile."""
    many = folder / "many"
    many.mkdir()
    try:
        with suppress(OSError):
            for number in range(_INODES):
                (many / str(number)).touch()
        yield
    finally:
        shutil.rmtree(many)


def _limited(base: Path, command: str, *arguments: str, before: Callable[[Path], None] | None = None) -> str:
    """A command under limits that cut its copies of the index off at several places; then without."""
    home = Home(base)
    home.expect_finished()
    for _ in range(12):
        home.world.step()
    home.expect_finished()
    data, cache = base / "data", base / "cache"
    shutil.copytree(home.folders.data, data)
    shutil.copytree(home.folders.cache, cache)
    size_bytes = home.folders.index.stat().st_size
    given = arguments or (() if command == "compact" else (os.fspath(home.world.roots[0]),))
    said, refused = "", 0
    for limit_bytes in (0, 4096, 33_000, *(int(share * size_bytes) for share in _SHARES)):
        for folder, saved in ((home.folders.data, data), (home.folders.cache, cache)):
            shutil.rmtree(folder)
            shutil.copytree(saved, folder)
        if before is not None:
            before(home.folders.index)
        untouched = None if before is None else home.folders.index.read_bytes()
        code, _, err = home.run(command, *given, limit_bytes=limit_bytes)
        assert code in (0, 3), err
        if code:
            refused += 1
            said = err
            assert len(err.splitlines()) == 1, err
            assert told_of_room(err, home.folders.data), (limit_bytes, err)
            assert untouched is None or home.folders.index.read_bytes() == untouched
            assert not [name for name in audit.litter(home.folders) if "damaged" not in name], limit_bytes
        code, _, err = home.run(command, *given)
        assert (code, len(err.splitlines())) <= (0, 1), err
        home.expect_intact()
        assert not [name for name in audit.litter(home.folders) if "damaged" not in name], limit_bytes
        if command == "forget":
            assert b"remarkable" not in _all_bytes(home.folders.data), limit_bytes
        elif before is not _damage:
            home.expect_found()
    for aside in home.folders.data.glob("*.damaged-*"):
        aside.unlink()
    home.expect_finished()
    assert refused >= 3, refused
    return f"refused at {refused} of {3 + len(_SHARES)} limits: {said}"


def _is_due(index: Path) -> bool:
    db = connect(index)
    try:
        return bool(db.execute("SELECT count(*) FROM meta WHERE key = 'traces_due'").get)
    finally:
        db.close()


def _damage(index: Path) -> None:
    """Pages of zeros in the middle, and the mark that damage was met."""
    data = bytearray(index.read_bytes())
    data[20_480:61_440] = bytes(40_960)
    index.write_bytes(data)
    index.with_name(index.name + SUSPECT).touch()


def _cut_snapshots(home: Home, base: Path) -> str:
    """Limits that end the file at its header, its rows, its bits and its columns."""
    store = Store(VectorLibrary(base / "cut").folders)
    try:
        space_id = store.vectors.find_space(SPACE)
        assert space_id is not None
        identity = snapshot.Identity(store.vectors.index_id(), space_id, SPACE)
        chunk = _chunk(5000)
        whole = snapshot.size_bytes(5000, SPACE.dim)
        for share in (0.0, 0.01, 0.5, 0.8, 0.999):
            try:
                with limited(int(share * whole)):
                    snapshot.write(home.folders.vectors, identity, store.vectors.mark(), [chunk])
            except OSError:
                assert not files_below(home.folders.vectors), share
            else:
                raise AssertionError(f"a snapshot was written whole under a limit of {share:.1%} of it")
        path = snapshot.write(home.folders.vectors, identity, store.vectors.mark(), [chunk])
        assert path.stat().st_size == whole
        snapshot.read(path, identity)
    finally:
        store.close()
    return "searched from memory; cut at five places, and nothing was left"


def _chunk(count: int) -> snapshot.Chunk:
    rows = np.random.default_rng(2).standard_normal((count, SPACE.dim)).astype(np.float16)
    numbers = np.arange(count, dtype=np.int64)
    return snapshot.Chunk(rows, (numbers, numbers, numbers, np.zeros(count, np.bool_)))


def _expect_all(matrices: Matrices, store: Store) -> None:
    """All vectors are held in memory, and are those of the index."""
    space_id = store.vectors.find_space(SPACE)
    assert space_id is not None
    matrices.prepare()
    assert matrices.settle(60.0)
    with store.database.read():
        view = matrices.source(space_id)
    assert isinstance(view, View)
    assert view.count() == store.vectors.count_in(space_id)


def _findling(home: Home, *arguments: str | Path, out: IO[str] | int = subprocess.DEVNULL) -> tuple[int, str]:
    """The command line itself; its exit code and error stream."""
    environment = {**os.environ, HOME_VARIABLE: os.fspath(home.mount)}
    command = [sys.executable, "-m", "core.cli", *map(os.fspath, arguments)]
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, text=True, check=False
    )
    return done.returncode, done.stderr.strip()


def _write_wave(path: Path, seconds: int) -> None:
    with wave.open(os.fspath(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000) * 8000
        for _ in range(seconds):
            file.writeframes(tone.astype("<i2").tobytes())


def _all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
