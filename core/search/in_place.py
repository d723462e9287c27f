"""The vectors of a space searched where they are, by sqlite-vec: every one is read for every query.

For libraries that are too small to be worth a copy in memory, and for larger ones until the copy is there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.search.kernels import Floats, descending
from core.search.matrix import Candidates, Positions, spread
from core.store.store import Store
from core.types import Matrix, SegmentKind, Vector


class InPlace:
    """One space inside the caller's view of the index. A ``core.search.dense.Source``."""

    def __init__(self, store: Store, space_id: int) -> None:
        self._store = store
        self._space_id = space_id

    def scored(self, query: Vector) -> InPlaceScores:
        return InPlaceScores(self._store, self._space_id, query)


class InPlaceScores:
    """One query against the space. A ``core.search.dense.Scored``; positions are in the order of segment ids."""

    def __init__(self, store: Store, space_id: int, query: Vector) -> None:
        self._store = store
        self._space_id = space_id
        scores = store.vectors.scan(space_id, query)
        order = np.argsort(scores.segment_ids)
        self._segment_ids, self._content_ids = scores.segment_ids[order], scores.content_ids[order]
        self._cosines, self._speech = scores.cosines[order], scores.speech[order]

    def best_first(self, kind: SegmentKind | None) -> Iterator[Candidates]:
        positions = self.pool(kind)
        for block in descending(self._cosines[positions]):
            yield self.candidates(positions[block])

    def of_contents(self, kind: SegmentKind | None, content_ids: Positions) -> Candidates:
        positions = self.pool(kind)
        return self.candidates(positions[np.isin(self._content_ids[positions], content_ids)])

    def pool(self, kind: SegmentKind | None) -> Positions:
        if kind is None:
            return np.arange(self._cosines.size)
        return np.flatnonzero(self._speech if kind is SegmentKind.SPEECH else ~self._speech)

    def candidates(self, positions: Positions) -> Candidates:
        return Candidates(
            positions, self._segment_ids[positions], self._content_ids[positions], self._cosines[positions]
        )

    def cosines(self, positions: Positions) -> Floats:
        return self._cosines[positions]

    def background(self) -> Floats:
        return self._cosines

    def rows(self, positions: Positions) -> Matrix:
        return self._store.vectors.of_segments(self._space_id, self._segment_ids[positions].tolist())

    def sample(self, count: int) -> Matrix:
        return self.rows(spread(self._cosines.size, count))

    def count(self, kind: SegmentKind | None) -> int:
        return int(self.pool(kind).size)
