"""Full text whose cost is bounded, however common the words are. One machinery for two FTS5 tables.

FTS5 answers a rare word at once, but walks every row of a common one: to count it for BM25, to score it, to sort it.
In a million texts a word that half of them hold costs a third of a second. So no term is read beyond ``READ`` rows.
One with at most that many is *telling*: all its rows are known. Any other is *common*: its rows are estimated, and it
is only asked of rows that something else has found, or together with the other common terms, newest rows first.
An index of at most ``READ`` rows, and a query of telling terms alone, is answered by BM25 over all that match.

Work is counted in steps, of about 60 ns, and estimated before a statement is run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.store.connection import Database
from core.store.postings import Ids, PostingReader, Postings, RowRange, Words, column, merged

READ = 4_000  # rows that are read of one term
WORK = 300_000  # steps that the statements for candidates may take: 20 ms
PHRASE_WORK = 200_000  # rows that may be walked to find phrases: 20 ms
_LEAST_SHARE = 0.4  # of a query's weight; what only holds less is not looked for where there is anything better
_SCORED = 2_000  # rows of a large index that are put in order by BM25
_SCORE_STEPS = 13  # that BM25 costs for one row
_FIND_STEPS = 50  # that it costs to find one row among those of a common term, unless walking past all is cheaper
_WALK_STEPS = 0.125  # that it costs to walk past one

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Candidates:
    """Rows that hold some of the terms, best first.

    ``held`` (n, terms) says whether a row holds a term, 1 or 0; where that was too dear to ask, the share of all rows
    that do. ``scores`` (n,), higher is better: BM25 where every match was scored, else the weight of what is held.
    """

    rowids: Ids
    held: NDArray[np.float32]
    scores: NDArray[np.float32]


class FullText:
    """One FTS5 table."""

    def __init__(self, database: Database, table: str, bm25: str, bound: int = READ) -> None:
        """``bm25`` is the call that scores a row, lower is better; ``bound`` how many rows are read of one term."""
        self._database = database
        self._table = table
        self._bm25 = bm25
        self._bound = bound

    def postings(self, terms: Sequence[Words]) -> Postings:
        """How many rows hold each term, each the words of a phrase; exact up to the bound."""
        return PostingReader(self._database, self._table, self._bound).read(terms, PHRASE_WORK)

    def candidates(self, postings: Postings, weights: Weights, span: tuple[int, int] | None = None) -> Candidates:
        """The rows that answer the terms best.

        ``weights`` (terms,) say how much each term tells. Every row of a telling term is a candidate. Of rows that hold
        common terms alone, the newest that hold all are, then the newest that hold all but the commonest, and so on.
        They are ordered by the weight of what they hold, then by BM25 over the telling terms, then newest first. In a
        large index only rows from the first to the second id of ``span`` are candidates.

        What a large index gives up: old rows that hold no telling term and not all of the common ones, and what
        frequency and length would say about common terms.
        """
        if postings.few:
            return self._by_bm25(postings)
        return _Bounded(self._database, self._table, self._bm25, postings, weights, span).candidates()

    def _by_bm25(self, postings: Postings) -> Candidates:
        expression = " OR ".join(term.expression for term in postings.terms)
        rows: Any = self._database.connection.execute(
            f"SELECT rowid, {self._bm25} AS score FROM {self._table} WHERE {self._table} MATCH ? ORDER BY score",
            (expression,),
        ).fetchall()
        rowids = np.array([rowid for rowid, _ in rows], dtype=np.int64)
        held = np.stack([np.isin(rowids, term.rowids) for term in postings.terms], axis=1)
        scores = np.array([-score for _, score in rows], dtype=np.float32)
        return Candidates(rowids, held.astype(np.float32), scores)


class _Bounded:
    """One query of an index that is too large, and words that are too common, to score every match."""

    def __init__(
        self,
        database: Database,
        table: str,
        bm25: str,
        postings: Postings,
        weights: Weights,
        span: tuple[int, int] | None,
    ) -> None:
        self._database = database
        self._table = table
        self._bm25 = bm25
        self._postings = postings
        self._terms = postings.terms
        self._total = postings.total
        self._bound = postings.bound
        self._weights = weights
        self._left = float(WORK)
        rows = RowRange(database, table)
        self._lowest, self._highest = span or (rows.first, rows.last)
        self._share = min(1.0, (self._highest - self._lowest + 1) / rows.length)
        self._telling = [number for number, term in enumerate(self._terms) if term.complete and term.count]
        common = [number for number, term in enumerate(self._terms) if not term.complete]
        self._common = sorted(common, key=lambda number: self._terms[number].count)

    def candidates(self) -> Candidates:
        inside = {number: self._inside(self._terms[number].rowids) for number in self._telling}
        telling = merged(list(inside.values()))
        together = self._together(bool(telling.size))
        rowids = merged([telling, *(found for _, found in together)])
        held = np.zeros((rowids.size, len(self._terms)), np.float32)
        for number in self._common:
            held[:, number] = self._terms[number].count / self._total
        for numbers, found in together:
            held[np.searchsorted(rowids, found)[:, None], numbers] = 1.0
        for number, found in inside.items():
            held[np.searchsorted(rowids, found), number] = 1.0
        if telling.size:
            self._ask(np.searchsorted(rowids, telling), rowids, held)
        scores = (held @ self._weights).astype(np.float32)
        # Sums that differ in rounding alone are one.
        rank = -np.round(scores / max(float(self._weights.sum()), 1e-9), 3)
        order = np.lexsort((-rowids, rank))
        if telling.size:
            order = np.lexsort((-rowids, self._telling_bm25(rowids, order), rank))
        return Candidates(rowids[order], held[order], scores[order])

    def _together(self, any_telling: bool) -> list[tuple[list[int], Ids]]:
        """Rows that hold several common terms: the numbers of these, and the newest rows."""
        found: list[tuple[list[int], Ids]] = []
        numbers = self._common
        rows = 0
        while numbers and rows < self._bound:
            share = self._weights[numbers].sum() / max(float(self._weights.sum()), 1e-9)
            if (any_telling or rows) and share < _LEAST_SHARE:
                break
            # To find what holds everything is worth most; the rest is kept to find anything at all.
            newest = self._newest_with(numbers, self._left * (0.5 if found else 0.8))
            if newest is not None:
                found.append((numbers, newest))
                rows = newest.size
            numbers = numbers[: min(len(numbers) - 1, len(numbers) * 3 // 4)]
        return found

    def _newest_with(self, numbers: Sequence[int], limit: float) -> Ids | None:
        """The newest rows that hold all the terms; None where finding them would take more work than ``limit``."""
        # FTS5 walks along the rarest word and looks for each row in the lists of the others, until it has enough.
        terms = [self._terms[number] for number in numbers]
        walked = min(term.work for term in terms) * (1 + sum(len(term.words) for term in terms) / 2)
        together = self._postings.together(numbers)
        share = self._share * self._bound / max(self._bound, together * self._share) + 1 / max(together, 1)
        if not self._spend(walked * min(1.0, share), limit):
            return None
        rows = self._database.connection.execute(
            f"""
            SELECT rowid FROM {self._table} WHERE {self._table} MATCH ? AND rowid BETWEEN ? AND ?
            ORDER BY rowid DESC LIMIT {self._bound}
            """,
            (" AND ".join(term.expression for term in terms), self._lowest, self._highest),
        )
        return column(rows)

    def _inside(self, rowids: Ids) -> Ids:
        return rowids[np.searchsorted(rowids, self._lowest) : np.searchsorted(rowids, self._highest, "right")]

    def _ask(self, positions: NDArray[np.intp], rowids: Ids, held: NDArray[np.float32]) -> None:
        """Find out which rows of telling terms hold the common terms, those that tell most first.

        ``positions`` of the rows in ``rowids`` and ``held``, which is filled in.
        """
        telling = [self._terms[number] for number in self._telling]
        walked = sum(term.work for term in telling)
        any_telling = " OR ".join(term.expression for term in telling)
        for number in self._common:
            term = self._terms[number]
            finding = min(positions.size * _FIND_STEPS, term.work * _WALK_STEPS) * len(term.words)
            if not self._spend(walked + finding, self._left):
                continue
            rows = self._database.connection.execute(
                f"SELECT rowid FROM {self._table} WHERE {self._table} MATCH ?",
                (f"({any_telling}) AND {term.expression}",),
            )
            held[positions, number] = 0.0
            held[np.searchsorted(rowids, self._inside(np.sort(column(rows)))), number] = 1.0

    def _telling_bm25(self, rowids: Ids, order: NDArray[np.intp]) -> NDArray[np.float64]:
        """BM25 over the telling terms of the first rows in ``order``, lower is better; 0 where it was not asked."""
        telling = [self._terms[number] for number in self._telling]
        scored = rowids[order[:_SCORED]]
        scores = np.zeros(rowids.size)
        if self._spend(2 * sum(term.work for term in telling) + scored.size * _SCORE_STEPS, self._left):
            # The plus keeps SQLite from running the match once for each row.
            rows = self._database.connection.execute(
                f"""
                SELECT rowid, {self._bm25} FROM {self._table}
                WHERE {self._table} MATCH ? AND +rowid IN (SELECT value FROM json_each(?))
                """,
                (" OR ".join(term.expression for term in telling), json.dumps(scored.tolist())),
            )
            found = np.array(rows.fetchall(), dtype=np.float64).reshape(-1, 2)
            scores[np.searchsorted(rowids, found[:, 0].astype(np.int64))] = found[:, 1]
        return scores

    def _spend(self, steps: float, limit: float) -> bool:
        """Take the steps from the work that is left, if they are within the limit."""
        if steps > limit:
            return False
        self._left -= steps
        return True
