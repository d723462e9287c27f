"""Full text: rare words, and a word that half of all texts hold."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from core.search.lexical import LexicalRetriever
from core.search.query import parse
from core.store.filters import FileFilter
from core.store.store import Store
from core.types import Kind, SegmentKind
from tests.benchmarks import inputs, plain, synthetic
from tests.benchmarks.harness import Bench, Report, at_most, best_ms, interleave

TITLE = "Full text"
ABOUT = (
    "Texts of 40 words in a made-up vocabulary whose words are as frequent as a language's. Plain: FTS5, ordered by "
    "bm25, the best 50. Ours: the channel of full text as a query asks it, gate included."
)
MINUTES = 2.0

_BOUND_MS = 30.0


def run(bench: Bench) -> Report:
    report = Report(TITLE, ABOUT)
    words = inputs.Words(1)
    often = f"{words.word(0)} {words.word(1)} {words.word(2)} {words.word(3)}"
    queries = {
        "a word in one of ten thousand": inputs.RARE,
        "a word in half of all": inputs.COMMON,
        "the four commonest words": often,
        "a rare and a common word": f"{inputs.RARE} {inputs.COMMON}",
        "a sentence of 16 words": " ".join(words.word(rank) for rank in (*range(8), *range(500, 508))),
    }
    for segments in bench.pick((2_000,), (100_000, 1_000_000)):
        settings = synthetic.home(bench, segments)
        texts = f"{segments * 6 // 10:,} texts"
        store, peer = Store(settings.folders), plain.PlainSearch(settings.folders.index)
        try:
            for name, query in queries.items():
                sides: dict[str, Callable[[], object]] = {
                    "plain": partial(peer.matching, query.split()),
                    "ours": partial(_ask, store, query, FileFilter()),
                }
                figures = interleave(
                    {side: partial(best_ms, work, least_s=0.2, most=30) for side, work in sides.items()}, bench.rounds
                )
                wanted = at_most(_BOUND_MS) if query == inputs.COMMON else None
                report.add(f"{texts}: {name}", "ms", figures["ours"], figures["plain"], wanted=wanted)
            few = FileFilter(kinds=frozenset({Kind.AUDIO}))
            took = best_ms(partial(_ask, store, inputs.COMMON, few), least_s=0.2, most=30)
            report.add(f"{texts}: a word in half of all, and a filter that nothing passes", "ms", took)
        finally:
            peer.close()
            store.close()
    return report


def _ask(store: Store, query: str, where: FileFilter) -> object:
    with store.database.read():
        return LexicalRetriever(store, where, 200).full_text(parse(query).terms, SegmentKind.PASSAGE, 0)
