"""The channels: each turns one part of a query into one ranked list of segments or files, gated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from core.search.calibrate import (
    CLIP_LIKE_GATE,
    CLIP_PAIRS,
    COVERAGE_GATE,
    LOOK_ALIKE_GATE,
    LOOK_ALIKE_PAIRS,
    Background,
    Floats,
    Gate,
    against_each_other,
    against_rows,
    dense_text_gate,
    inverse_document_frequency,
    joint_probability,
    photo_probability,
    robust_background,
)
from core.search.query import Term, any_of
from core.store.filters import FileFilter
from core.store.store import Store
from core.store.vectors import Scores
from core.types import Channel, Matrix, SegmentKind, Vector

SEGMENTS_PER_FILE = 6  # the best one and what is shown under it
_SEGMENTS_READ = 2000  # of one list; a long book may fill many of its places
_SAMPLE = 256  # pictures of the library that stand for all of them
# Similar texts share some of the words that tell most, never most of them.
_LIKE_COVERAGE_GATE = Gate(centre=0.35, width=0.08)

TEXT_CHANNELS = {
    SegmentKind.PASSAGE: (Channel.FULL_TEXT, Channel.DOCUMENT_DENSE),
    SegmentKind.SPEECH: (Channel.TRANSCRIPT, Channel.TRANSCRIPT_DENSE),
}


@dataclass(frozen=True)
class Found:
    """One place in a list. ``file_id`` is set where the file itself was found, by its name, else the other two."""

    score: float  # the channel's own
    probability: float
    content_id: int | None = None
    segment_id: int | None = None
    file_id: int | None = None


@dataclass(frozen=True)
class Evidence:
    """What one channel says about one part of a query, best first. A content may be in it with several segments.

    ``parts`` are numbers of the query's parts (the words, each example file): one, or those that the list judges
    together. Passing its gate answers all of them.
    """

    channel: Channel
    parts: tuple[int, ...]
    found: tuple[Found, ...]


@dataclass(frozen=True)
class Likeness:
    """One way of comparing pictures with pictures."""

    channel: Channel
    gate: Gate
    prior: Background


CLIP_LIKENESS = Likeness(Channel.CLIP_IMAGE, CLIP_LIKE_GATE, CLIP_PAIRS)
LOOK_ALIKE_LIKENESS = Likeness(Channel.LOOK_ALIKE, LOOK_ALIKE_GATE, LOOK_ALIKE_PAIRS)


class Retriever:
    """Answers for one query inside one view of the index.

    ``where`` says which files may be found; backgrounds are taken over the whole library all the same, so that a filter
    does not change what counts as a match.
    """

    def __init__(self, store: Store, where: FileFilter, files: int) -> None:
        self._store = store
        self._where = where
        self._files = files  # how many a list may hold
        self._allowed = np.array(store.files.contents_allowed(where), dtype=np.int64)
        self._kinds: dict[SegmentKind, NDArray[np.int64]] = {}

    # Words as such

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
        matches = self._store.segments.match(any_of(tuple(terms)), kind, self._where, _SEGMENTS_READ)
        if not matches:
            return Evidence(channel, (part,), ())
        segment_ids = np.array([match.segment_id for match in matches], dtype=np.int64)
        postings = [self._store.segments.postings(term.expression) for term in terms]
        held = np.stack([np.isin(segment_ids, posting) for posting in postings], axis=1)
        counts = np.array([posting.size for posting in postings], dtype=np.int64)
        coverage = _coverage(held, counts, self._store.segments.count_texts())
        gate = _LIKE_COVERAGE_GATE if like else COVERAGE_GATE
        return Evidence(
            channel,
            (part,),
            self._places(
                segment_ids,
                np.array([match.content_id for match in matches], dtype=np.int64),
                np.array([-match.bm25 for match in matches], dtype=np.float32),
                gate.probability(coverage),
            ),
        )

    # Vectors

    def scan(self, space_id: int, vector: Vector) -> Scores:
        """Cosines to all vectors of a space, in the order of segment ids, so that scans of one space are aligned."""
        scores = self._store.vectors.scan(space_id, vector)
        order = np.argsort(scores.segment_ids)
        return Scores(scores.segment_ids[order], scores.content_ids[order], scores.cosines[order])

    def dense_text(self, space_id: int, scores: Scores, kind: SegmentKind, bank: Matrix, part: int) -> Evidence:
        """Passages or speech near a text, gated against everyday queries."""
        texts = self._of_kind(scores, kind)
        chosen = self._best(scores, scores.cosines, texts)
        cosines = scores.cosines[chosen]
        rows = self._store.vectors.of_segments(space_id, scores.segment_ids[chosen].tolist())
        gate = dense_text_gate(int(texts.sum()))
        probabilities = gate.probability(against_rows(rows, bank, cosines))
        return Evidence(TEXT_CHANNELS[kind][1], (part,), self._pick(scores, chosen, cosines, probabilities))

    def photos_by_words(self, space_id: int, scores: Scores, bank: Matrix, part: int) -> Evidence:
        """Pictures that words describe, gated against everyday queries and against the rest of the library."""
        chosen = self._best(scores, scores.cosines, np.ones(scores.cosines.size, dtype=bool))
        cosines = scores.cosines[chosen]
        rows = self._store.vectors.of_segments(space_id, scores.segment_ids[chosen].tolist())
        background = robust_background(scores.cosines)
        probabilities = photo_probability(against_rows(rows, bank, cosines), background.standardise(cosines))
        return Evidence(Channel.CLIP_IMAGE, (part,), self._pick(scores, chosen, cosines, probabilities))

    def pictures_like(self, like: Likeness, space_id: int, scores: Scores, part: int, same: frozenset[int]) -> Evidence:
        """Pictures like a picture. ``same`` are contents that its perceptual hash recognises: they pass the gate."""
        chosen = self._best(scores, scores.cosines, np.ones(scores.cosines.size, dtype=bool))
        cosines = scores.cosines[chosen]
        rows = self._store.vectors.of_segments(space_id, scores.segment_ids[chosen].tolist())
        background = robust_background(scores.cosines).with_prior(like.prior)
        probabilities = like.gate.probability(
            against_each_other(rows, self._sample(space_id, scores), cosines, background, like.prior)
        )
        recognised = np.isin(scores.content_ids[chosen], np.fromiter(same, dtype=np.int64, count=len(same)))
        probabilities = np.where(recognised, np.maximum(probabilities, 0.95), probabilities).astype(np.float32)
        return Evidence(like.channel, (part,), self._pick(scores, chosen, cosines, probabilities))

    def together(self, channel: Channel, kind: SegmentKind | None, scans: Mapping[int, Scores]) -> Evidence:
        """Segments that are near to several parts at once; ``scans`` are aligned, by part.

        Words beside an example say how it should differ ("at night"): alone they would be too little to pass a gate.
        """
        first = next(iter(scans.values()))
        standardised = np.stack([robust_background(one.cosines).standardise(one.cosines) for one in scans.values()])
        total, probabilities = joint_probability(standardised)
        mask = np.ones(total.size, dtype=bool) if kind is None else self._of_kind(first, kind)
        chosen = self._best(first, total, mask)
        return Evidence(channel, tuple(scans), self._pick(first, chosen, total[chosen], probabilities[chosen]))

    # Parts of the above

    def _sample(self, space_id: int, scores: Scores) -> Matrix:
        """Vectors spread over the whole space, float32, shape (at most _SAMPLE, dim)."""
        size = min(_SAMPLE, scores.segment_ids.size)
        spread = np.linspace(0, scores.segment_ids.size - 1, size).astype(np.int64)
        return self._store.vectors.of_segments(space_id, scores.segment_ids[spread].tolist())

    def _of_kind(self, scores: Scores, kind: SegmentKind) -> NDArray[np.bool_]:
        if SegmentKind.SPEECH not in self._kinds:
            self._kinds[SegmentKind.SPEECH] = self._store.segments.ids_of_kind(SegmentKind.SPEECH)
        speech = np.isin(scores.segment_ids, self._kinds[SegmentKind.SPEECH])
        return speech if kind is SegmentKind.SPEECH else ~speech

    def _best(self, scores: Scores, values: Floats, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Positions of the best segments among those that may be found, best first; ties in the order of ids."""
        positions = np.flatnonzero(mask & np.isin(scores.content_ids, self._allowed))
        if positions.size > _SEGMENTS_READ:
            top = np.argpartition(-values[positions], _SEGMENTS_READ)[:_SEGMENTS_READ]
            positions = np.sort(positions[top])
        ordered = positions[np.argsort(-values[positions], kind="stable")]
        kept = list(islice(self._limited(scores.content_ids[ordered]), ordered.size))
        return np.asarray(ordered[kept], dtype=np.int64)

    def _limited(self, content_ids: NDArray[np.int64]) -> Iterator[int]:
        """Positions in a best-first list, leaving out contents beyond the list's length and too many of one."""
        seen: dict[int, int] = {}
        for position, content_id in enumerate(content_ids.tolist()):
            count = seen.get(content_id, 0)
            if count == SEGMENTS_PER_FILE or (count == 0 and len(seen) == self._files):
                continue
            seen[content_id] = count + 1
            yield position

    def _pick(
        self, scores: Scores, chosen: NDArray[np.int64], values: Floats, probabilities: Floats
    ) -> tuple[Found, ...]:
        return _found(scores.segment_ids[chosen], scores.content_ids[chosen], values, probabilities)

    def _places(
        self, segment_ids: NDArray[np.int64], content_ids: NDArray[np.int64], values: Floats, probabilities: Floats
    ) -> tuple[Found, ...]:
        kept = list(self._limited(content_ids))
        return _found(segment_ids[kept], content_ids[kept], values[kept], probabilities[kept])


def _found(
    segment_ids: NDArray[np.int64], content_ids: NDArray[np.int64], values: Floats, probabilities: Floats
) -> tuple[Found, ...]:
    columns = zip(values.tolist(), probabilities.tolist(), content_ids.tolist(), segment_ids.tolist(), strict=True)
    return tuple(Found(*row) for row in columns)


def _coverage(held: NDArray[np.bool_], counts: NDArray[np.int64], total: int) -> Floats:
    """The share of the terms' weight that each text holds; ``held`` (texts, terms), ``counts`` (terms,)."""
    weights = inverse_document_frequency(counts, max(total, int(counts.max(initial=0))))
    return np.asarray(held @ weights / weights.sum(), np.float32)
