"""The index against the disk, whatever happens to the files and wherever the program ends.

Hypothesis makes up what people and programs do to two watched folders, and lets the program look, index, lose its
folders and die in between. After each run that was not cut off, the index must be what is on the disk, to the hash.
"""

# Paths are bytes here, which pathlib does not take.
# ruff: noqa: PTH101, PTH103, PTH104, PTH105, PTH108, PTH112, PTH113, PTH114, PTH116, PTH118, PTH120, PTH123, PTH211
from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from core.cancel import CancelToken
from core.config import folders_under
from core.errors import SkippedError, UnreadableError
from core.index.indexer import Indexer
from core.store.repair import damaged_vectors
from core.store.store import Store
from core.types import Extraction, IndexReport, Kind, Locator, Passage
from core.watch.scan import look_at
from core.watch.settle import Settled
from tests.fakes import FakeEncoders, FakeSpeech
from tests.library import expect_sound
from tests.matching import files_named, segments_with
from tests.permissions import bound_by_permissions

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, permissions and names of POSIX")

ROOTS = ("A", "B")
FOLDERS = ("", "sub", "sub/deep", "other")
NAMES = (b"boat.txt", b"Boat.txt", b"caf\xc3\xa9.txt", b"cafe\xcc\x81.txt", b"\xff\n.txt")
WORDS = tuple(f"word{number}" for number in range(6))
START_NS = 1_700_000_000_000_000_000

places = st.tuples(st.sampled_from(ROOTS), st.sampled_from(FOLDERS), st.sampled_from(NAMES))
folders = st.tuples(st.sampled_from(ROOTS), st.sampled_from(FOLDERS[1:]))
texts = st.sampled_from(WORDS)
picks = st.integers(0, 99)  # of what is there, so that most rules find something to do


class Crash(BaseException):
    """The program ends here."""


class TextReader:
    """A reader at the sandbox's seam: a file is one passage."""

    parallel = 1

    def __init__(self) -> None:
        self.read: list[bytes] = []

    def extract(self, path: bytes, cancel: CancelToken | None = None) -> Extraction:
        try:
            text = Path(os.fsdecode(path)).read_text("ascii")
        except OSError as error:
            raise UnreadableError("no permission to read it", path=path) from error
        if not text:
            raise SkippedError("empty file", path=path)
        self.read.append(path)
        return Extraction(Kind.DOCUMENT, "text/plain", passages=(Passage(text, Locator(offset=0)),))

    def decode_audio(self, path: bytes, pcm: Path, cancel: CancelToken | None = None) -> float:
        raise UnreadableError("there is no sound in it", path=path)

    def close(self) -> None:
        """Nothing is held."""


class Program:
    """The parts of the program over one home, which can be ended without a farewell."""

    def __init__(self, base: Path) -> None:
        self.folders = folders_under(base / "home")
        self.folders.create()
        self.store = Store(self.folders)
        self.reader = TextReader()
        self.encoders = FakeEncoders()
        self.indexer = Indexer(self.store, self.reader, self.encoders, FakeSpeech(), self.folders)

    def run(self) -> IndexReport:
        with bound_by_permissions():
            return self.indexer.run()

    def look(self, paths: set[bytes]) -> None:
        with bound_by_permissions():
            look_at(self.store, Settled(frozenset(paths)))

    def crash_at(self, commit: int, before: bool) -> None:
        """End at the next commit of this number, from 0: before it or right after it."""
        write = self.store.database.write
        left = [commit]

        @contextmanager
        def ending() -> Iterator[Any]:
            if left[0] < 0:
                raise Crash  # nothing is written any more, not even on the way out
            with write() as db:
                outermost = depth[0] == 0
                depth[0] += 1
                try:
                    yield db
                finally:
                    depth[0] -= 1
                if outermost:
                    left[0] -= 1
                    if left[0] < 0 and before:
                        raise Crash
            if left[0] < 0:
                raise Crash

        depth = [0]
        self.store.database.write = ending  # type: ignore[method-assign]

    def end(self) -> None:
        self.store.close()


