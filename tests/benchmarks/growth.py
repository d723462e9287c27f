"""How cost grows with the library: indexing, answering, memory, disk."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from core.cancel import CancelToken
from core.config import Settings
from core.engine import Engine
from core.search import matrix
from core.search.matrices import SMALL
from core.types import EmbeddingSpace, Matrix
from tests.benchmarks import homes, inputs, synthetic
from tests.benchmarks.harness import Bench, Line, Report, percentile, seconds
from tests.benchmarks.query import queries, warm
from tests.fakes import FakeEncoders, FakeSpeech

TITLE = "How cost grows"
ABOUT = (
    "Libraries of made-up texts and vectors, six passages to four photos. Indexing: new small photos and notes into a "
    "library of that size, with models that answer at once, so that the growth of the index itself shows. Answering: "
    "the mix of queries of the topic `query`, warm. Memory: the query child. Disk: the index and what is kept of it in "
    "the cache, without thumbnails."
)
MINUTES = 4.0


def run(bench: Bench) -> Report:
    report = Report(TITLE, ABOUT)
    sizes = bench.pick((200, 2_000), (1_000, 10_000, 100_000, 1_000_000))
    points: dict[tuple[str, str], list[tuple[int, float]]] = {}
    with bench.temporary("new") as folder:
        new = _new_files(bench, folder / "files", bench.pick(10, 200))
        for segments in sizes:
            bench.say(f"{segments:,} segments")
            settings = synthetic.home(bench, segments)
            homes.prepare_text(bench, settings)
            found = _answering(bench, settings)
            found[("index", "MB on disk")] = sum(_size_mb(path) for path in (settings.folders.data,))
            found[("vectors kept for searching", "MB on disk")] = _size_mb(settings.folders.cache)
            with bench.temporary("growing") as copy:
                copied = synthetic.copied(bench, segments, copy / "home")
                found[("new files", "files a second")] = _indexing(copied, new)
            for key, value in found.items():
                points.setdefault(key, []).append((segments, value))
    report.lines = [Line(name, unit, kept) for (name, unit), values in points.items() if (kept := _drawable(values))]
    report.remarks += [
        f"Up to {SMALL:,} vectors in a space are searched in place by sqlite-vec, more in memory.",
        f"Above {matrix._EXACT_ROWS:,} vectors in a space sign bits are compared first, a sixteenth of the bytes.",
        "Of a common word only the newest few thousand texts are read, so that full text stops growing there.",
    ]
    return report


def _answering(bench: Bench, settings: Settings) -> dict[tuple[str, str], float]:
    with homes.opened(settings) as engine:
        took = warm(engine, bench)
        few = queries()
        took += [seconds(partial(engine.search, query)) * 1000 for query in few]
        children = psutil.Process().children(recursive=True)
        memory = [child.memory_full_info() for child in children]
    return {
        ("median", "ms a query"): percentile(took, 0.5),
        ("95 of 100 within", "ms a query"): percentile(took, 0.95),
        ("unshared", "MB in the query child"): sum(one.uss for one in memory) / 1e6,
        ("resident, mapped files too", "MB in the query child"): sum(one.rss for one in memory) / 1e6,
    }


def _indexing(settings: Settings, new: Path) -> float:
    """New files a second, from the scan to committed vectors."""
    engine = Engine.open(settings, encoders=_Instant(settings), speech=FakeSpeech(model=None))
    try:
        engine.index(cancel=CancelToken())  # what a made-up library leaves to its first run is none of the new files'
        engine.add_root(new)
        reports = []
        took_s = seconds(lambda: reports.append(engine.index(cancel=CancelToken())))
    finally:
        engine.close()
    (report,) = reports
    if report.failed or not report.encoded:
        raise RuntimeError(f"{report.failed} files failed, {report.encoded} were encoded")
    return report.indexed / took_s


class _Instant(FakeEncoders):
    """Encoders whose vectors lie in the library's own spaces and cost nothing."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._text, self._photo = synthetic.spaces(settings)

    def text_space(self) -> EmbeddingSpace:
        return self._text

    def photo_space(self) -> EmbeddingSpace:
        return self._photo

    def encode_passages(
        self, texts: Sequence[str], cancel: CancelToken | None = None, space: EmbeddingSpace | None = None
    ) -> Matrix:
        return self._rows(len(texts), self._text.dim)

    def encode_images(
        self, jpegs: Sequence[bytes], cancel: CancelToken | None = None, space: EmbeddingSpace | None = None
    ) -> Matrix:
        return self._rows(len(jpegs), self._photo.dim)

    def _rows(self, count: int, dim: int) -> Matrix:
        return np.full((count, dim), dim**-0.5, np.float32)


def _new_files(bench: Bench, folder: Path, count: int) -> Path:
    """Photos of 1 MP and as many notes of 120 words."""
    inputs.link_all(inputs.photos(bench, 1, count), folder / "photos")
    notes = folder / "notes"
    notes.mkdir()
    for number, text in enumerate(inputs.Words(9).texts(count, 120)):
        (notes / f"note {number}.txt").write_text(text, "utf-8")
    return folder


def _size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _drawable(values: Sequence[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """Without what a logarithm has no place for: what is not there yet at a size."""
    return tuple((segments, value) for segments, value in values if value > 0)
