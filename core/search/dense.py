"""The channels of vectors: each turns one part of a query into one ranked list of segments, gated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.search.calibrate import (
    CLIP_LIKE_GATE,
    CLIP_PAIRS,
    LOOK_ALIKE_GATE,
    LOOK_ALIKE_PAIRS,
    Background,
    Floats,
    Gate,
    against_each_other,
    against_rows,
    dense_text_gate,
    joint_probability,
    photo_probability,
    robust_background,
)
from core.search.evidence import SEGMENTS_READ, TEXT_CHANNELS, Evidence, Found, limited, places
from core.store.filters import FileFilter
from core.store.store import Store
from core.store.vectors import Scores
from core.types import Channel, Matrix, SegmentKind, Vector

_SAMPLE = 256  # pictures of the library that stand for all of them


@dataclass(frozen=True)
class Likeness:
    """One way of comparing pictures with pictures."""

    channel: Channel
    gate: Gate
    prior: Background


CLIP_LIKENESS = Likeness(Channel.CLIP_IMAGE, CLIP_LIKE_GATE, CLIP_PAIRS)
LOOK_ALIKE_LIKENESS = Likeness(Channel.LOOK_ALIKE, LOOK_ALIKE_GATE, LOOK_ALIKE_PAIRS)


class DenseRetriever:
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
        if positions.size > SEGMENTS_READ:
            top = np.argpartition(-values[positions], SEGMENTS_READ)[:SEGMENTS_READ]
            positions = np.sort(positions[top])
        ordered = positions[np.argsort(-values[positions], kind="stable")]
        return ordered[limited(scores.content_ids[ordered], self._files)]

    def _pick(
        self, scores: Scores, chosen: NDArray[np.int64], values: Floats, probabilities: Floats
    ) -> tuple[Found, ...]:
        return places(scores.segment_ids[chosen], scores.content_ids[chosen], values, probabilities)
