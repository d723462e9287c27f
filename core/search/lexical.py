"""The channels of words as such: names and full text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.search.calibrate import COVERAGE_GATE, Floats, Gate, inverse_document_frequency
from core.search.evidence import SEGMENTS_READ, TEXT_CHANNELS, Evidence, Found, limited, places
from core.search.query import Term, any_of
from core.store.filters import FileFilter
from core.store.store import Store
from core.types import Channel, SegmentKind

# Similar texts share some of the words that tell most, never most of them.
_LIKE_COVERAGE_GATE = Gate(centre=0.35, width=0.08)


class LexicalRetriever:
    """Answers for one query inside one view of the index. ``where`` says which files may be found."""

    def __init__(self, store: Store, where: FileFilter, files: int) -> None:
        """``files``: how many a list may hold."""
        self._store = store
        self._where = where
        self._files = files

    def names(self, terms: Sequence[Term], part: int) -> Evidence:
        """Files whose name, folder, title or camera holds words of the query."""
        found: list[Found] = []
        if terms:
            matches = self._store.files.match_names(any_of(tuple(terms)), self._where, self._files)
            postings = [self._store.files.name_postings(term.expression) for term in terms]
            ids = [file_id for file_id, _ in matches]
            held = np.array([[file_id in posting for posting in postings] for file_id in ids], dtype=bool)
            counts = np.array([len(posting) for posting in postings], dtype=np.int64)
            coverage = _coverage(held.reshape(len(ids), len(terms)), counts, self._store.files.count())
            probabilities = COVERAGE_GATE.probability(coverage)
            # What holds more of the words goes first, whatever the lengths of the names.
            order = sorted(range(len(ids)), key=lambda at: (-round(float(coverage[at]), 3), at))
            found = [Found(-matches[at][1], float(probabilities[at]), file_id=ids[at]) for at in order]
        return Evidence(Channel.NAME, (part,), tuple(found))

    def full_text(self, terms: Sequence[Term], kind: SegmentKind, part: int, *, like: bool = False) -> Evidence:
        """Segments that hold words of the query, by BM25. ``like``: the words are an example's key terms."""
        channel = TEXT_CHANNELS[kind][0]
        if not terms:
            return Evidence(channel, (part,), ())
        matches = self._store.segments.match(any_of(tuple(terms)), kind, self._where, SEGMENTS_READ)
        if not matches:
            return Evidence(channel, (part,), ())
        segment_ids = np.array([match.segment_id for match in matches], dtype=np.int64)
        postings = [self._store.segments.postings(term.expression) for term in terms]
        held = np.stack([np.isin(segment_ids, posting) for posting in postings], axis=1)
        counts = np.array([posting.size for posting in postings], dtype=np.int64)
        coverage = _coverage(held, counts, self._store.segments.count_texts())
        gate = _LIKE_COVERAGE_GATE if like else COVERAGE_GATE
        content_ids = np.array([match.content_id for match in matches], dtype=np.int64)
        scores = np.array([-match.bm25 for match in matches], dtype=np.float32)
        kept = limited(content_ids, self._files)
        probabilities = gate.probability(coverage[kept])
        return Evidence(channel, (part,), places(segment_ids[kept], content_ids[kept], scores[kept], probabilities))


def _coverage(held: NDArray[np.bool_], counts: NDArray[np.int64], total: int) -> Floats:
    """The share of the terms' weight that each text holds; ``held`` (texts, terms), ``counts`` (terms,)."""
    weights = inverse_document_frequency(counts, max(total, int(counts.max(initial=0))))
    return np.asarray(held @ weights / weights.sum(), np.float32)
