"""``python -m tests.reliability.corpora [FOLDER…]``: every file is read, or listed with a reason, and nothing worse.

The folders are collections of files that nobody here wrote; without any, those of the test corpora. Every file goes
through the pool of sandboxes as when it is indexed, its sound too. Prints two tables in Markdown: what came of each
folder, and every reason that was given.
"""

# Spawned children import this module again: nothing heavy may be imported above ``main``.
from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from core.errors import SkippedError, UnreadableError
from core.extract.deadlines import decoding_s, reading_s
from core.extract.pool import SandboxPool
from core.types import Extraction

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "corpora"
COLLECTIONS = ("pillow_images", "pdfjs_pdfs", "tika_docs", "speech", "video")
READERS = 2


@dataclass(frozen=True)
class Outcome:
    """What came of one file. ``reason`` is None for one that was read."""

    path: Path
    seconds: float
    of_deadline: float  # the part of its deadline that it took
    reason: str | None = None
    skipped: bool = False


@dataclass
class Collection:
    """What came of a folder."""

    name: str
    outcomes: list[Outcome] = field(default_factory=list)
    losses: int = 0  # children that a file cost
    rss_mb: tuple[float, float] = (0.0, 0.0)  # of this process, before and after

    @property
    def failed(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.reason is not None and not one.skipped]

    @property
    def skipped(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.skipped]

    @property
    def read(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.reason is None]

    def row(self) -> str:
        slowest = max(self.outcomes, key=lambda one: one.seconds, default=Outcome(Path("-"), 0.0, 0.0))
        cells = (
            self.name,
            len(self.outcomes),
            len(self.read),
            len(self.skipped),
            len(self.failed),
            self.losses,
            f"{slowest.seconds:.2f} s ({printable(slowest.path.name)})",
            f"{self.rss_mb[0]:.0f} to {self.rss_mb[1]:.0f} MB",
        )
        return f"| {' | '.join(map(str, cells))} |"


def read_folder(folder: Path, pool: SandboxPool, use: Callable[[Path, Extraction], None] | None = None) -> Collection:
    """Read every file below ``folder``; ``use`` gets what was read, on any thread.

    Whatever is neither an extraction nor a reason passes through: it is a fault of ours.
    """
    process, losses = psutil.Process(), pool.losses
    paths = [path for path in sorted(_files(folder), key=os.fsencode) if not path.is_symlink()]
    before = process.memory_info().rss / 1e6
    with tempfile.TemporaryDirectory() as spool, ThreadPoolExecutor(pool.parallel) as threads:
        outcomes = list(threads.map(lambda path: _read(path, pool, Path(spool), use), paths))
    after = process.memory_info().rss / 1e6
    return Collection(folder.name, outcomes, pool.losses - losses, (before, after))


def _read(path: Path, pool: SandboxPool, spool: Path, use: Callable[[Path, Extraction], None] | None) -> Outcome:
    name = os.fsencode(path)
    deadline_s = reading_s(name)
    started = time.monotonic()

    def outcome(reason: str | None = None, skipped: bool = False) -> Outcome:
        taken_s = time.monotonic() - started
        return Outcome(path, taken_s, taken_s / deadline_s, reason, skipped)

    try:
        extraction = pool.extract(name)
        if extraction.metadata.has_audio:
            deadline_s += decoding_s(name)
            pcm = spool / f"{os.urandom(8).hex()}.f32"
            pool.decode_audio(name, pcm)
            pcm.unlink()
    except SkippedError as error:
        return outcome(error.message, skipped=True)
    except UnreadableError as error:
        return outcome(error.message)
    if use is not None:
        use(path, extraction)
    return outcome()


def tables(collections: Sequence[Collection]) -> str:
    """Both tables in Markdown."""
    lines = [
        "| collection | files | read | known by name, with a reason | failed, with a reason | restarts | slowest "
        "| memory of the parent |",
        "|---|---|---|---|---|---|---|---|",
        *(collection.row() for collection in collections),
        "",
        "| reason | files | |",
        "|---|---|---|",
    ]
    for verdict in ("failed", "skipped"):
        reasons = Counter(one.reason or "" for collection in collections for one in getattr(collection, verdict))
        lines += [f"| {reason} | {count} | {verdict} |" for reason, count in reasons.most_common()]
    return "\n".join(lines)


def printable(name: str) -> str:
    return name.encode("utf-8", "replace").decode().replace("|", "\\|").replace("\n", " ")


def _files(folder: Path) -> Iterator[Path]:
    for top, _, names in os.walk(folder):
        yield from (Path(top, name) for name in names)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.corpora", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    given = parser.parse_args(arguments)
    pool = SandboxPool(READERS)
    try:
        collections = [read_folder(one, pool) for one in given.folders or [CORPORA / name for name in COLLECTIONS]]
    finally:
        pool.close()
    print(tables(collections))
    files, failed = (sum(len(getattr(one, which)) for one in collections) for which in ("outcomes", "failed"))
    print(f"\n{files} files, {failed} failed, {sum(one.losses for one in collections)} children lost to a file")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
