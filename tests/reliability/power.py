"""Power cuts: an index is filled while every write is recorded, and the disk is rebuilt as each of many cuts leaves it.

What was synced is there; of what was not, each sector of 512 bytes is there or lost by chance, in no order. The design
promises that such an index opens whole: the last commits may be gone, never its integrity. What a checkpoint has taken
over stays in any case.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

import apsw

from core.config import Settings, folders_under
from core.engine import Engine
from core.extract.base import Reader
from core.store.repair import damaged_vectors
from core.store.store import Store
from tests.fakes import FakeEncoders, FakeSpeech
from tests.reliability.vfs import RecordingVFS, recording


@dataclass
class Cuts:
    """What a series of power cuts came to."""

    tried: int = 0
    fewest: int = 0  # files that an index held, at least and at most
    most: int = 0


def fill(base: Path, reader: Reader, batches: int) -> RecordingVFS:
    """Index a folder that grows and shrinks, with checkpoints in between; what was done to the disk."""
    library = base / "Library"
    library.mkdir()
    folders = folders_under(base / "home")
    with recording(folders.data) as vfs:
        engine = Engine.open(Settings(folders), encoders=FakeEncoders(), speech=FakeSpeech({}), reader=reader)
        engine.add_root(library)
        for batch in range(batches):
            for number in range(6):
                text = " ".join(f"word{batch}x{number}x{at}" for at in range(300))
                (library / f"{batch}-{number}.txt").write_text(text)
            for old in library.glob(f"{batch - 3}-[01].txt"):
                old.unlink()
            engine.index()
            if batch % 4 == 3:
                with engine._store.database.write() as db:
                    db.execute("SELECT 1")
                engine._store.database.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        engine._store.database.close()
    return vfs


def cut(vfs: RecordingVFS, at: int, chance: random.Random, base: Path) -> int:
    """Open what a power cut after ``at`` operations leaves; how many files it holds.

    Raises ``AssertionError`` where the index is not whole.
    """
    folders = folders_under(base)
    folders.create()
    vfs.after_power_cut(at, chance, folders.data)
    store = Store(folders)
    try:
        assert not list(folders.data.glob("*damaged*")), f"cut after {at} operations: damaged"
        assert store.problems() == [], f"cut after {at} operations"
        assert damaged_vectors(store) == [], f"cut after {at} operations"
        return store.counts().files
    finally:
        store.close()


def run_cuts(base: Path, reader: Reader, count: int, seed: int, batches: int = 12) -> Cuts:
    """Cut the power ``count`` times at random moments of one recorded history."""
    chance = random.Random(seed)
    vfs = fill(base, reader, batches)
    held: list[int] = []
    cuts = Cuts()
    for _ in range(count):
        with tempfile.TemporaryDirectory(dir=base) as folder:
            files = cut(vfs, chance.randrange(len(vfs.operations) + 1), chance, Path(folder))
        cuts.tried += 1
        held.append(files)
    cuts.fewest, cuts.most = min(held, default=0), max(held, default=0)
    return cuts


def main(arguments: list[str]) -> int:
    from core.extract.sandbox import Sandbox

    parser = argparse.ArgumentParser(prog="python -m tests.reliability power", description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="how many cuts")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    sandbox = Sandbox()
    with tempfile.TemporaryDirectory() as base:
        cuts = run_cuts(Path(base), sandbox, options.count, options.seed)
    sandbox.close()
    print(
        f"{cuts.tried} power cuts (seed {options.seed}): every index whole, holding {cuts.fewest} to {cuts.most} files"
    )
    return 0
