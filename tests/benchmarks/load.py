"""Files created, renamed and deleted by busy threads while indexing follows: does the index become the disk?"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from core import cpu
from core.extract.pool import SandboxPool
from core.store.roots import Verb
from core.types import CpuShare
from tests.benchmarks.harness import Bench, Report
from tests.library import Library

TITLE = "Following a folder under load"
ABOUT = (
    "Small text files, made, renamed and deleted by two busy threads of the indexing process while it follows their "
    "folder and reads them through sandboxed children; the encoders are stand-ins. One file in eight is deleted again, "
    "one in four is renamed, and one folder in ten is renamed with all that is in it."
)
MINUTES = 4.0
FOLDER_FILES = 100
_LIMIT_S = 1800.0
_THREADS = 2


def run(bench: Bench) -> Report:
    report = Report(TITLE, ABOUT)
    count = bench.pick(400, 40_000)
    with bench.temporary("load") as base:
        readers = SandboxPool(cpu.readers(CpuShare.FULL))
        library = Library(base, readers)
        try:
            figures = follow_churn(library, count)
        finally:
            library.close()
            readers.close()
    files = f"{count:,} files"
    report.add(f"{files}: made, renamed and deleted in", "s", figures.churn_s)
    report.add("names, folders and dates equal to the disk after", "s", figures.named_s)
    report.add("everything read after", "s", figures.read_s)
    report.add("files missed", "files", float(figures.missed))
    report.add("files left over", "files", float(figures.left_over))
    report.add("encoded twice", "passages", float(figures.encoded_twice))
    report.add("most memory of the process that indexes", "MB", figures.peak_mb)
    report.add("half of all deleted at once: asked after", "s", figures.asked_s)
    report.add("and after the yes equal to the disk within", "s", figures.allowed_s)
    return report


class Figures:
    """What ``follow_churn`` found; times from the last change to the disk."""

    churn_s = named_s = read_s = asked_s = allowed_s = peak_mb = 0.0
    missed = left_over = encoded_twice = 0


def follow_churn(library: Library, count: int) -> Figures:
    """Follow ``count`` files through their changes, then the deletion of half of what is left."""
    figures = Figures()
    with library.following():
        started = time.monotonic()
        threads = [
            threading.Thread(target=_churn, args=(library.folder, range(at, count, _THREADS))) for at in range(_THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ended = time.monotonic()
        figures.churn_s = ended - started
        figures.named_s = _seconds_until(lambda: indexed(library) == on_disk(library.folder), ended)
        figures.read_s = _seconds_until(lambda: not library.store.jobs.left(), ended)
        files, known = on_disk(library.folder), indexed(library)
        figures.missed, figures.left_over = len(files - known), len(known - files)
        figures.encoded_twice = len(library.encoders.passages) - len(set(library.encoders.passages))
        half = sorted(files)[::2]
        for path in half:
            Path(os.fsdecode(path)).unlink()
        deleted = time.monotonic()
        # All that is gone is in the question, and nothing of it has left the index.
        figures.asked_s = _seconds_until(lambda: library.store.roots.all()[0].missing == len(half), deleted)
        if indexed(library) != files:
            raise RuntimeError("files left the index before anybody was asked")
        allowed = time.monotonic()
        root = os.fsencode(library.folder)
        library.store.roots.request(Verb.ALLOW, root, str(len(half)))
        library.indexer.wake()
        figures.allowed_s = _seconds_until(lambda: indexed(library) == on_disk(library.folder), allowed)
    figures.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return figures


def on_disk(folder: Path) -> set[bytes]:
    """The paths of all files below a folder."""
    return {os.path.join(at, name) for at, _, names in os.walk(os.fsencode(folder)) for name in names}  # noqa: PTH118


def indexed(library: Library) -> set[bytes]:
    """The paths that the index knows."""
    (root,) = library.store.roots.all()
    return set(library.store.files.known(root.id))


def _churn(folder: Path, numbers: range) -> None:
    """Make files, rename and delete some that are a little older, and rename whole folders."""
    made: list[Path] = []
    for turn, number in enumerate(numbers):
        path = folder / f"part-{number // FOLDER_FILES}-{number % _THREADS}" / f"note-{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"note number{number} of a busy day")
        made.append(path)
        older = made[turn // 2]
        if turn % 8 == 1:
            older.unlink(missing_ok=True)
        elif turn % 4 == 2 and older.exists():
            older.rename(older.with_name(f"renamed-{older.name}"))
        if turn % (10 * FOLDER_FILES // _THREADS) == 10 * FOLDER_FILES // _THREADS - 1:
            old = made[turn - FOLDER_FILES].parent
            if old.exists():
                old.rename(old.with_name(f"moved-{old.name}"))


def _seconds_until(condition: Callable[[], bool], since_s: float) -> float:
    deadline = time.monotonic() + _LIMIT_S
    while not condition():
        if time.monotonic() > deadline:
            break  # the figures tell what is missing
        time.sleep(0.1)
    return time.monotonic() - since_s
