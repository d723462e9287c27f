"""Where the processor's time goes while photos are indexed: samples of all processes by py-spy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks import backends, homes, inputs
from tests.benchmarks.harness import Bench, Report

TITLE = "Where the time goes"
ABOUT = (
    "`findling index` over photos of 3 MP with a ViT-B-32, float32, sampled 50 times a second in all its processes. A "
    "sample counts for the innermost function of ours that is on the stack, or for the library below it, while its "
    "thread runs."
)
MINUTES = 6.0

_RATE_HZ = 50
_SHOWN = 14
# The function at the bottom of a process's stack tells what the process is.
_PROCESSES = {
    "serve_models": "model child",
    "serve_with": "sandbox child",
    "serve_answers": "query child",
    "spawn_main": "a child that starts",
}


def run(bench: Bench) -> Report:
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if program is None:
        raise RuntimeError("py-spy is not installed: pip install py-spy")
    report = Report(TITLE, ABOUT)
    count = bench.pick(24, 5_000)
    photos = inputs.photos(bench, bench.pick(1, 3), count)
    with bench.temporary("profile") as folder:
        settings = homes.settings_at(folder / "home", backends.models_fp32(bench))
        raw = folder / "samples.txt"
        subprocess.run(
            [
                program, "record", "--format", "raw", "--output", str(raw), "--rate", str(_RATE_HZ), "--subprocesses",
                "--nonblocking", "--", sys.executable, "-m", "core.cli", "index",
                str(inputs.link_all(photos, folder / "photos")),
            ],
            env=homes.environment(settings), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        stacks = list(_stacks(raw))
    total = sum(samples for _, samples in stacks)
    by_process: Counter[str] = Counter()
    by_function: Counter[str] = Counter()
    for frames, samples in stacks:
        process = next((name for key, name in _PROCESSES.items() if any(key in one for one in frames)), "main process")
        by_process[process] += samples
        by_function[f"{process}: {_ours(frames)}"] += samples
    for name, samples in by_process.most_common():
        report.add(name, "% of samples, by process", 100 * samples / total)
    for name, samples in by_function.most_common(_SHOWN):
        report.add(name, "% of samples, by function", 100 * samples / total)
    report.remarks.append(f"{total:,} samples over {count:,} photos: {total / _RATE_HZ:.0f} s of running threads")
    return report


def _stacks(raw: Path) -> Iterator[tuple[Sequence[str], int]]:
    """Frames, outermost first, and how often they were seen."""
    for line in raw.read_text("utf-8").splitlines():
        stack, _, samples = line.rpartition(" ")
        if samples.isdigit():
            yield stack.split(";"), int(samples)


def _ours(frames: Sequence[str]) -> str:
    """The innermost function of ours, and the library's function that it waits for, if any."""
    at = next((place for place in range(len(frames) - 1, -1, -1) if "(core/" in frames[place]), None)
    if at is None:
        return _named(frames[-1])
    below = f" > {_named(frames[at + 1])}" if at + 1 < len(frames) else ""
    return _named(frames[at]) + below


def _named(frame: str) -> str:
    """``read (core/extract/image.py:50)`` without the line."""
    return frame.rsplit(":", 1)[0] + ")" if frame.endswith(")") and ":" in frame else frame
