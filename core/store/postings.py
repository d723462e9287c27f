"""Which rows of a full-text index hold a term: all of them where they are few, else an estimate of how many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.store.connection import Database
from core.store.words import phrase

_PROBES, _PROBE_ROWS = 8, 256  # stretches of rows that are sampled: the newest alone may all be of one folder

Ids = NDArray[np.int64]
_NONE = np.zeros(0, dtype=np.int64)
Words = tuple[str, ...]


@dataclass(frozen=True)
class Posting:
    """The rows of one term. ``rowids`` are all of them, ascending, where ``complete``; else there are none.

    ``count`` is exact where complete, else an estimate. ``work`` is how many rows are walked to find them: those of the
    rarest word. ``sample`` are those of a common word among the sampled rows, ascending; None of a phrase.
    """

    words: Words
    count: int
    rowids: Ids
    complete: bool
    work: int
    sample: Ids | None = None

    @property
    def expression(self) -> str:
        return phrase(self.words)


@dataclass(frozen=True)
class Postings:
    """The rows of a query's terms in an index of ``total`` rows, of which ``sampled`` were looked at one by one.

    ``bound``: how many rows may be read of one term.
    """

    terms: tuple[Posting, ...]
    total: int
    sampled: int
    bound: int

    @property
    def counts(self) -> Ids:
        """How many rows hold each term, shape (terms,)."""
        return np.array([term.count for term in self.terms], dtype=np.int64)

    @property
    def whole(self) -> bool:
        """Whether the index is so small that every row of it may be read."""
        return self.total <= self.bound

    @property
    def few(self) -> bool:
        """Whether all rows of all terms are known, and so few that each may be scored."""
        if self.whole:
            return True
        complete = all(term.complete for term in self.terms)
        matches, walked = sum(term.count for term in self.terms), sum(term.work for term in self.terms)
        return complete and matches <= 2 * self.bound and walked <= 16 * self.bound

    def together(self, numbers: Sequence[int]) -> int:
        """About how many rows hold all of these terms, going by the sample; 0 where that cannot be told."""
        samples = [sample for number in numbers if (sample := self.terms[number].sample) is not None]
        if not self.sampled or len(samples) < len(numbers):
            return 0
        common = reduce(partial(np.intersect1d, assume_unique=True), samples)
        return round(common.size * self.total / self.sampled)


class PostingReader:
    """Reads the postings of one query."""

    def __init__(self, database: Database, table: str, bound: int) -> None:
        """``bound``: how many rows may be read of one term."""
        self._database = database
        self._table = table
        self._bound = bound
        # SQLite counts a table by the headers of its pages: 0.2 ms for a million rows.
        self._total: int = database.connection.execute(f"SELECT count(*) FROM {table}_docsize").get
        self._rows = RowRange(database, table)
        self._counts: dict[str, int] = {}
        self._probes: list[tuple[int, int]] = []
        self._sampled_rows = 0

    def read(self, terms: Sequence[Words], work: int) -> Postings:
        """``work``: how many rows may be walked for all phrases together after the cheapest.

        The words of a phrase are found side by side by walking along the rarest of them, to the end if they never are:
        FTS5 does not stop before it has found a match. A phrase that is too dear is not looked for and counts as
        common.
        """
        found: dict[Words, Posting] = {}
        for words, walked in sorted(((words, self._walked(words)) for words in terms), key=lambda each: each[1]):
            if len(words) == 1:
                found[words] = self._word(words)
            elif walked <= work or not any(len(other) > 1 for other in found):
                work -= walked
                found[words] = self._phrase(words, walked)
            else:
                found[words] = Posting(words, min(self._bound, self._total), _NONE, complete=False, work=walked)
        return Postings(tuple(found[words] for words in terms), self._total, self._sampled_rows, self._bound)

    def _walked(self, words: Words) -> int:
        return min(self._roughly(word) for word in words) if len(words) > 1 else 0

    def _word(self, word: Words) -> Posting:
        seen, oldest = self._newest(word)
        if seen <= self._bound:
            rowids = self._rowids(word, self._bound)
            return Posting(word, rowids.size, rowids, complete=True, work=rowids.size)
        sample = self._sample_of(word)
        if self._sampled_rows >= _PROBE_ROWS:
            count = round(sample.size * self._total / self._sampled_rows)
        else:  # hardly any of the row ids is in use
            count = round(seen / self._rows.share_from(oldest))
        count = min(self._total, max(seen, count))
        return Posting(word, count, _NONE, complete=False, work=count, sample=sample)

    def _phrase(self, words: Words, walked: int) -> Posting:
        rowids = self._rowids(words, self._bound + 1)
        if rowids.size <= self._bound:
            return Posting(words, rowids.size, rowids, complete=True, work=max(walked, rowids.size))
        count = min(self._total, round(rowids.size / self._rows.share_from(int(rowids[0]))))
        return Posting(words, count, _NONE, complete=False, work=max(walked, count))

    def _roughly(self, word: str) -> int:
        """How many rows hold a word, going by the newest of them if there are many."""
        known = self._counts.get(word)
        if known is None:
            seen, oldest = self._newest((word,))
            known = self._counts[word] = seen if seen <= self._bound else round(seen / self._rows.share_from(oldest))
        return known

    def _newest(self, word: Words) -> tuple[int, int]:
        """How many rows hold a word, counting no further than ``bound`` + 1, and the oldest of these."""
        seen, oldest = self._database.connection.execute(
            f"""
            SELECT count(*), min(id) FROM (
                SELECT rowid AS id FROM {self._table} WHERE {self._table} MATCH ?
                ORDER BY rowid DESC LIMIT {self._bound + 1}
            )
            """,
            (phrase(word),),
        ).get
        return int(seen), int(oldest or 0)

    def _rowids(self, words: Words, limit: int) -> Ids:
        """The newest rows that hold the words, ascending."""
        rows = self._database.connection.execute(
            f"SELECT rowid FROM {self._table} WHERE {self._table} MATCH ? ORDER BY rowid DESC LIMIT {limit}",
            (phrase(words),),
        )
        return column(rows)[::-1]

    def _sample_of(self, word: Words) -> Ids:
        """The sampled rows that hold a word, ascending."""
        db = self._database.connection
        if not self._probes:
            step = max(_PROBE_ROWS, self._rows.length // _PROBES)
            lows = range(self._rows.first + (step - _PROBE_ROWS) // 2, self._rows.last + 1, step)
            self._probes = [(low, low + _PROBE_ROWS - 1) for low in lows]
            statement = f"SELECT count(*) FROM {self._table}_docsize WHERE id BETWEEN ? AND ?"
            self._sampled_rows = sum(db.execute(statement, probe).get for probe in self._probes)
        statement = f"SELECT rowid FROM {self._table} WHERE {self._table} MATCH ? AND rowid BETWEEN ? AND ?"
        return np.concatenate([column(db.execute(statement, (phrase(word), *probe))) for probe in self._probes])


def column(rows: Iterable[tuple[Any, ...]]) -> Ids:
    """Rows of one integer each, shape (n,)."""
    return np.fromiter(chain.from_iterable(rows), dtype=np.int64)


def merged(ids: Sequence[Ids]) -> Ids:
    """All the ids, ascending, each once."""
    # numpy's unique() hashes first, which takes four times as long.
    every = np.sort(np.concatenate([_NONE, *ids]))
    return every[np.diff(every, prepend=every[:1] - 1) > 0]


class RowRange:
    """The row ids of a full-text table, from the first to the last in use."""

    def __init__(self, database: Database, table: str) -> None:
        first, last = database.connection.execute(
            f"SELECT (SELECT min(id) FROM {table}_docsize), (SELECT max(id) FROM {table}_docsize)"
        ).get
        self.first = int(first or 0)
        self.last = int(last or 0)
        self.length = self.last - self.first + 1

    def share_from(self, rowid: int) -> float:
        """The share of the range that lies from a row id on; above 0."""
        return max(1, self.last - rowid + 1) / self.length
