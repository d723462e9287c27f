"""The nearest of many vectors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from core.models.host import EncoderHost
from core.search import kernels, matrix
from core.search.matrices import SMALL, Matrices
from core.search.matrix import View
from core.store.store import Store
from tests.benchmarks import backends, homes, inputs, machine, plain, synthetic
from tests.benchmarks.harness import Bench, Report, at_least, at_most, best_ms, interleave, seconds

TITLE = "The nearest vectors"
ABOUT = (
    "The 50 nearest of made-up vectors of 512 numbers. Plain: sqlite-vec over the stored float32 BLOBs. Ours: float16 "
    "in memory, all rows read, and above 300,000 rows sign bits first with the best of them rescored. The limit beside "
    "the exact form is the time to read its bytes once at the measured bandwidth."
)
MINUTES = 3.0

_DIM = 512
_NEAREST = 50
_ASKED = 200  # real vectors that are kept back to ask with
# What the memory form decides at 300,000 rows, where it begins: 8,192 candidates are rescored.
_CANDIDATE_SHARE = 300_000 // 8192


def run(bench: Bench) -> Report:
    report = Report(TITLE, ABOUT)
    bandwidth = machine.read_bandwidth()
    for count in bench.pick((3_000,), (10_000, 100_000, 1_000_000)):
        bench.say(f"{count:,} vectors")
        settings = synthetic.vectors_home(bench, count, _DIM)
        store, peer = Store(settings.folders), plain.PlainSearch(settings.folders.index)
        matrices = Matrices(store, settings.folders.cache / "vectors", small=0)
        try:
            (space_id,) = store.vectors.space_ids()
            with store.database.read():
                load_s = seconds(partial(matrices.source, space_id))
            if not matrices.settle(600):
                raise RuntimeError("the vectors were not loaded")
            queries = _queries(count)
            sides: dict[str, Callable[[], object]] = {
                "plain": _cycle(partial(peer.nearest, space_id, limit=_NEAREST), queries),
                "ours": _cycle(partial(_nearest, store, matrices, space_id), queries),
                "exact": _cycle(_exact(store, matrices, space_id), queries),
            }
            figures = interleave(
                {name: partial(best_ms, work, least_s=bench.pick(0.05, 0.5)) for name, work in sides.items()},
                bench.rounds,
            )
        finally:
            matrices.close()
            peer.close()
            store.close()
        limit_ms = count * _DIM * 2 / 1e9 / bandwidth * 1000
        wanted = at_least(20, "ratio") if count >= 1_000_000 else None
        report.add(f"{count:,}: as a query asks it", "ms", figures["ours"], figures["plain"], wanted=wanted)
        report.add(
            f"{count:,}: exact, all rows read", "ms", figures["exact"], figures["plain"], peak=limit_ms,
            wanted=at_most(round(1.4 * limit_ms, 2)) if count >= 100_000 else None,
        )  # fmt: skip
        report.add(f"{count:,}: to hold them in memory, first time or from the snapshot", "s", load_s)
    _add_recall(bench, report)
    report.remarks.append(
        f"memory bandwidth {bandwidth:.1f} GB/s; below {SMALL:,} vectors a query asks sqlite-vec itself"
    )
    return report


def _nearest(store: Store, matrices: Matrices, space_id: int, query: NDArray[np.float32]) -> list[int]:
    with store.database.read():
        found: list[int] = []
        for block in matrices.source(space_id).scored(query).best_first(None):
            found += block.segment_ids[np.argsort(-block.cosines)].tolist()
            if len(found) >= _NEAREST:
                break
    return found[:_NEAREST]


def _exact(store: Store, matrices: Matrices, space_id: int) -> Callable[[NDArray[np.float32]], object]:
    with store.database.read():
        view = matrices.source(space_id)
    assert isinstance(view, View)
    rows = view.base.rows

    def ask(query: NDArray[np.float32]) -> object:
        scores = kernels.dots(rows, query)
        best = next(kernels.descending(scores, _NEAREST))
        return best[np.argsort(-scores[best])]

    return ask


def _cycle(ask: Callable[[NDArray[np.float32]], object], queries: NDArray[np.float32]) -> Callable[[], object]:
    """Another query each time, so that nothing is remembered of the last one."""
    asked = [0]

    def work() -> object:
        asked[0] += 1
        return ask(queries[asked[0] % len(queries)])

    return work


def _queries(count: int) -> NDArray[np.float32]:
    """Near some of the rows, as real queries are near what they mean."""
    rows = next(iter(inputs.vectors(min(count, 20_000), _DIM, 3)))[:16]
    noise = np.random.default_rng(4).normal(0, 0.5 / _DIM**0.5, rows.shape).astype(np.float32)
    noisy = rows + noise
    return np.asarray(noisy / np.linalg.norm(noisy, axis=1, keepdims=True), np.float32)


def _add_recall(bench: Bench, report: Report) -> None:
    """How many of the 50 nearest the bits find, on real vectors of sentences, with as large a share rescored."""
    bench.say("recall of the bits on real vectors")
    wanted = bench.pick(600, 20_000)
    texts = inputs.sentences(wanted + _ASKED)  # fewer where the libraries installed say less
    real = bench.kept(
        f"minilm-{wanted}", lambda folder: np.save(folder / "vectors.npy", _encoded(bench, texts[: wanted + _ASKED]))
    )
    encoded = np.load(real / "vectors.npy")
    stored, asked = encoded[:-_ASKED], encoded[-_ASKED:]
    count = len(stored)
    settings = synthetic.vectors_home(bench, count, encoded.shape[1], lambda: stored)
    store = Store(settings.folders)
    matrices = Matrices(store, None, small=0)
    try:
        (space_id,) = store.vectors.space_ids()
        with store.database.read():
            matrices.source(space_id)
        matrices.settle(60)
        with store.database.read():
            view = matrices.source(space_id)
        assert isinstance(view, View)
        view.base.__dict__["exact"] = False  # as if there were more of them
        candidates = max(_NEAREST, count // _CANDIDATE_SHARE)
        with patch.object(matrix, "_CANDIDATES", candidates), patch.object(matrix, "_CANDIDATE_SHARE", count):
            found = [_nearest(store, matrices, space_id, query) for query in asked]
    finally:
        matrices.close()
        store.close()
    true = np.argsort(-(asked @ stored.T), axis=1)[:, :_NEAREST] + 1  # segments are numbered from one
    recall = float(np.mean([len(set(one) & set(exact)) / _NEAREST for one, exact in zip(found, true, strict=True)]))
    report.add(
        f"bits on {count:,} sentences (MiniLM), {candidates} rescored: share of the 50 nearest", "share", recall,
        more_is_better=True, wanted=at_least(0.98),
    )  # fmt: skip


def _encoded(bench: Bench, texts: list[str]) -> NDArray[np.float32]:
    with bench.temporary("encode") as home:
        settings = homes.settings_at(home, backends.models_fp32(bench))
        homes.prepare_text(bench, settings)
        host = EncoderHost(settings)
        try:
            return host.encode_passages(texts)
        finally:
            host.close()
