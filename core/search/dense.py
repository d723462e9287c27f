"""The channels of vectors: each turns one part of a query into one ranked list of segments, gated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

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
from core.search.kernels import descending
from core.search.matrices import Matrices
from core.search.matrix import Candidates, Positions
from core.store.allowed import Allowed
from core.types import Channel, Matrix, SegmentKind, Vector

_SAMPLE = 256  # pictures of the library that stand for all of them
_RARE = 0.05  # where a filter lets fewer of the nearest through, its contents may be few enough to be listed
_FEW_CONTENTS = 2000  # that are always scored one by one
_FEW_SHARE = 32  # and up to one in so many of a large library


@dataclass(frozen=True)
class Likeness:
    """One way of comparing pictures with pictures."""

    channel: Channel
    gate: Gate
    prior: Background


CLIP_LIKENESS = Likeness(Channel.CLIP_IMAGE, CLIP_LIKE_GATE, CLIP_PAIRS)
LOOK_ALIKE_LIKENESS = Likeness(Channel.LOOK_ALIKE, LOOK_ALIKE_GATE, LOOK_ALIKE_PAIRS)


class Scored(Protocol):
    """A query's cosines to the vectors of a space, as far as they are asked for.

    Positions number the segments of the space; those of two queries against one space are the same. A kind is passages
    (whatever is not speech), speech, or None for all.
    """

    def best_first(self, kind: SegmentKind | None) -> Iterator[Candidates]:
        """All segments of a kind, in blocks of which each is nearer than the next; unordered inside a block."""
        ...

    def of_contents(self, kind: SegmentKind | None, content_ids: NDArray[np.int64]) -> Candidates:
        """All segments of a kind that belong to some contents, in no order."""
        ...

    def pool(self, kind: SegmentKind | None) -> Positions:
        """Segments among which those are that are near to this and to other queries: all, or very many."""
        ...

    def candidates(self, positions: Positions) -> Candidates: ...

    def cosines(self, positions: Positions) -> Floats: ...

    def background(self) -> Floats:
        """Cosines that stand for those of the whole space, shape (m,)."""
        ...

    def rows(self, positions: Positions) -> Matrix:
        """Vectors, float32, shape (n, dim)."""
        ...

    def sample(self, count: int) -> Matrix:
        """Vectors spread over the whole space, float32, shape (at most ``count``, dim)."""
        ...

    def count(self, kind: SegmentKind | None) -> int: ...


class DenseRetriever:
    """Answers for one query inside one view of the index.

    ``allowed`` says which contents may be found; backgrounds are taken over the whole library all the same, so that a
    filter does not change what counts as a match.
    """

    def __init__(self, matrices: Matrices, allowed: Allowed, files: int) -> None:
        self._matrices = matrices
        self._allowed = allowed
        self._files = files  # how many a list may hold

    def scan(self, space_id: int, vector: Vector) -> Scored:
        return self._matrices.source(space_id).scored(vector)

    def dense_text(self, scored: Scored, kind: SegmentKind, bank: Matrix, part: int) -> Evidence:
        """Passages or speech near a text, gated against everyday queries."""
        found = self._nearest(scored, kind)
        gate = dense_text_gate(scored.count(kind))
        probabilities = gate.probability(against_rows(scored.rows(found.positions), bank, found.cosines))
        return Evidence(TEXT_CHANNELS[kind][1], (part,), _places(found, probabilities))

    def photos_by_words(self, scored: Scored, bank: Matrix, part: int) -> Evidence:
        """Pictures that words describe, gated against everyday queries and against the rest of the library."""
        found = self._nearest(scored, None)
        background = robust_background(scored.background())
        against_bank = against_rows(scored.rows(found.positions), bank, found.cosines)
        probabilities = photo_probability(against_bank, background.standardise(found.cosines))
        return Evidence(Channel.CLIP_IMAGE, (part,), _places(found, probabilities))

    def pictures_like(self, like: Likeness, scored: Scored, part: int, same: frozenset[int]) -> Evidence:
        """Pictures like a picture. ``same`` are contents that its perceptual hash recognises: they pass the gate."""
        found = self._nearest(scored, None)
        background = robust_background(scored.background()).with_prior(like.prior)
        rows, sample = scored.rows(found.positions), scored.sample(_SAMPLE)
        probabilities = like.gate.probability(against_each_other(rows, sample, found.cosines, background, like.prior))
        recognised = np.isin(found.content_ids, np.fromiter(same, dtype=np.int64, count=len(same)))
        probabilities = np.where(recognised, np.maximum(probabilities, 0.95), probabilities).astype(np.float32)
        return Evidence(like.channel, (part,), _places(found, probabilities))

    def together(self, channel: Channel, kind: SegmentKind | None, scans: Mapping[int, Scored]) -> Evidence:
        """Segments that are near to several parts at once; ``scans`` are of one space, by part.

        Words beside an example say how it should differ ("at night"): alone they would be too little to pass a gate.
        """
        first, *others = scans.values()
        positions = first.pool(kind)
        for other in others:
            positions = np.union1d(positions, other.pool(kind))
        standardised = np.stack(
            [robust_background(one.background()).standardise(one.cosines(positions)) for one in scans.values()]
        )
        total, probabilities = joint_probability(standardised)

        def best_first() -> Iterator[Candidates]:
            for block in descending(total):
                yield replace(first.candidates(positions[block]), cosines=total[block])

        def of_contents(content_ids: NDArray[np.int64]) -> Candidates:
            listed = first.candidates(positions)
            among = np.isin(listed.content_ids, content_ids)
            return _some(replace(listed, cosines=total), among)

        found = self._first_allowed(best_first(), of_contents, positions.size)
        return Evidence(
            channel, tuple(scans), _places(found, probabilities[np.searchsorted(positions, found.positions)])
        )

    def _nearest(self, scored: Scored, kind: SegmentKind | None) -> Candidates:
        """The nearest segments that may be found, best first."""

        def of_contents(content_ids: NDArray[np.int64]) -> Candidates:
            return scored.of_contents(kind, content_ids)

        return self._first_allowed(scored.best_first(kind), of_contents, scored.count(kind))

    def _first_allowed(
        self, blocks: Iterator[Candidates], of_contents: Callable[[NDArray[np.int64]], Candidates], count: int
    ) -> Candidates:
        """The best of ``count`` segments that may be found, best first, ties in the order of ids.

        The list ends with SEGMENTS_READ segments, or before the first that would be of one file too many.
        """
        kept: list[Candidates] = []
        segments, contents = 0, np.empty(0, dtype=np.int64)
        for block in blocks:
            passing = self._allowed.among(block.content_ids)
            if not kept and passing.mean() < _RARE:
                few = self._allowed.all(max(_FEW_CONTENTS, count // _FEW_SHARE))
                if few is not None:
                    kept = [of_contents(few)]
                    break
            kept.append(_some(block, passing))
            segments += kept[-1].positions.size
            contents = np.union1d(contents, kept[-1].content_ids)
            if segments >= SEGMENTS_READ or contents.size > self._files:
                break
        found = _joined(kept)
        found = _some(found, np.lexsort((found.segment_ids, -found.cosines))[:SEGMENTS_READ])
        _, firsts = np.unique(found.content_ids, return_index=True)
        if firsts.size > self._files:
            found = _some(found, slice(int(np.sort(firsts)[self._files])))
        return _some(found, limited(found.content_ids, self._files))


def _places(found: Candidates, probabilities: Floats) -> tuple[Found, ...]:
    return places(found.segment_ids, found.content_ids, found.cosines, probabilities)


def _some(found: Candidates, at: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Candidates:
    return Candidates(found.positions[at], found.segment_ids[at], found.content_ids[at], found.cosines[at])


def _joined(parts: list[Candidates]) -> Candidates:
    nothing = np.empty(0, dtype=np.int64)
    return Candidates(
        np.concatenate([nothing, *(part.positions for part in parts)]),
        np.concatenate([nothing, *(part.segment_ids for part in parts)]),
        np.concatenate([nothing, *(part.content_ids for part in parts)]),
        np.concatenate([np.empty(0, dtype=np.float32), *(part.cosines for part in parts)]),
    )
