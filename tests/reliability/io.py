"""A disk that fails at every single operation in turn, while an index is made, filled, searched and swept.

Each trial makes one operation fail and runs the same short life of an index. Whatever happens must be told as a
``FindlingError``; the index must then be sound when it is opened on a disk that works, and finish what was begun.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PIL import Image

from core.config import Folders, Settings, folders_under
from core.engine import Engine
from core.errors import FindlingError
from core.extract.base import Reader
from core.store.repair import damaged_vectors
from core.types import Query
from tests.fakes import COLOURS, FakeEncoders, FakeSpeech
from tests.reliability.vfs import Fault, FaultyVFS, faulty

FILES = {"letter.txt": "the red boat sails at dawn", "list.md": "milk and bread", "odd \udcff.txt": "a strange name"}


@dataclass
class Trials:
    """What a series of trials came to."""

    run: int = 0
    struck: int = 0  # the operation was reached, and failed
    told: Counter[str] = field(default_factory=Counter)  # the class of what was raised


class ShortLife:
    """An index's life in one folder: made, filled, searched, changed, swept."""

    def __init__(self, base: Path, reader: Reader) -> None:
        self._reader = reader
        self.folders: Folders = folders_under(base / "home")
        self.library = base / "Library"
        self.library.mkdir(parents=True)
        for name, text in FILES.items():
            (self.library / name).write_text(text)
        Image.new("RGB", (64, 48), COLOURS["red"]).save(self.library / "red.jpg")

    def open(self) -> Engine:
        speech = FakeSpeech({})
        return Engine.open(Settings(self.folders), encoders=FakeEncoders(), speech=speech, reader=_Lent(self._reader))

    @contextmanager
    def opened(self) -> Iterator[Engine]:
        engine = self.open()
        try:
            yield engine
        finally:
            engine.close()

    def live(self) -> None:
        """Raises ``FindlingError`` where the disk does not let it."""
        with self.opened() as engine:
            engine.add_root(self.library)
            engine.index()
            engine.search(Query("boat"))
            (self.library / "list.md").unlink(missing_ok=True)
            (self.library / "new.txt").write_text("an afterthought about boats")
            engine.index()
            engine.search(Query("afterthought"))
            engine.status()
            engine.doctor()

    def expect_whole(self) -> None:
        """On a disk that works: the index is sound, and comes to hold what the folder does."""
        assert not list(self.folders.data.glob("*damaged*")), "a disk that failed is no damage"
        with self.opened() as engine:
            wrong = [*engine._store.problems(), *map(str, damaged_vectors(engine._store))]
            assert not wrong, wrong
            if self.library not in {Path(os.fsdecode(status.root.path)) for status in engine.roots()}:
                engine.add_root(self.library)
            report = engine.index()
            assert report.failed == 0, engine.failures()
            wrong = engine._store.problems()
            assert not wrong, wrong
            on_disk = {os.fsencode(path) for path in self.library.iterdir()}
            (root,) = engine._store.roots.all()
            assert set(engine._store.files.known(root.id)) == on_disk
            assert engine.status().pending == 0
            assert {hit.name for hit in engine.search(Query("boat")).hits} >= {"letter.txt"}


class _Lent:
    """A reader whose owner closes it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.extract = reader.extract
        self.decode_audio = reader.decode_audio

    @property
    def parallel(self) -> int:
        return self._reader.parallel

    def close(self) -> None:
        """It is its owner's to close."""


def count_operations(base: Path, reader: Reader) -> Counter[str]:
    """How often a life does each kind of operation, with nothing failing."""
    with faulty() as vfs:
        ShortLife(base, reader).live()
        return Counter(vfs.counts)


def trial(base: Path, reader: Reader, vfs: FaultyVFS, fault: Fault, at: int, *, lasting: bool, trials: Trials) -> None:
    """Live once with a fault, then expect all to be well without."""
    life = ShortLife(base, reader)
    vfs.arm(fault, at, lasting=lasting)
    trials.run += 1
    try:
        life.live()
    except FindlingError as error:
        assert str(error)
        assert "\n" not in str(error)
        trials.told[type(error).__name__] += 1
    finally:
        trials.struck += vfs.struck > 0
        vfs.disarm()
    life.expect_whole()


def run_trials(
    base: Path, reader: Reader, places: Callable[[Fault, int], Iterator[int]], on_trial: Callable[[str], None] = print
) -> Trials:
    """Every fault at the places that are chosen among its operations, once and lasting."""
    trials = Trials()
    counts = count_operations(base / "count", reader)
    with faulty() as vfs:
        for fault in Fault:
            for at in places(fault, counts[fault.operation]):
                for lasting in (False, True):
                    what = f"{fault.name.lower()} {'from ' if lasting else ''}{at}"
                    folder = Path(tempfile.mkdtemp(dir=base))
                    try:
                        trial(folder, reader, vfs, fault, at, lasting=lasting, trials=trials)
                    except BaseException:
                        on_trial(f"failed: {what}")
                        raise
                    shutil.rmtree(folder)
            on_trial(f"{fault.name.lower()}: {counts[fault.operation]} operations, {trials.run} trials so far")
    return trials


def _places(first: int, every: int, _fault: Fault, count: int) -> Iterator[int]:
    """Every so manieth operation; of a kind that is rare all."""
    return iter(range(first, count + 1, every) if count > 2 * every else range(1, count + 1))


def main(arguments: list[str]) -> int:
    from core.extract.sandbox import Sandbox

    parser = argparse.ArgumentParser(prog="python -m tests.reliability io", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only every so manieth operation")
    parser.add_argument("--seed", type=int, default=0, help="which one to begin with")
    options = parser.parse_args(arguments)
    sandbox = Sandbox()
    first = random.Random(options.seed).randrange(options.every) + 1
    with tempfile.TemporaryDirectory() as base:
        trials = run_trials(Path(base), sandbox, partial(_places, first, options.every))
    sandbox.close()
    told = ", ".join(f"{count} {name}" for name, count in trials.told.most_common())
    print(f"{trials.run} trials, {trials.struck} faults struck, told as {told}: nothing lost")
    return 0
