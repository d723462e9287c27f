"""What every topic shares: interleaved runs, medians, targets, and the report that tables and plots are made of.

A speed is told as a ratio to the plain way, taken in the same run: machines differ, and the same machine differs from
minute to minute. Each round runs every variant once, in an order that rotates, and gives one ratio; the median of
those is what is told.
"""

from __future__ import annotations

import gc
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class Size(StrEnum):
    """How much is measured. ``TINY`` proves that a topic runs; its figures mean nothing."""

    TINY = "tiny"
    DEFAULT = "default"
    FULL = "full"


@dataclass(frozen=True)
class Sample:
    """The values of one variant, one for each round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)


@dataclass(frozen=True)
class Wanted:
    """A target: of the ratio to the plain way, or of our own value. One of ``least`` and ``most`` is set."""

    of: str  # "ratio" or "value"
    least: float | None = None
    most: float | None = None

    def met(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        sign, limit = ("at least", self.least) if self.least is not None else ("at most", self.most)
        return f"{sign} {limit:g}{' times' if self.of == 'ratio' else ''}"


def at_least(value: float, of: str = "value") -> Wanted:
    return Wanted(of, least=value)


def at_most(value: float, of: str = "value") -> Wanted:
    return Wanted(of, most=value)


@dataclass(frozen=True)
class Row:
    """One line of a topic's table."""

    what: str
    unit: str
    ours: Sample
    plain: Sample | None = None
    more_is_better: bool = False
    peak: float | None = None  # the machine's limit in the same unit
    wanted: Wanted | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better ours is than the plain way: the median over the rounds."""
        if self.plain is None:
            return None
        rounds = zip(self.plain.values, self.ours.values, strict=False)
        if len(self.plain.values) != len(self.ours.values):
            rounds = iter([(self.plain.median, self.ours.median)])
        return statistics.median(
            (ours / plain if self.more_is_better else plain / ours) if min(ours, plain) > 0 else 0.0
            for plain, ours in rounds
        )

    @property
    def peak_share(self) -> float | None:
        """How near ours comes to the machine's limit, 1 at best."""
        if self.peak is None or self.ours.median <= 0:
            return None
        return self.ours.median / self.peak if self.more_is_better else self.peak / self.ours.median

    @property
    def met(self) -> bool | None:
        if self.wanted is None:
            return None
        value = self.ratio if self.wanted.of == "ratio" else self.ours.median
        return None if value is None else self.wanted.met(value)

    def as_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "unit": self.unit,
            "more_is_better": self.more_is_better,
            "plain": list(self.plain.values) if self.plain is not None else None,
            "ours": list(self.ours.values),
            "plain_median": self.plain.median if self.plain is not None else None,
            "ours_median": self.ours.median,
            "ratio": self.ratio,
            "peak": self.peak,
            "peak_share": self.peak_share,
            "wanted": str(self.wanted) if self.wanted is not None else None,
            "met": self.met,
            "note": self.note,
        }


@dataclass(frozen=True)
class Line:
    """One quantity as it grows with the number of segments: for plots over sizes."""

    name: str
    unit: str
    points: tuple[tuple[int, float], ...]  # (segments, value)


@dataclass
class Report:
    """What one topic found."""

    title: str
    about: str
    rows: list[Row] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(
        self, what: str, unit: str, ours: Sample | float, plain: Sample | float | None = None, **options: Any
    ) -> Row:
        row = Row(what, unit, as_sample(ours), as_sample(plain) if plain is not None else None, **options)
        self.rows.append(row)
        return row


def as_sample(value: Sample | float) -> Sample:
    return value if isinstance(value, Sample) else Sample((float(value),))


class Bench:
    """What a topic is given: how much to do, and where."""

    def __init__(self, size: Size, scratch: Path, corpora: Path, rounds: int = 3) -> None:
        """``scratch`` keeps inputs that take long to make, for the next run; ``corpora`` may be missing."""
        self.size = size
        self.scratch = scratch
        self.corpora = corpora
        self.rounds = 1 if size is Size.TINY else rounds

    def pick(self, tiny: T, default: T, full: T | None = None) -> T:
        """What fits the size; ``full`` is as ``default`` where it is not given."""
        if self.size is Size.TINY:
            return tiny
        return default if self.size is Size.DEFAULT or full is None else full

    def say(self, line: str) -> None:
        print(f"  {line}", file=sys.stderr, flush=True)

    @contextmanager
    def temporary(self, name: str) -> Iterator[Path]:
        """A folder that is gone afterwards, on the disk that holds the scratch."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.scratch))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def kept(self, name: str, make: Callable[[Path], object]) -> Path:
        """An input of this name in the scratch, made by ``make(path)`` where it is not there or was not finished."""
        path = self.scratch / "inputs" / name
        if not path.exists():
            self.say(f"making {name}")
            partial = path.with_name(path.name + ".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.parent.mkdir(parents=True, exist_ok=True)
            partial.mkdir()
            make(partial)
            partial.rename(path)
        return path


def interleave(variants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Sample]:
    """Run every variant once in each round, each round beginning with another one; what each returned."""
    names = list(variants)
    values: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            gc.collect()
            values[name].append(variants[name]())
    return {name: Sample(tuple(found)) for name, found in values.items()}


def seconds(work: Callable[[], object]) -> float:
    """The wall-clock time that ``work`` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def best_ms(work: Callable[[], object], *, least_s: float = 0.3, most: int = 200) -> float:
    """The median of repeated runs in milliseconds, after one that does not count."""
    work()
    took: list[float] = []
    until = time.perf_counter() + least_s
    while not took or (time.perf_counter() < until and len(took) < most):
        took.append(seconds(work) * 1000)
    return statistics.median(took)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the values lie: the nearest one, never between two."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def table(report: Report) -> str:
    """The report's rows as a Markdown table, or its lines with a column for each size, with its remarks below."""
    if report.lines:
        return _table_of_lines(report)
    lines = [
        "| | unit | plain | ours | ratio | of peak | wanted | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in report.rows:
        met = {True: "met", False: "**missed**", None: ""}[row.met]
        cells = [
            row.what,
            row.unit,
            _cell(row.plain),
            _cell(row.ours),
            f"{row.ratio:.2f}" if row.ratio is not None else "",
            f"{row.peak_share:.0%}" if row.peak_share is not None else "",
            str(row.wanted) if row.wanted is not None else "",
            met,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    notes = [f"- {row.what}: {row.note}" for row in report.rows if row.note]
    remarks = [f"- {remark}" for remark in report.remarks]
    return "\n".join(lines + (["", *notes, *remarks] if notes or remarks else []))


def _table_of_lines(report: Report) -> str:
    sizes = sorted({size for line in report.lines for size, _ in line.points})
    rows = ["| segments | | " + " | ".join(f"{size:,}" for size in sizes) + " |", "|---" * (len(sizes) + 2) + "|"]
    for line in report.lines:
        values = dict(line.points)
        cells = [number(values[size]) if size in values else "" for size in sizes]
        rows.append(f"| {line.name} | {line.unit} | " + " | ".join(cells) + " |")
    return "\n".join(rows + (["", *(f"- {remark}" for remark in report.remarks)] if report.remarks else []))


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _cell(sample: Sample | None) -> str:
    if sample is None:
        return ""
    if len(sample.values) == 1:
        return number(sample.median)
    return f"{number(sample.median)} ({number(sample.low)} to {number(sample.high)})"