class Machine(RuleBasedStateMachine):
    """Rules are what happens; ``check`` is what must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp(prefix="disk-model-"))
        self.outside = self.base / "outside"
        for name in (*ROOTS, "outside"):
            (self.base / name).mkdir()
        self.program = Program(self.base)
        for name in ROOTS:
            self.program.store.roots.add(os.fsencode(self.base / name))
        self.away: dict[str, set[tuple[bytes, bytes | None]]] = {}
        self.closed: set[bytes] = set()  # folders
        self.touched: set[bytes] = set()
        self.now_ns = START_NS

    def teardown(self) -> None:
        self.program.end()
        for path in self.closed:
            with suppress(OSError):
                os.chmod(path, 0o755)
        shutil.rmtree(self.base)

    @initialize(first=st.lists(st.tuples(places, texts), min_size=4, max_size=10))
    def fill(self, first: list[tuple[tuple[str, str, bytes], str]]) -> None:
        for place, text in first:
            self.write(place, text)

    # What people and programs do

    @rule(place=places, text=texts)
    def write(self, place: tuple[str, str, bytes], text: str) -> None:
        """Create or overwrite."""
        path = self._path(place)
        if path is not None and (not os.path.lexists(path) or os.path.isfile(path)):
            self._put(path, text.encode())

    @rule(pick=picks, text=texts)
    def append(self, pick: int, text: str) -> None:
        path = self._picked(pick)
        if path is not None:
            with open(path, "ab") as file:
                file.write(b" " + text.encode())
            self._touch(path)

    @rule(pick=picks, size=st.integers(0, 5))
    def truncate(self, pick: int, size: int) -> None:
        path = self._picked(pick)
        if path is not None:
            os.truncate(path, size)
            self._touch(path)

    @rule(pick=picks, goal=places)
    def rename(self, pick: int, goal: tuple[str, str, bytes]) -> None:
        """Also between the roots, and over another file."""
        path, new = self._picked(pick), self._path(goal)
        if path is not None and new is not None and not os.path.isdir(new):
            os.rename(path, new)
            self.touched |= {path, new}

    @rule(pick=picks)
    def change_case(self, pick: int) -> None:
        path = self._picked(pick)
        if path is not None:
            folder, name = os.path.split(path)
            new = os.path.join(folder, name.swapcase())
            if not os.path.lexists(new):
                os.rename(path, new)
                self.touched |= {path, new}

    @rule(pick=picks, other_pick=picks)
    def swap(self, pick: int, other_pick: int) -> None:
        path, other = self._picked(pick), self._picked(other_pick)
        if path is not None and other is not None and path != other:
            between = os.fsencode(self.outside / "between")
            os.rename(path, between)
            os.rename(other, path)
            os.rename(between, other)
            self.touched |= {path, other}

    @rule(pick=picks, text=texts)
    def replace(self, pick: int, text: str) -> None:
        """As editors save: another file takes the place."""
        path = self._picked(pick)
        if path is not None:
            new = path + b".part"
            self._put(new, text.encode())
            os.replace(new, path)
            self.touched.add(path)

    @rule(pick=picks)
    def delete(self, pick: int) -> None:
        path = self._picked(pick)
        if path is not None:
            os.unlink(path)
            self.touched.add(path)

    @rule(pick=picks)
    def recreate(self, pick: int) -> None:
        """Deleted and made again with the same bytes, as a restore does."""
        path = self._picked(pick)
        if path is not None:
            data, status = Path(os.fsdecode(path)).read_bytes(), os.stat(path)
            os.unlink(path)
            Path(os.fsdecode(path)).write_bytes(data)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
            self.touched.add(path)

    @rule(pick=picks)
    def take_out_and_back(self, pick: int) -> None:
        """Out of the roots, with a look in between, and back."""
        path = self._picked(pick)
        if path is not None:
            kept = os.fsencode(self.outside / "kept")
            os.rename(path, kept)
            self.program.look({path})
            os.rename(kept, path)
            self.touched.add(path)

    @rule(pick=picks, goal=places)
    def link(self, pick: int, goal: tuple[str, str, bytes]) -> None:
        """A second name for the same file."""
        path, new = self._picked(pick), self._path(goal)
        if path is not None and new is not None and not os.path.lexists(new):
            os.link(path, new)
            self.touched |= {path, new}

    @rule(place=places, goal=places)
    def point_at(self, place: tuple[str, str, bytes], goal: tuple[str, str, bytes]) -> None:
        """A symbolic link in a file's place; what it leads to may be there or not."""
        path = self._path(place)
        if path is not None and not os.path.isdir(path):
            with suppress(FileNotFoundError):
                os.unlink(path)
            os.symlink(os.path.join(os.fsencode(self.base), os.fsencode(goal[0]), goal[2]), path)
            self.touched.add(path)

    @rule(folder=folders)
    def loop(self, folder: tuple[str, str]) -> None:
        """A link to the folder that it is in."""
        path = self._folder(folder)
        if path is not None:
            with suppress(FileExistsError):
                os.symlink(path, os.path.join(path, b"loop"))

    @rule(place=places)
    def put_a_pipe(self, place: tuple[str, str, bytes]) -> None:
        path = self._path(place)
        if path is not None and not os.path.isdir(path):
            with suppress(FileNotFoundError):
                os.unlink(path)
            os.mkfifo(path)
            self.touched.add(path)

    @rule(pick=picks, text=texts)
    def set_back(self, pick: int, text: str) -> None:
        """Other bytes under an old time stamp."""
        path = self._picked(pick)
        if path is not None:
            mtime_ns = os.stat(path).st_mtime_ns
            self._put(path, text.encode())
            os.utime(path, ns=(mtime_ns, mtime_ns))

    @rule(folder=folders, goal=folders)
    def move_folder(self, folder: tuple[str, str], goal: tuple[str, str]) -> None:
        path, new = self._folder(folder), self._folder_path(goal)
        if path is None or new is None or os.path.lexists(new) or new.startswith(path + b"/"):
            return
        os.makedirs(os.path.dirname(new), exist_ok=True)
        self.closed = {
            new + one[len(path) :] if one == path or one.startswith(path + b"/") else one for one in self.closed
        }
        os.rename(path, new)
        self.touched |= {path, new}

    @rule(folder=folders)
    def delete_folder(self, folder: tuple[str, str]) -> None:
        path = self._folder(folder)
        if path is not None:
            shutil.rmtree(path)
            self.closed = {one for one in self.closed if not (one == path or one.startswith(path + b"/"))}
            self.touched.add(path)

    @rule(pick=picks)
    def close_file(self, pick: int) -> None:
        path = self._picked(pick)
        if path is not None:
            os.chmod(path, 0)
            self.touched.add(path)

    @rule(folder=folders)
    def close_folder(self, folder: tuple[str, str]) -> None:
        path = self._folder(folder)
        if path is not None:
            os.chmod(path, 0)
            self.closed.add(path)
            self.touched.add(path)

    @rule()
    def open_all(self) -> None:
        if self.away:
            return
        for path in self.closed:
            os.chmod(path, 0o755)
        self.closed.clear()
        for root in ROOTS:
            for path in self._files(root):
                if _is_closed(path):
                    os.chmod(path, 0o644)
                    self.touched.add(path)

    # What happens to the program

    @rule()
    def index(self) -> None:
        """A whole run; then the index is the disk."""
        self._forgive_crashes()
        before = self._encoded_texts()
        self.program.encoders.passages.clear()
        report = self.program.run()
        assert not report.cancelled
        expect_sound(self.program.store, report)
        self.touched.clear()
        self._expect_equal()
        again = before.intersection(self.program.encoders.passages)
        assert not again, f"encoded again: {again}"

    @rule(data=st.data())
    def hint(self, data: st.DataObject) -> None:
        """A look at some of the places where something has happened, in no order."""
        chosen = data.draw(st.sets(st.sampled_from(sorted(self.touched)))) if self.touched else set()
        self.program.look(chosen)

    @rule(commit=st.integers(0, 12), before=st.booleans(), looks=st.booleans())
    def crash(self, commit: int, before: bool, looks: bool) -> None:
        """The program ends at some commit of a run or a look, and is started again."""
        self.program.crash_at(commit, before)
        with suppress(Crash):
            if looks:
                self.program.look(set(self.touched))
            self.program.run()
        self.program.end()
        self.program = Program(self.base)

    @rule(root=st.sampled_from(ROOTS))
    def unplug(self, root: str) -> None:
        if root not in self.away:
            self.away[root] = self._indexed(root)
            (self.base / root).rename(self.base / f"{root}.away")

    @rule()
    def plug_in(self) -> None:
        for root in self.away:
            (self.base / f"{root}.away").rename(self.base / root)
        self.away.clear()

    @invariant()
    def check(self) -> None:
        assert not self.program.store.database.connection.in_transaction

    # What must hold

    def _expect_equal(self) -> None:
        store = self.program.store
        for root in ROOTS:
            if root in self.away:
                assert self._indexed(root) == self.away[root]
                continue
            on_disk = self._on_disk(root)
            indexed = {path: digest for path, digest in self._indexed(root) if not self._hidden(path)}
            assert indexed.keys() == on_disk.keys()
            wrong = {
                path: (indexed[path], digest)
                for path, digest in on_disk.items()
                # What cannot be read keeps what was known of it.
                if indexed[path] != digest and not _is_closed(path)
            }
            assert not wrong
        assert store.jobs.left() == {}
        there = {path for root in ROOTS if root not in self.away for path, _ in self._indexed(root)}
        failed = {failure.path for failure in store.jobs.failures() if not failure.skipped} & there
        assert not [path for path in failed if not self._hidden(path) and not _is_closed(path)]
        self._expect_whole()

    def _expect_whole(self) -> None:
        """Each content has its segment, its vector and its words, and nothing else has any."""
        store = self.program.store
        db = store.database.connection
        rows = db.execute(
            "SELECT c.id, s.id, s.text FROM contents c LEFT JOIN segments s ON s.content_id = c.id"
        ).fetchall()
        vectors = dict(db.execute("SELECT segment_id, content_id FROM vectors"))
        assert {(segment, content) for content, segment, _ in rows} == set(vectors.items())
        assert damaged_vectors(store) == []
        linked = {id_ for (id_,) in db.execute("SELECT content_id FROM files WHERE content_id IS NOT NULL")}
        for word in WORDS:
            expected = {
                segment: content for content, segment, text in rows if content in linked and word in text.split()
            }
            assert segments_with(store, word) == expected
        named = {id_ for (id_,) in db.execute("SELECT id FROM files")}
        assert set(files_named(store, "boat", "txt")) == named
        assert db.execute("SELECT count(*) FROM names_fts").get == len(named)

    def _on_disk(self, root: str) -> dict[bytes, bytes | None]:
        """The ordinary files, with their hash; None for one that is empty. Without what is closed to look into."""
        found: dict[bytes, bytes | None] = {}
        for path in self._files(root):
            data = Path(os.fsdecode(path)).read_bytes()
            found[path] = blake3(data).digest() if data else None
        return found

    def _indexed(self, root: str) -> set[tuple[bytes, bytes | None]]:
        rows: list[Any] = self.program.store.database.connection.execute(
            "SELECT f.path, c.hash FROM files f JOIN roots r ON r.id = f.root_id "
            "LEFT JOIN contents c ON c.id = f.content_id WHERE r.path = ?",
            (os.fsencode(self.base / root),),
        ).fetchall()
        return set(rows)

    def _encoded_texts(self) -> set[str]:
        rows = self.program.store.database.connection.execute(
            "SELECT s.text FROM segments s JOIN vectors v ON v.segment_id = s.id"
        )
        return {text for (text,) in rows}

    def _forgive_crashes(self) -> None:
        """Three sudden ends while a file was being read are held against it; here they were none of its fault."""
        if any("ended several times" in failure.reason for failure in self.program.store.jobs.failures()):
            self.program.store.jobs.retry_failed()

    # Paths

    def _path(self, place: tuple[str, str, bytes]) -> bytes | None:
        """A file's path in a folder that is there and open; None where its root is away or its folder closed."""
        root, folder, name = place
        if root in self.away:
            return None
        parent = os.path.join(os.fsencode(self.base), os.fsencode(root), os.fsencode(folder)).rstrip(b"/")
        if os.path.lexists(parent) and not os.path.isdir(parent):
            return None
        os.makedirs(parent, exist_ok=True)
        return os.path.join(parent, name)

    def _picked(self, pick: int) -> bytes | None:
        """One of the files that are there, in the roots that are not away."""
        files = [path for root in ROOTS if root not in self.away for path in self._files(root)]
        return files[pick % len(files)] if files else None

    def _files(self, root: str) -> list[bytes]:
        """The ordinary files below a root, without those in closed folders."""
        found = []
        for folder, _, names in os.walk(os.fsencode(self.base / root)):
            paths = [os.path.join(folder, name) for name in names]
            found += [path for path in paths if os.path.isfile(path) and not os.path.islink(path)]
        return sorted(path for path in found if not self._hidden(path))

    def _folder_path(self, folder: tuple[str, str]) -> bytes | None:
        root, inside = folder
        return None if root in self.away else os.fsencode(self.base / root / inside)

    def _folder(self, folder: tuple[str, str]) -> bytes | None:
        path = self._folder_path(folder)
        return path if path is not None and os.path.isdir(path) and not os.path.islink(path) else None

    def _hidden(self, path: bytes) -> bool:
        """Whether a folder above is closed."""
        return any(path.startswith(folder + b"/") for folder in self.closed)

    def _put(self, path: bytes, data: bytes) -> None:
        with open(path, "wb") as file:
            file.write(data)
        self._touch(path)

    def _touch(self, path: bytes) -> None:
        """A time stamp of its own for each write: two within one tick of the file system's clock are another matter."""
        self.now_ns += 1_000_000_000
        os.utime(path, ns=(self.now_ns, self.now_ns))
        self.touched.add(path)


def _is_closed(path: bytes) -> bool:
    """Whether a file may not be read."""
    return not os.stat(path).st_mode & 0o400


CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def test_the_index_is_the_disk_whatever_happens() -> None:
    run_state_machine_as_test(
        Machine, settings=settings(max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=CHECKS)
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_index_is_the_disk_whatever_happens_for_long() -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(max_examples=1_000, stateful_step_count=60, deadline=None, suppress_health_check=CHECKS),
    )
