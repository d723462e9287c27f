"""Looking at a folder that has not changed."""

from __future__ import annotations

import os
import stat
from functools import partial
from pathlib import Path

from core.store.store import Store
from core.watch.scan import reconcile_roots
from tests.benchmarks import homes, inputs
from tests.benchmarks.harness import Bench, Report, Sample, at_most, interleave, seconds

TITLE = "Scanning a folder"
ABOUT = (
    "A folder of empty files in memory's reach, looked at again without a change. Plain: `os.scandir` and `stat` of "
    "every file, which is the least that any scan costs."
)
MINUTES = 0.7


def run(bench: Bench) -> Report:
    report = Report(TITLE, ABOUT)
    count = bench.pick(1_000, 100_000)
    folder = inputs.many_files(bench, count)
    with bench.temporary("scan") as home:
        store = Store(homes.settings_at(home).folders)
        try:
            store.roots.add(os.fsencode(folder))
            first_s = seconds(partial(_rescan, store))
            if store.files.count() != count:
                raise RuntimeError(f"{store.files.count()} of {count} files are known")
            figures = interleave(
                {
                    "plain": partial(_seconds_of, partial(_plain, folder)),
                    "rglob": partial(_seconds_of, partial(_rglob, folder)),
                    "ours": partial(_seconds_of, partial(_rescan, store)),
                },
                bench.rounds,
            )
        finally:
            store.close()
    files = f"{count:,} unchanged files"
    report.add(f"{files}, scanned again", "s", figures["ours"], figures["plain"], wanted=at_most(3.0))
    excess = Sample(
        tuple(ours - plain for ours, plain in zip(figures["ours"].values, figures["plain"].values, strict=True))
    )
    report.add("the same: more than scandir and stat", "s", excess, wanted=at_most(0.5))
    report.add("the same beside Path.rglob and stat", "s", figures["ours"], figures["rglob"])
    report.add(f"{count:,} new files, found by name after", "s", first_s, figures["plain"].median)
    return report


def _seconds_of(work: object) -> float:
    assert callable(work)
    return seconds(work)


def _rescan(store: Store) -> None:
    reconcile_roots(store, store.roots.all())


def _plain(folder: Path) -> int:
    seen, folders = 0, [os.fsencode(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                    seen += 1
    return seen


def _rglob(folder: Path) -> int:
    return sum(stat.S_ISREG(path.stat().st_mode) for path in folder.rglob("*"))
