"""One query from words and example files to hits."""

from __future__ import annotations

import os
import time

from core.errors import SpaceMovedError, UsageError
from core.search.examples import ExampleReader
from core.search.part import Notes
from core.search.question import MOVES, Answer, Answers, Question
from core.store.filters import FileFilter
from core.types import Query, SearchResult


class Searcher:
    """Answers queries; any thread may call it."""

    def __init__(self, examples: ExampleReader, answers: Answers) -> None:
        self._examples = examples
        self._answers = answers

    def search(self, query: Query) -> SearchResult:
        """The files that match, best first.

        Raises ``UsageError`` for an empty query, ``UnreadableError`` for an example file that cannot be read.
        """
        if query.empty:
            raise UsageError("nothing to search for: give words or an example file")
        started = time.perf_counter()
        answer = self._answer(query)
        took_ms = (time.perf_counter() - started) * 1000
        return SearchResult(query, answer.hits, answer.hidden, round(took_ms, 1), answer.notes)

    def _answer(self, query: Query) -> Answer:
        for last in [False] * (MOVES - 1) + [True]:
            notes = Notes()
            examples = tuple(self._examples.read(path, notes) for path in query.like)
            text = query.text.encode("utf-8", "replace").decode("utf-8")  # lone surrogates have no UTF-8
            try:
                return self._answers.answer(
                    Question(text, examples, _file_filter(query), query.limit, query.include_gated, notes.lines)
                )
            except SpaceMovedError:
                if last:
                    raise
        raise AssertionError("unreachable")

    def warm(self) -> None:
        """Load what the first query would wait for."""
        self._answers.warm()

    def close(self) -> None:
        self._answers.close()


def _file_filter(query: Query) -> FileFilter:
    folder = os.fsencode(query.folder.absolute()) if query.folder is not None else None
    return FileFilter(query.kinds, folder, query.after, query.before)
