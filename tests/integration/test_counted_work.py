"""What a fixed scenario costs, in work and not in time: files opened, bytes read, pictures decoded, encodes, SQL.

When a bound here is passed, something does more work than it did. Find out what (``Work.statements`` holds the SQL, by
how often it ran) and either take it out again or, where it buys something, raise the bound in the same commit and say
there what it buys. A bound that has become generous is lowered: each is what was counted, and a tenth more.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
from PIL import Image

from core.cancel import CancelToken
from core.config import Settings, folders_under
from core.engine import Engine
from core.extract.audio import decode_sound
from core.extract.registry import read
from core.types import Extraction, Query
from tests.fakes import COLOURS, FakeEncoders, FakeSpeech

PHOTOS, DOCUMENTS = 12, 4
WORDS = ("harbour", "island", "lantern", "orchard", "glacier", "cathedral")


@dataclass
class Work:
    """What was done since the last ``clear``."""

    statements: Counter[str] = field(default_factory=Counter)
    opened: list[bytes] = field(default_factory=list)  # users' files, outside the reader: to be hashed
    decoded: list[bytes] = field(default_factory=list)
    decoded_bytes: int = 0

    @property
    def sql(self) -> int:
        return sum(self.statements.values())

    @property
    def written(self) -> int:
        """Statements that change rows."""
        verbs = ("INSERT", "UPDATE", "DELETE", "REPLACE")
        return sum(count for sql, count in self.statements.items() if sql.startswith(verbs))

    @property
    def committed(self) -> int:
        return self.statements["COMMIT"]

    def clear(self) -> None:
        self.statements.clear()
        self.opened.clear()
        self.decoded.clear()
        self.decoded_bytes = 0


class DirectReader:
    """The real readers without a child around them, one file at a time: the order of all work is always the same."""

    parallel = 1

    def __init__(self, work: Work, watch: _Watch) -> None:
        self._work = work
        self._watch = watch

    def extract(self, path: bytes, cancel: CancelToken | None = None) -> Extraction:
        self._work.decoded.append(path)
        with self._watch.inside_reader():
            before = _bytes_read_here()
            extraction = read(Path(os.fsdecode(path)))
            self._work.decoded_bytes += _bytes_read_here() - before
        return extraction

    def decode_audio(self, path: bytes, pcm: Path, cancel: CancelToken | None = None) -> float:
        with pcm.open("wb") as out:
            return decode_sound(Path(os.fsdecode(path)), out)

    def close(self) -> None:
        pass


class _Watch:
    """Sees every ``open`` of this process through an audit hook, which stays for ever and sleeps between tests."""

    def __init__(self) -> None:
        self.folder: bytes | None = None
        self.work: Work | None = None
        self._in_reader = threading.local()
        sys.addaudithook(self._see)

    @contextmanager
    def inside_reader(self) -> Iterator[None]:
        self._in_reader.now = True
        try:
            yield
        finally:
            self._in_reader.now = False

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or self.work is None or self.folder is None or getattr(self._in_reader, "now", False):
            return
        path = arguments[0]
        if isinstance(path, str | bytes) and os.fsencode(path).startswith(self.folder):
            self.work.opened.append(os.fsencode(path))


_watch: _Watch | None = None


def _bytes_read_here() -> int:
    """Bytes that this thread has asked the system for; 0 where the system does not count them."""
    try:
        lines = Path("/proc/thread-self/io").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar"))


@dataclass
class Scene:
    """A folder, an engine over it, and what its work comes to."""

    folder: Path
    engine: Engine
    encoders: FakeEncoders
    work: Work

    def index(self) -> None:
        report = self.engine.index()
        assert report.failed == report.skipped == 0
        assert not report.waiting

    @property
    def sizes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def clear(self) -> None:
        self.work.clear()
        self.encoders.passages.clear()
        self.encoders.pictures = 0
        self.encoders.batches.clear()
        self.encoders.queries.clear()


def fill(folder: Path, photos: int, documents: int) -> None:
    folder.mkdir()
    names = list(COLOURS)
    for number in range(photos):
        noise = np.random.default_rng(number).integers(-20, 20, (480, 640, 3))
        pixels = np.clip(np.array(COLOURS[names[number % len(names)]]) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"IMG_{number:04}.jpg", quality=90)
    for number in range(documents):
        word = WORDS[number % len(WORDS)]
        (folder / f"note {number}.txt").write_text(f"What the {word} was like on day {number}.", "utf-8")
    shutil.copyfile(folder / "IMG_0000.jpg", folder / "the same again.jpg")


@contextmanager
def opened(base: Path, photos: int = PHOTOS, documents: int = DOCUMENTS) -> Iterator[Scene]:
    """A scene that is not indexed yet."""
    global _watch
    _watch = _watch or _Watch()
    folder = base / "Library"
    fill(folder, photos, documents)
    for path in (folder / "IMG_0000.jpg", folder / "note 0.txt"):
        read(path)  # what is imported at the first picture and the first text is no part of reading them
    work, encoders = Work(), FakeEncoders()

    def count_statement(_cursor: object, sql: str, _bindings: object) -> bool:
        work.statements[" ".join(sql.split())] += 1
        return True

    def hook(connection: apsw.Connection) -> None:
        connection.exec_trace = count_statement

    apsw.connection_hooks.append(hook)
    reader = DirectReader(work, _watch)
    engine = Engine.open(Settings(folders_under(base / "home")), encoders=encoders, speech=FakeSpeech(), reader=reader)
    _watch.folder, _watch.work = os.fsencode(folder) + b"/", work
    try:
        engine.add_root(folder)
        scene = Scene(folder, engine, encoders, work)
        scene.clear()
        yield scene
    finally:
        _watch.work = None
        engine.close()
        apsw.connection_hooks.remove(hook)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with opened(tmp_path) as found:
        yield found


def test_the_first_index_opens_decodes_and_encodes_everything_once(scene: Scene) -> None:
    scene.index()
    work, encoders = scene.work, scene.encoders
    files, contents = PHOTOS + DOCUMENTS + 1, PHOTOS + DOCUMENTS
    assert sorted(Counter(work.opened).values()) == [1] * files, "every file is hashed once"
    assert len(work.decoded) == len(set(work.decoded)) == contents, "a copy is not read again"
    assert len(encoders.passages) == DOCUMENTS
    # A photo whose copy is queued beside it may be encoded with the copy, once more.
    assert PHOTOS <= encoders.pictures <= PHOTOS + 1
    assert len(encoders.batches) <= 3, "photos go in batches of eight, texts together"
    assert work.decoded_bytes <= 2 * scene.sizes, "a reader reads a file about once: 1.5 times here, with its head"


def test_what_sql_the_first_index_takes(scene: Scene) -> None:
    scene.index()
    work = scene.work
    found = work.statements.most_common(10)
    assert work.sql <= 836, found  # 760 counted: 45 a file
    assert work.written <= 402, found  # 366 counted: 22 a file
    assert work.committed <= 56  # 51 counted: 3 a file with one reader; several readers' files share a commit


def test_a_second_index_asks_no_more_of_a_larger_library(tmp_path: Path) -> None:
    counted = []
    for photos in (PHOTOS, 3 * PHOTOS):
        (tmp_path / str(photos)).mkdir()
        with opened(tmp_path / str(photos), photos) as scene:
            scene.index()
            scene.clear()
            scene.index()
            assert scene.work.opened == scene.work.decoded == []
            assert scene.encoders.encoded == 0
            assert scene.work.sql <= 90, scene.work.statements.most_common(10)  # 82 counted
            counted.append(scene.work.sql)
    assert counted[1] <= counted[0] + 5, "the number of statements must not grow with the number of files"


def test_a_renamed_file_is_hashed_and_nothing_else(scene: Scene) -> None:
    scene.index()
    scene.clear()
    (scene.folder / "IMG_0003.jpg").rename(scene.folder / "renamed.jpg")
    scene.index()
    assert scene.work.opened == [os.fsencode(scene.folder / "renamed.jpg")], "its ctime has moved"
    assert scene.work.decoded == []
    assert scene.encoders.encoded == 0
    assert scene.work.sql <= 127, scene.work.statements.most_common(10)  # 116 counted


def test_a_search_reads_no_file_and_asks_the_same_of_a_larger_library(tmp_path: Path) -> None:
    counted = []
    for photos in (PHOTOS, 3 * PHOTOS):
        (tmp_path / str(photos)).mkdir()
        with opened(tmp_path / str(photos), photos) as scene:
            scene.index()
            scene.engine.search(
                Query("harbour")
            )  # the first one also encodes the bank of everyday queries, and keeps it
            scene.clear()
            assert scene.engine.search(Query("harbour")).hits
            assert scene.work.opened == scene.work.decoded == []
            assert scene.encoders.queries == ["harbour"]
            assert scene.work.written == 0
            assert scene.work.sql <= 44, scene.work.statements.most_common(10)  # 40 counted
            counted.append(scene.work.sql)
    assert counted[1] <= counted[0] + 3, "the number of statements must not grow with the number of files"
