"""Answers: how long a warm query takes, idle and while indexing, and the first one after a cold start."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from core.cancel import CancelToken
from core.config import Settings
from core.engine import Engine
from core.models.installed import active_model
from core.store.store import Store
from core.types import Kind, ModelRole, Query
from tests.benchmarks import homes, inputs, machine, plain, synthetic
from tests.benchmarks.harness import Bench, Report, Sample, at_most, percentile, seconds

TITLE = "Answering"
ABOUT = (
    "Queries of one to eight words, some filtered, through `Engine.search`: encoding, all channels, fusion and what "
    "is shown of each hit. Plain: both text towers in torch, a sqlite-vec scan of the float32 vectors of texts and of "
    "photos, and FTS5 by bm25, with nothing ranked or shown."
)
MINUTES = 5.0

_WANTED_MS = {100_000: 100.0, 1_000_000: 200.0}
_COLD_S = 1.0


def run(bench: Bench) -> Report:
    report = Report(TITLE, ABOUT)
    photos = inputs.photos(bench, bench.pick(1, 3), bench.pick(24, 600))
    peer = _PlainAnswers(homes.photo_model(bench).folder, homes.settings_at(bench.scratch / "nowhere"))
    for segments in bench.pick((2_000,), (100_000, 1_000_000)):
        bench.say(f"{segments:,} segments")
        settings = synthetic.home(bench, segments)
        homes.prepare_text(bench, settings)
        wanted = at_most(_WANTED_MS.get(segments, 100.0))
        name = f"{segments:,} segments"
        with homes.opened(settings) as engine:
            idle = warm(engine, bench)
        typical = peer.typical_ms(settings, queries()[: bench.pick(2, 4)])
        report.add(f"{name}, warm: median", "ms", percentile(idle, 0.5), typical)
        report.add(f"{name}, warm: 95 of 100 within", "ms", percentile(idle, 0.95), wanted=wanted)
        with bench.temporary("busy") as folder:
            busy = _while_indexing(bench, synthetic.copied(bench, segments, folder / "home"), photos, folder / "photos")
        note = f"{len(busy.took_ms)} queries while photos of 3 MP were indexed; {busy.indexed} done meanwhile"
        report.add(f"{name}, while indexing: median", "ms", percentile(busy.took_ms, 0.5))
        report.add(
            f"{name}, while indexing: 95 of 100 within", "ms", percentile(busy.took_ms, 0.95), wanted=wanted, note=note
        )
        cold = [_cold(settings, evict=evict) for evict in [False] * max(2, bench.rounds) + [True]]
        wanted_s = at_most(_COLD_S) if segments <= 100_000 else None
        report.add(
            f"{name}: first answer after the start of the process", "s",
            Sample(tuple(cold[:-1])), wanted=wanted_s, note="`findling search`, both towers, until its first line",
        )  # fmt: skip
        report.add(f"{name}: the same with the index out of the page cache", "s", cold[-1])
    return report


def queries() -> list[Query]:
    """What people type, and what is hard: common words, names that all files share, filters."""
    words = inputs.Words(1)
    texts = [
        "a dog running on the beach", "rent contract", "birthday cake with candles", "IMG", "jpg",
        inputs.RARE, inputs.COMMON, f"{words.word(0)} {words.word(1)} {words.word(2)}", words.word(700),
        f"{words.word(40)} {words.word(5000)}", f"IMG_{7:07}_7.jpg", "letter from the insurance about the car",
        f'"{words.word(0)} {words.word(1)}"', "sunset", f"{inputs.COMMON} {words.word(3)} invoice",
    ]  # fmt: skip
    plainly = [Query(text) for text in texts]
    filtered = [
        Query("a red car", kinds=frozenset({Kind.PHOTO})),
        Query(inputs.COMMON, kinds=frozenset({Kind.DOCUMENT})),
        Query("mountains with snow", after=date(2020, 1, 1), before=date(2020, 2, 1)),
        Query(words.word(12), folder=Path(synthetic.GONE)),
        Query(inputs.COMMON, kinds=frozenset({Kind.AUDIO})),
    ]
    return plainly + filtered


def warm(engine: Engine, bench: Bench) -> list[float]:
    """Milliseconds of each query, after a round that does not count."""
    asked = queries()
    for query in asked[: bench.pick(3, len(asked))]:
        engine.search(query)
    _settle(engine, asked[0])
    repeats = bench.pick(1, 5, 20)
    return [seconds(partial(engine.search, query)) * 1000 for _ in range(repeats) for query in asked]


def _settle(engine: Engine, query: Query, patience_s: float = 60.0) -> None:
    """Wait until what loads in the background after the first query has come to rest: three answers alike."""
    until = time.monotonic() + patience_s
    took = [seconds(partial(engine.search, query))]
    while time.monotonic() < until:
        time.sleep(0.5)
        took.append(seconds(partial(engine.search, query)))
        if len(took) >= 3 and max(took[-3:]) < 1.5 * min(took):
            return


@dataclass(frozen=True)
class _Busy:
    took_ms: list[float]
    indexed: int


def _while_indexing(bench: Bench, settings: Settings, photos: Sequence[Path], folder: Path) -> _Busy:
    """Query after query, a third of a second apart, from another thread than the one that indexes."""
    asked = queries()
    took: list[float] = []
    failures: list[BaseException] = []
    cancel = CancelToken()
    with homes.opened(settings) as engine:
        warm(engine, bench)
        engine.add_root(inputs.link_all(photos, folder))
        before = engine.status().vectors

        def index() -> None:
            try:
                engine.index(cancel=cancel)
            except BaseException as error:  # noqa: BLE001 - told below
                failures.append(error)

        thread = threading.Thread(target=index)
        thread.start()
        until = time.monotonic() + bench.pick(10, 60)
        while engine.status().vectors == before and thread.is_alive() and time.monotonic() < until:
            time.sleep(0.2)  # until the first photos are encoded: the model is loaded and everything runs
        most = bench.pick(5, 60, 200)
        while thread.is_alive() and len(took) < most:
            took.append(seconds(partial(engine.search, asked[len(took) % len(asked)])) * 1000)
            time.sleep(0.3)
        indexed = engine.status().vectors - before
        cancel.cancel()
        thread.join()
    if failures:
        raise failures[0]
    return _Busy(took or [float("nan")], indexed)


def _cold(settings: Settings, *, evict: bool) -> float:
    """Seconds until ``findling search`` prints its first line; ``evict`` puts the index out of the page cache."""
    if evict and hasattr(os, "posix_fadvise"):
        for path in [*settings.folders.data.rglob("*"), *settings.folders.cache.rglob("*")]:
            if path.is_file():
                descriptor = os.open(path, os.O_RDONLY)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(descriptor)
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "core.cli", "search", inputs.COMMON], env=homes.environment(settings),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        first = process.stdout.readline()
        took_s = time.perf_counter() - started
        process.stdout.read()
    if not first.strip():
        raise RuntimeError("the first query found nothing")
    return took_s


class _PlainAnswers:
    """Both towers in torch, scans in SQL."""

    def __init__(self, photo_model: Path, settings: Settings) -> None:
        text = active_model(settings, ModelRole.TEXT)
        assert text is not None
        self._texts = plain.PlainTexts(text.folder, machine.cores())
        self._photos = plain.PlainPhotos(photo_model, machine.cores())

    def typical_ms(self, settings: Settings, queries: Sequence[Query]) -> float:
        """The median over some queries."""
        text, photo = synthetic.spaces(settings)
        store = Store(settings.folders)
        space_ids = store.vectors.space_id(text), store.vectors.space_id(photo)
        store.close()
        peer = plain.PlainSearch(settings.folders.index)
        try:
            took = []
            for query in queries:
                started = time.perf_counter()
                peer.nearest(space_ids[0], self._texts.encode([query.text])[0])
                peer.nearest(space_ids[1], self._photos.encode_words(query.text))
                peer.matching(query.text.split())
                took.append((time.perf_counter() - started) * 1000)
            return percentile(took[1:] or took, 0.5)
        finally:
            peer.close()
