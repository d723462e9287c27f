"""A folder of files, an index of it, and an indexer whose costs are counted, for the tests of indexing."""

from __future__ import annotations

import os
import threading
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from core.cancel import CancelToken
from core.config import Folders, folders_under
from core.extract.base import Reader
from core.index.indexer import Indexer
from core.store.store import Store
from core.types import IndexReport, SegmentKind
from tests.fakes import COLOURS, CountingReader, FakeEncoders, FakeSpeech
from tests.matching import files_named, segments_with

LIMIT_S = 60.0  # for what must happen, however slow the machine
SENTENCES = {440: "the old green house", 880: "a boat comes in"}
KINDS = ("text", "photo", "broken", "archive", "recording", "copy", "empty")  # of files that ``Library.put`` makes
MANY = 60  # files: enough that all of them missing at once is asked about


class Library:
    """A folder, an index of it, and the parts of an indexer with their counters."""

    def __init__(self, base: Path, reader: Reader) -> None:
        self.folder = base / "Library"
        self.folder.mkdir()
        self.folders: Folders = folders_under(base / "home")
        self.folders.create()
        self.store = Store(self.folders)
        self.encoders = FakeEncoders()
        self.speech = FakeSpeech(SENTENCES)
        self.reader = CountingReader(reader)
        self.indexer = Indexer(self.store, self.reader, self.encoders, self.speech, self.folders)
        self.store.roots.add(os.fsencode(self.folder))

    def close(self) -> None:
        self.store.close()

    def run(self, **options: object) -> IndexReport:
        report = self.indexer.run(**options)  # type: ignore[arg-type]
        expect_sound(self.store, report)
        return report

    def text(self, name: str, words: str) -> Path:
        return self._put(name, lambda path: path.write_text(words))

    def photo(self, name: str, colour: str) -> Path:
        return self._put(name, lambda path: Image.new("RGB", (320, 240), COLOURS[colour]).save(path))

    def recording(self, name: str, pitch_hz: int, seconds: float = 3.0) -> Path:
        def write(path: Path) -> None:
            times_s = np.arange(int(16_000 * seconds)) / 16_000
            samples = (np.sin(2 * np.pi * pitch_hz * times_s) * 20_000).astype("<i2")
            with wave.open(str(path), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(16_000)
                file.writeframes(samples.tobytes())

        return self._put(name, write)

    def _put(self, name: str, write: Callable[[Path], object]) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
        return path

    def some_of_everything(self) -> None:
        self.text("letter.txt", "the red boat sails at dawn")
        self.text("notes/list.md", "# Shopping\n\nmilk and bread")
        self.photo("pictures/red.jpg", "red")
        self.photo("pictures/blue.png", "blue")
        self.recording("voice.wav", 440)

    def put(self, kinds: Sequence[str], prefix: str = "") -> None:
        """Files of these kinds (``KINDS``), each with a number in its name; what says so is the same in all."""
        for number, kind in enumerate(kinds):
            name = f"{prefix}{number}"
            match kind:
                case "text":
                    self.text(f"{name}.txt", f"the text of {name}")
                case "photo":
                    self.photo(f"{name}.png", list(COLOURS)[number % len(COLOURS)])
                case "broken":
                    (self.folder / f"{name}.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture " + name.encode())
                case "archive":
                    (self.folder / f"{name}.zip").write_bytes(b"PK\x05\x06" + bytes(18))
                case "recording":
                    self.recording(f"{name}.wav", 440 if number % 2 else 880, seconds=1.0)
                case "empty":
                    (self.folder / f"{name}.txt").touch()
                case "copy":
                    self.text(f"{name}.txt", "all copies say the same")

    def file_id(self, path: Path) -> int:
        known = self.store.files.by_path(os.fsencode(path))
        assert known is not None
        return known.id

    def named(self, word: str) -> int:
        return len(files_named(self.store, word))

    def worded(self, word: str, kind: SegmentKind = SegmentKind.PASSAGE) -> list[str]:
        """The names of the files in which a word is found."""
        rows = self.store.files.rows_of_contents(list(segments_with(self.store, word, kind=kind).values()))
        return sorted(Path(os.fsdecode(row.path)).name for files in rows.values() for row in files)

    def nearest_photo(self, words: str) -> str:
        space = self.encoders.photo_space()
        assert space is not None
        scores = self.store.vectors.scan(
            self.store.vectors.space_id(space), self.encoders.encode_photo_texts([words])[0]
        )
        best = int(scores.content_ids[int(np.argmax(scores.cosines))])
        (row,) = self.store.files.rows_of_contents([best])[best]
        return Path(os.fsdecode(row.path)).name

    def forget_counts(self) -> None:
        self.reader.extracted.clear()
        self.reader.decoded.clear()
        self.encoders.passages.clear()
        self.encoders.pictures = self.speech.windows = 0

    @property
    def costs(self) -> tuple[int, int, int]:
        """Files read, passages and pictures encoded, windows transcribed."""
        return self.reader.reads, self.encoders.encoded, self.speech.windows

    @contextmanager
    def following(self, **options: object) -> Iterator[CancelToken]:
        """The indexer at work in another thread."""
        cancel = CancelToken()
        failures: list[BaseException] = []

        def follow() -> None:
            try:
                self.indexer.follow(cancel=cancel, **options)  # type: ignore[arg-type]
            except BaseException as error:  # noqa: BLE001 - told to the test below
                failures.append(error)

        thread = threading.Thread(target=follow)
        thread.start()
        try:
            yield cancel
        finally:
            cancel.cancel()
            thread.join(LIMIT_S)
        assert not thread.is_alive()
        assert failures == []


def expect_sound(store: Store, report: IndexReport) -> None:
    """What holds for every report."""
    assert report.files == report.indexed + report.unchanged + report.failed + report.skipped
    assert min(report.indexed, report.unchanged, report.failed, report.skipped) >= 0
    assert report.files == store.counts().files
    assert all(0 < count <= report.files for count in report.waiting.values())
    assert len(store.jobs.failures()) == report.failed + report.skipped
    assert store.problems() == []


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def make_many(folder: Path) -> Path:
    """A folder of ``MANY`` empty files, which cost no reading, and two with words."""
    (folder / "many").mkdir(parents=True)
    for number in range(MANY):
        (folder / "many" / f"{number}.txt").touch()
    (folder / "boat.txt").write_text("the old boat left the harbour at dawn")
    (folder / "private").mkdir()
    (folder / "private" / "diary.txt").write_text("nobody knows the zanzibar secret")
    return folder
