"""Where a text holds the words of a query: FTS5's ``highlight()`` without a look into the index.

``highlight()`` finds the row among those of every word first, which for common words costs a hundred times as much as
cutting the text into words again.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from core.store.tokenise import tokeniser


class Marker:
    """Marks the occurrences of some terms in texts."""

    def __init__(self, connection: apsw.Connection, terms: Sequence[Sequence[str]]) -> None:
        """``terms``: the words of each, which follow one another."""
        self._tokens = tokeniser(connection)
        self._phrases: dict[str, list[list[str]]] = {}
        for words in terms:
            phrase = [token for _, _, token in self._tokens(" ".join(words).encode())]
            if phrase:
                self._phrases.setdefault(phrase[0], []).append(phrase)

    def mark(self, text: str, start: str, end: str) -> str | None:
        """The text with ``start`` and ``end`` put around every occurrence; None where there is none.

        Occurrences that share a word are marked as one.
        """
        utf8 = text.encode()
        found = self._tokens(utf8)
        ranges: list[tuple[int, int]] = []  # first and last token
        for at, (_, _, token) in enumerate(found):
            for phrase in self._phrases.get(token, ()):
                last = at + len(phrase) - 1
                if last > at and [other for _, _, other in found[at : last + 1]] != phrase:
                    continue
                if ranges and at <= ranges[-1][1]:
                    ranges[-1] = (ranges[-1][0], max(ranges[-1][1], last))
                else:
                    ranges.append((at, last))
        if not ranges:
            return None
        parts: list[str] = []
        position = 0
        for first, last in ranges:
            opens, closes = found[first][0], found[last][1]
            parts += [utf8[position:opens].decode(), start, utf8[opens:closes].decode(), end]
            position = closes
        parts.append(utf8[position:].decode())
        return "".join(parts)
