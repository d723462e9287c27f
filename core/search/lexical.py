"""The channels of words as such: names and full text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.search.calibrate import COVERAGE_GATE, Floats, Gate, inverse_document_frequency
from core.search.evidence import SEGMENTS_READ, TEXT_CHANNELS, Evidence, Found, limited, places
from core.search.query import Term
from core.store.filters import FileFilter
from core.store.fulltext import READ, FullText
from core.store.store import Store
from core.types import Channel, SegmentKind

# Similar texts share some of the words that tell most, never most of them.
_LIKE_COVERAGE_GATE = Gate(centre=0.35, width=0.08)

_STEP = 500  # candidates whose files are looked up at a time
_LOOKED_UP = 2 * READ  # candidates at most: a filter that lets through few would ask for all of them


@dataclass(frozen=True)
class _Answer:
    """What an index of words says, best first, columns of shape (n,)."""

    rowids: NDArray[np.int64]
    scores: Floats
    coverage: Floats
    whole: bool  # an index so small that nothing in it need be passed over


class LexicalRetriever:
    """Answers for one query inside one view of the index. ``where`` says which files may be found.

    In a large index, words that are common everywhere find the newest files first, and a filter is asked of the best
    ``_LOOKED_UP`` candidates alone. A folder or dates that hold few files are found wherever they are; a kind of which
    there are few, or a larger folder of old files, may come out short for a query of nothing but common words.
    """

    def __init__(self, store: Store, where: FileFilter, files: int) -> None:
        """``files``: how many a list may hold."""
        self._store = store
        self._where = where
        self._files = files
        self._texts: dict[tuple[Term, ...], _Answer] = {}

    def names(self, terms: Sequence[Term], part: int) -> Evidence:
        """Files whose name, folder, title or camera holds words of the query."""
        if not terms:
            return Evidence(Channel.NAME, (part,), ())
        answer = _ask(self._store.files.names, terms, self._store.files.span(self._where, READ))
        kept: list[int] = []
        for positions in _steps(answer):
            ids = answer.rowids[positions].tolist()
            allowed = set(self._store.files.allowed(ids, self._where))
            kept.extend(at for at, file_id in zip(positions, ids, strict=True) if file_id in allowed)
            if len(kept) >= self._files:
                break
        probabilities = COVERAGE_GATE.probability(answer.coverage)
        # What holds more of the words goes first, whatever the lengths of the names.
        order = sorted(kept[: self._files], key=lambda at: (-round(float(answer.coverage[at]), 3), at))
        found = (
            Found(float(answer.scores[at]), float(probabilities[at]), file_id=int(answer.rowids[at])) for at in order
        )
        return Evidence(Channel.NAME, (part,), tuple(found))

    def full_text(self, terms: Sequence[Term], kind: SegmentKind, part: int, *, like: bool = False) -> Evidence:
        """Segments that hold words of the query, by BM25. ``like``: the words are an example's key terms."""
        channel = TEXT_CHANNELS[kind][0]
        if not terms:
            return Evidence(channel, (part,), ())
        answer = self._texts.get(tuple(terms))
        if answer is None:  # one answer serves both kinds
            span = self._store.segments.span(self._where, READ)
            answer = self._texts[tuple(terms)] = _ask(self._store.segments.texts, terms, span)
        positions, content_ids = self._of_kind(answer, kind)
        kept = limited(content_ids, self._files)
        at = positions[kept]
        gate = _LIKE_COVERAGE_GATE if like else COVERAGE_GATE
        found = places(answer.rowids[at], content_ids[kept], answer.scores[at], gate.probability(answer.coverage[at]))
        return Evidence(channel, (part,), found)

    def _of_kind(self, answer: _Answer, kind: SegmentKind) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where in the answer segments of a kind are that may be found, and their contents."""
        kept: list[int] = []
        content_ids: list[int] = []
        for positions in _steps(answer):
            ids = answer.rowids[positions].tolist()
            contents = self._store.segments.contents_of(ids, kind, self._where)
            for at, segment_id in zip(positions, ids, strict=True):
                if segment_id in contents:
                    kept.append(at)
                    content_ids.append(contents[segment_id])
            if len(kept) >= SEGMENTS_READ or (not answer.whole and len(set(content_ids)) >= self._files):
                break
        return np.array(kept[:SEGMENTS_READ], dtype=np.int64), np.array(content_ids[:SEGMENTS_READ], dtype=np.int64)


def _ask(index: FullText, terms: Sequence[Term], span: tuple[int, int] | None) -> _Answer:
    postings = index.postings([term.words for term in terms])
    weights = inverse_document_frequency(postings.counts, postings.total)
    candidates = index.candidates(postings, weights, span)
    # The share of the terms' weight that each row holds.
    coverage = np.asarray(candidates.held @ weights / weights.sum(), np.float32)
    return _Answer(candidates.rowids, candidates.scores, coverage, postings.whole)


def _steps(answer: _Answer) -> Iterable[range]:
    """Positions to look up, best first, a step at a time."""
    end = min(len(answer.rowids), _LOOKED_UP)
    return (range(start, min(start + _STEP, end)) for start in range(0, end, _STEP))
