"""The index's tokeniser: APSW's Unicode words without case and accents, quick about ASCII and what it has seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import apsw
import apsw.fts5

Token = tuple[int, int, str]  # where it starts and ends in the UTF-8 text, and what is indexed

# What the tables are made with; porter is SQLite's own and takes English endings off.
TOKENISER = ("porter", "simplify", "casefold", "true", "strip", "true", "unicodewords")

_CHUNK = re.compile(rb"[^ \t\n\r]+")
# Unicode TR29's words, of ASCII alone: what joins two letters, and two digits.
_ASCII_WORD = re.compile(rb"(?:[A-Za-z0-9_]|(?<=[A-Za-z])[.':](?=[A-Za-z])|(?<=[0-9])[.',;](?=[0-9]))+")
_NO_LETTERS = b"_.':,;"  # that a word may hold, and that go with the accents

# Letters, digits and punctuation that combine with nothing: Latin, Greek, Cyrillic, Chinese and Japanese.
_PLAIN = re.compile(
    "[\x00-\x7f\xa0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e\u20a0-\u20bf"
    "\u3000-\u3029\u3041-\u3096\u30a0-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff60]*"
)
_LONGEST = 48  # bytes of a chunk that is remembered: longer ones, such as CJK sentences, hardly come again
_REMEMBERED = 20_000  # chunks, about 6 MB

_memory: dict[bytes, list[Token]] = {}


def register(connection: apsw.Connection) -> None:
    """Make the tokenisers known to a connection."""
    connection.register_fts5_tokenizer("simplify", _remembering)
    # The decorator that makes this tokeniser is typed as what it wraps.
    connection.register_fts5_tokenizer("unicodewords", apsw.fts5.UnicodeWordsTokenizer)  # type: ignore[arg-type]


def tokeniser(connection: apsw.Connection) -> Callable[[bytes], list[Token]]:
    """What gives the tokens of a UTF-8 text as the index holds them."""
    name, *arguments = TOKENISER
    tokenise: Any = connection.fts5_tokenizer(name, arguments)
    return lambda utf8: tokenise(utf8, apsw.FTS5_TOKENIZE_AUX, None)


def remembered() -> int:
    """How many stretches of text are held in memory."""
    return len(_memory)


def _remembering(connection: apsw.Connection, arguments: list[str]) -> apsw.Tokenizer:
    """APSW's ``simplify`` with all that it wraps, remembering what it made of each stretch between blanks.

    A blank ends a word (Unicode TR29), so that a text's tokens are those of its stretches one after another. Marks and
    joiners, which cling to what is before them even if that is a blank, are left to the library.
    """
    # Typed for all that a tokeniser may give; this one gives a start, an end and one token.
    slow: Any = apsw.fts5.SimplifyTokenizer(connection, arguments)
    if tuple(arguments) != TOKENISER[2:]:
        return slow  # type: ignore[no-any-return]

    def chunk_tokens(chunk: bytes, flags: int, locale: str | None) -> list[Token]:
        found = _ascii_tokens(chunk) if chunk.isascii() else list(slow(chunk, flags, locale))
        if len(chunk) <= _LONGEST:
            if len(_memory) >= _REMEMBERED:
                _memory.clear()  # the words of the next text are soon known again
            _memory[chunk] = found
        return found

    def tokenise(utf8: bytes, flags: int, locale: str | None) -> Iterable[Token]:
        if not utf8.isascii() and not _PLAIN.fullmatch(utf8.decode()):
            plain: Iterable[Token] = slow(utf8, flags, locale)
            return plain
        found: list[Token] = []
        for match in _CHUNK.finditer(utf8):
            chunk = match[0]
            at = match.start()
            known = _memory.get(chunk)
            if known is None:
                known = chunk_tokens(chunk, flags, locale)
            for start, end, token in known:
                found.append((at + start, at + end, token))
        return found

    return tokenise


def _ascii_tokens(chunk: bytes) -> list[Token]:
    words = ((word.start(), word.end(), word[0].translate(None, _NO_LETTERS)) for word in _ASCII_WORD.finditer(chunk))
    return [(start, end, letters.lower().decode()) for start, end, letters in words if letters]
