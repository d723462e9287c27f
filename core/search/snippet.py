"""The stretch of a segment's text that a hit shows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.store.segments import MARK_END, MARK_START
from core.store.words import split_words

MAX_CHARS = 240
ELLIPSIS = "…"

Mark = tuple[int, int]

_DELIMITERS = re.compile(f"[{MARK_START}{MARK_END}]")
_BLANKS = re.compile(r"\s+")
_SENTENCE_END = re.compile(r"""[.!?…]+["'”’»)\]]*\s+|[。！？]+[」』”’）]*\s*""")
# Where a line may be cut: at a blank, and between CJK characters, which are written without blanks.
_BREAK = re.compile(r"\s|(?<=[\u2e80-\u9fff\uf900-\ufaff])|(?=[\u2e80-\u9fff\uf900-\ufaff])")


@dataclass(frozen=True)
class Snippet:
    """A stretch of text, at most ``MAX_CHARS`` and two ellipses long, with the ranges of matched words in it."""

    text: str
    marks: tuple[Mark, ...] = ()


def read_marked(marked: str) -> Snippet:
    """A whole text with ``MARK_START`` and ``MARK_END`` around matches, as the store gives it, to text and ranges."""
    parts: list[str] = []
    marks: list[Mark] = []
    length = start = 0
    position = 0
    for delimiter in _DELIMITERS.finditer(marked):
        parts.append(marked[position : delimiter.start()])
        length += len(parts[-1])
        if delimiter.group() == MARK_START:
            start = length
        elif length > start:
            marks.append((start, length))
        position = delimiter.end()
    parts.append(marked[position:])
    return Snippet("".join(parts), tuple(marks))


def cut_snippet(text: str, marks: Sequence[Mark] = (), words: Iterable[str] = ()) -> Snippet:
    """Choose what to show of ``text``: around the sentence with the most different matched words.

    ``marks`` are ascending, disjoint character ranges of matches. Where there are none, as for a segment that an
    encoder found, the sentence that shares most of ``words`` is taken, else the beginning. Only whole words are shown.
    """
    whole = _single_spaced(text, marks)
    if not whole.text:
        return whole
    start, end = _best_sentence(whole, {word.casefold() for word in words})
    start, end = _window(whole, start, end)
    shown = whole.text[start:end]
    lead = len(shown) - len(shown.lstrip())
    start, end = start + lead, end - (len(shown) - len(shown.rstrip()))
    before = ELLIPSIS if start > 0 else ""
    after = ELLIPSIS if end < len(whole.text) else ""
    shift = len(before) - start
    kept = tuple((a + shift, b + shift) for a, b in whole.marks if a >= start and b <= end)
    return Snippet(before + whole.text[start:end] + after, kept)


def mark_words(text: str, words: Iterable[str]) -> Snippet:
    """All of ``text`` with every occurrence of the words marked, whatever their case; for names."""
    forms = sorted({word for word in words if word}, key=len, reverse=True)
    if not forms:
        return Snippet(text)
    found = re.finditer("|".join(re.escape(form) for form in forms), text, re.IGNORECASE)
    return Snippet(text, tuple(match.span() for match in found))


def _single_spaced(text: str, marks: Sequence[Mark]) -> Snippet:
    """The text with every run of blanks as one, none at its ends, and the marks moved along."""
    moved: list[Mark] = []
    for start, end in marks:
        before = _BLANKS.sub(" ", text[:start].lstrip())
        moved.append((len(before), len(before) + len(_BLANKS.sub(" ", text[start:end]))))
    return Snippet(" ".join(text.split()), tuple(moved))


def _best_sentence(whole: Snippet, words: set[str]) -> Mark:
    """The sentence with the most different matches; the first of equals."""
    cuts = [match.end() for match in _SENTENCE_END.finditer(whole.text)]
    starts = [0, *(at for at in cuts if at < len(whole.text))]
    sentences = list(zip(starts, [*starts[1:], len(whole.text)], strict=True))
    if whole.marks:
        return max(sentences, key=lambda s: len(_matches_within(whole, *s)))
    if words:
        return max(sentences, key=lambda s: len(words & {w.casefold() for w in split_words(whole.text[s[0] : s[1]])}))
    return sentences[0]


def _matches_within(whole: Snippet, start: int, end: int) -> set[str]:
    return {whole.text[a:b].casefold() for a, b in whole.marks if a >= start and b <= end}


def _window(whole: Snippet, start: int, end: int) -> Mark:
    """At most ``MAX_CHARS`` at whole words: a long sentence is cut around its matches, a short one goes on."""
    text = whole.text
    if end - start > MAX_CHARS:
        inside = [mark for mark in whole.marks if mark[0] >= start and mark[1] <= end]
        if inside:
            # The match from which the window holds the most different matches, with a little before it to read.
            first = max(inside, key=lambda m: len(_matches_within(whole, m[0], m[0] + MAX_CHARS * 3 // 4)))
            start = max(start, first[0] - MAX_CHARS // 4)
            if start > 0:
                start = _break_after(text, start, first[0])
    end = start + MAX_CHARS
    if end >= len(text):
        # Room is left: show what came before as well.
        end = len(text)
        if start > 0 and end - start < MAX_CHARS:
            start = _break_after(text, max(0, end - MAX_CHARS), start)
        return start, end
    return start, _break_before(text, start, end)


def _break_after(text: str, at: int, limit: int) -> int:
    """The first place from ``at`` on where a line may be broken, ``limit`` if there is none before it."""
    if at == 0:
        return 0
    found = _BREAK.search(text, at, limit)
    return found.end() if found else limit


def _break_before(text: str, start: int, at: int) -> int:
    """The last place up to ``at`` where a line may be broken; ``at`` itself in a word without end."""
    if text[at : at + 1].isspace():
        return at
    places = [match.start() for match in _BREAK.finditer(text, start + 1, at)]
    return places[-1] if places else at
