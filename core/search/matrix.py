"""The vectors of one embedding space in memory, at one state of the index.

A ``View`` never changes: following the index makes another one, which shares the rows with it. Its rows are those of a
snapshot file (``core.search.snapshot``), mapped, and behind them what was added since, in memory.

Up to about 300,000 rows the nearest ones are found by reading all of them in float16. Above, or where memory is short,
the signs of the rows about their mean are compared first (a 16th of the bytes) and what differs in the fewest bits is
scored by its float16 row: random hyperplanes after Charikar (STOC 2002), with the axes for hyperplanes. All vectors of
an encoder lean to one side, which centring takes away (0.993 instead of 0.988 of the 50 nearest of 41,000 sentences
were among 512 candidates).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from core.search.kernels import Bits, Floats, Halves, descending, dots, hammings, narrow, sign_bits, widen
from core.store.vectors import Mark, VectorRows
from core.types import EmbeddingSpace, Matrix, SegmentKind, Vector

Positions = NDArray[np.int64]

BACKGROUND_ROWS = 4096  # that stand for the whole library: the median of so many is within 0.02 deviations
_EXACT_ROWS = 300_000  # more are asked by their bits first
_MEMORY_SHARE = 4  # the rows may take so much, one in, of the memory that is available
# Rows at least that are scored after their bits were compared. On sentences the recall of the 50 nearest hangs on this
# number and hardly on that of the rows: 256 gave 0.972 of 15,000 and 0.968 of 41,000, 512 0.994 and 0.993, 1024 0.999.
_CANDIDATES = 8192
_CANDIDATE_SHARE = 128  # and one in so many of all
_MORE_CANDIDATES = 8  # times as many where a filter has left too few
_HEADROOM = 4  # what grows gets room for a quarter more, so that following copies it seldom


@dataclass(frozen=True)
class Candidates:
    """Some segments of a space with their cosines to a query; every array of shape (n,)."""

    positions: Positions  # in the source's own numbering
    segment_ids: NDArray[np.int64]
    content_ids: NDArray[np.int64]
    cosines: Floats


@dataclass(frozen=True)
class Base:
    """The part of a view that a snapshot holds. Its arrays may be mapped and are only read."""

    rows: Halves  # shape (n, dim)
    bits: Bits  # shape (n, ceil(dim / 8)): signs about ``centre``
    centre: Vector

    @cached_property
    def exact(self) -> bool:
        """Whether all rows are read for every query. Decided once, when the rows are taken over."""
        few = len(self.rows) <= _EXACT_ROWS
        return few and self.rows.nbytes * _MEMORY_SHARE <= psutil.virtual_memory().available

    @cached_property
    def sample(self) -> Matrix:
        """Rows spread over all, float32, shape (at most BACKGROUND_ROWS, dim).

        Those removed since stay in it until there is a new snapshot: what stands for the library may be a little old.
        """
        return widen(self.rows[spread(len(self.rows), BACKGROUND_ROWS)])


class Growing:
    """Rows that are only added to; what was handed out before stays as it is. Whoever adds holds a lock."""

    def __init__(self, rows: NDArray[Any]) -> None:
        self._buffer = rows
        self._used = len(rows)

    def upto(self, count: int) -> NDArray[Any]:
        return self._buffer[:count]

    def with_more(self, count: int, more: NDArray[Any]) -> Growing:
        """The first ``count`` rows and ``more`` behind them, in the same memory where nothing else is there."""
        end = count + len(more)
        grown = self
        if count != self._used or end > len(self._buffer):
            grown = Growing(np.empty((end + end // _HEADROOM, *self._buffer.shape[1:]), dtype=self._buffer.dtype))
            grown._buffer[:count] = self._buffer[:count]
        grown._buffer[count:end] = more
        grown._used = end
        return grown


@dataclass(frozen=True)
class Columns:
    """What is known of each row; every array of shape (count,)."""

    count: int
    known: tuple[Growing, Growing, Growing, Growing]
    alive: NDArray[np.bool_]  # not removed since

    @classmethod
    def of(cls, rows: VectorRows) -> Columns:
        return cls.over(rows.ids, rows.segment_ids, rows.content_ids, rows.speech)

    @classmethod
    def over(
        cls,
        ids: NDArray[np.int64],
        segment_ids: NDArray[np.int64],
        content_ids: NDArray[np.int64],
        speech: NDArray[np.bool_],
    ) -> Columns:
        known = (Growing(ids), Growing(segment_ids), Growing(content_ids), Growing(speech))
        return cls(len(ids), known, np.ones(len(ids), dtype=bool))

    @property
    def ids(self) -> NDArray[np.int64]:
        return self.known[0].upto(self.count)

    @property
    def segment_ids(self) -> NDArray[np.int64]:
        return self.known[1].upto(self.count)

    @property
    def content_ids(self) -> NDArray[np.int64]:
        return self.known[2].upto(self.count)

    @property
    def speech(self) -> NDArray[np.bool_]:
        return self.known[3].upto(self.count)

    def follow(self, removed: NDArray[np.int64], added: VectorRows) -> Columns:
        """Rows under ``removed`` ids are gone, ``added`` ones come after."""
        ids, segment_ids, content_ids, speech = self.known
        alive = self.alive & ~np.isin(self.ids, removed) if removed.size else self.alive
        count = len(added.ids)
        if not count:
            return replace(self, alive=alive)
        known = (
            ids.with_more(self.count, added.ids),
            segment_ids.with_more(self.count, added.segment_ids),
            content_ids.with_more(self.count, added.content_ids),
            speech.with_more(self.count, added.speech),
        )
        return Columns(self.count + count, known, np.concatenate([alive, np.ones(count, dtype=bool)]))


@dataclass(frozen=True)
class View:
    """The vectors of a space as the state ``mark`` of the index has them. A ``core.search.dense.Source``."""

    space: EmbeddingSpace
    mark: Mark
    base: Base
    columns: Columns
    added: Growing  # float16 rows of shape (dim,) after those of ``base``
    masks: dict[SegmentKind | None, NDArray[np.bool_]] = field(default_factory=dict, repr=False)

    def follow(self, mark: Mark, removed: NDArray[np.int64], added: VectorRows) -> View:
        """The view at a later state: ``removed`` ids are gone, ``added`` rows came, some under ids that were gone."""
        if not removed.size and not added.ids.size:
            return replace(self, mark=mark)
        count = len(self.tail)
        tail = self.added.with_more(count, narrow(added.vectors)) if added.ids.size else self.added
        return View(self.space, mark, self.base, self.columns.follow(removed, added), tail)

    def highest_left(self, removed: NDArray[np.int64]) -> int:
        """The id above which the table may hold rows that are new to this view, once ``removed`` ids went.

        SQLite gives a new row the id after the highest. While the highest row of this state is there, that is a new
        id; once it went, ids may be given again, but none below a row that stayed.
        """
        if self.mark.last_id not in removed:
            return self.mark.last_id
        ids = self.columns.ids[self.columns.alive]
        return int(ids[~np.isin(ids, removed)].max(initial=0))

    @property
    def tail(self) -> Halves:
        """The rows after those of ``base``, shape (m, dim)."""
        return self.added.upto(self.columns.count - len(self.base.rows))

    @property
    def stale(self) -> int:
        """How many rows a new snapshot would take in or leave out."""
        dead = int(np.count_nonzero(~self.columns.alive))
        return len(self.tail) + dead

    def count(self, kind: SegmentKind | None = None) -> int:
        return int(np.count_nonzero(self.mask(kind)))

    def mask(self, kind: SegmentKind | None) -> NDArray[np.bool_]:
        """Which rows are there and of a kind, all kinds for None; whatever is not speech counts as a passage."""
        known = self.masks.get(kind)
        if known is None:
            alive, speech = self.columns.alive, self.columns.speech
            known = alive if kind is None else alive & (speech if kind is SegmentKind.SPEECH else ~speech)
            self.masks[kind] = known
        return known

    def scored(self, query: Vector) -> ViewScores:
        length = float(np.linalg.norm(query))
        return ViewScores(self, np.asarray(query / length if length > 0 else query, np.float32))

    def sample(self, count: int) -> Matrix:
        """Rows spread over the space, float32, shape (at most ``count``, dim)."""
        if len(self.base.rows):
            return self.base.sample[spread(len(self.base.sample), count)]
        return widen(self.tail[spread(len(self.tail), count)])

    def rows(self, positions: Positions) -> Matrix:
        """float32, shape (n, dim)."""
        return widen(self.halves(positions))

    def halves(self, positions: Positions) -> Halves:
        """The same as they are kept, float16."""
        found = np.empty((positions.size, self.space.dim), dtype=np.float16)
        in_base = positions < len(self.base.rows)
        found[in_base] = self.base.rows[positions[in_base]]
        found[~in_base] = self.tail[positions[~in_base] - len(self.base.rows)]
        return found


class ViewScores:
    """One query against a view. A ``core.search.dense.Scored``."""

    def __init__(self, view: View, query: Vector) -> None:
        self._view = view
        self._query = query

    def best_first(self, kind: SegmentKind | None) -> Iterator[Candidates]:
        """All segments of a kind, in blocks of which each is nearer than the next; by bits, nearly so."""
        view = self._view
        if view.base.exact:
            for block in _descending_among(view.mask(kind), self._dots):
                yield self.candidates(block)
            return
        done = np.zeros(view.columns.count, dtype=bool)
        for nearest in self._by_bits(kind):
            fresh = nearest[~done[nearest]]
            done[fresh] = True
            cosines = self.cosines(fresh)
            for block in descending(cosines):
                yield self.candidates(fresh[block], cosines[block])

    def of_contents(self, kind: SegmentKind | None, content_ids: NDArray[np.int64]) -> Candidates:
        """All segments of a kind that belong to some contents, in no order."""
        columns = self._view.columns
        return self.candidates(np.flatnonzero(self._view.mask(kind) & np.isin(columns.content_ids, content_ids)))

    def pool(self, kind: SegmentKind | None) -> Positions:
        """Segments among which those are that are near to this and to other queries: all, or many by their bits."""
        if self._view.base.exact:
            return np.flatnonzero(self._view.mask(kind))
        nearest = self._by_bits(kind)
        return np.concatenate([next(nearest), next(nearest)])

    def cosines(self, positions: Positions) -> Floats:
        """To some segments, shape (n,)."""
        if positions.size > self._view.columns.count // _MORE_CANDIDATES and self._view.base.exact:
            return self._dots[positions]
        found = [
            self._view.rows(positions[start : start + _CANDIDATES]) @ self._query
            for start in range(0, positions.size, _CANDIDATES)
        ]
        return np.concatenate(found) if found else np.empty(0, dtype=np.float32)

    def background(self) -> Floats:
        """To rows that stand for the whole space, shape (m,)."""
        return np.asarray(self._view.sample(BACKGROUND_ROWS) @ self._query, np.float32)

    def rows(self, positions: Positions) -> Matrix:
        return self._view.rows(positions)

    def sample(self, count: int) -> Matrix:
        return self._view.sample(count)

    def count(self, kind: SegmentKind | None) -> int:
        return self._view.count(kind)

    @cached_property
    def _dots(self) -> Floats:
        return np.concatenate([dots(self._view.base.rows, self._query), dots(self._view.tail, self._query)])

    @cached_property
    def _distances(self) -> Floats:
        """In how many bits the rows of the base differ from the query."""
        base = self._view.base
        return hammings(base.bits, sign_bits(self._query[None], base.centre)[0])

    def _by_bits(self, kind: SegmentKind | None) -> Iterator[Positions]:
        """Positions in the order of their bits, in three helpings, and the rows without bits with the first."""
        count = len(self._view.base.rows)
        mask = self._view.mask(kind)
        first = max(_CANDIDATES, count // _CANDIDATE_SHARE)
        blocks = _descending_among(mask[:count], -self._distances, first, _MORE_CANDIDATES)
        none = np.empty(0, dtype=np.int64)
        yield np.concatenate([next(blocks, none), count + np.flatnonzero(mask[count:])])
        yield next(blocks, none)
        yield from blocks

    def candidates(self, positions: Positions, cosines: Floats | None = None) -> Candidates:
        columns = self._view.columns
        return Candidates(
            positions,
            columns.segment_ids[positions],
            columns.content_ids[positions],
            self.cosines(positions) if cosines is None else cosines,
        )


def spread(size: int, count: int) -> Positions:
    """At most ``count`` positions, evenly spread over ``size``."""
    return np.linspace(0, size - 1, min(size, count)).astype(np.int64)


def _descending_among(
    mask: NDArray[np.bool_], values: Floats, first: int = 512, growth: int = 4
) -> Iterator[Positions]:
    """``descending`` for the values that a mask lets through."""
    if np.count_nonzero(mask) * 4 > mask.size:
        yield from descending(np.where(mask, values, -np.inf).astype(np.float32, copy=False), first, growth)
        return
    among = np.flatnonzero(mask)
    for block in descending(values[among], first, growth):
        yield among[block]
