"""Cuts text into passages that a text encoder can read whole. Pure: text in, passages out.

A passage is a slice of the text it came from, so that its offset is true and nothing is lost between two cuts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from core.extract.printable import printable, with_line_ends
from core.types import Locator, Passage

MAX_WORDS = 200  # MiniLM reads 256 tokens, and English takes about 1.25 of them a word
_OVERLAP_WORDS = 50  # a longer sentence is not repeated: the overlap is there for context, not for bulk
_SECTION_WORDS = 60  # a section shorter than this joins the next instead of being a passage of its own
_PARAGRAPH_WORDS = 120  # from here on a passage ends early rather than in the middle of the next paragraph

# Costs are counted in half words: a CJK character is about one token, half of what a word takes, and a word beyond
# 20 characters is a name, a link or a blob that tokenisers cut up.
_CJK = (
    r"\u3001-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\uff01-\uff9f\U00020000-\U0003134f"
)
_LONG_WORD_CHARS = 20
_ATOM = re.compile(rf"([{_CJK}])|[^\s{_CJK}]{{1,{_LONG_WORD_CHARS}}}")
_CJK_CHARACTER = re.compile(rf"[{_CJK}]")
_LIMIT = 2 * MAX_WORDS
_GLANCE_CHARS = 8000  # enough to see that a span is over the limit, unless it is mostly blank
_SHORT_LINES_CHARS = 200  # lines that together have no more than this stay together

_PARAGRAPH_END = re.compile(r"\n[^\S\n]*\n\s*|\f\s*")
# A stop, what may close after it, blank space, and no small letter next ("e.g. this"); CJK stops need no space. A row
# of stops is looked at once, from its first: sixty thousand dots took minutes.
_SENTENCE_END = re.compile(r"""(?<![.!?…])[.!?…]++["'”’»)\]]*+\s+(?![a-z])|[。！？]+[」』”’）]*\s*""")
_WIDE_GAP_CHARS = 200  # the void in a form or a padded file; no passage carries it along
_WIDE_GAP = re.compile(rf"\s{{{_WIDE_GAP_CHARS},}}")


@dataclass(frozen=True)
class Section:
    """A stretch of text that no passage leaves: a page, a slide, a sheet, a chapter, or a whole text without such.

    ``headings`` are character offsets into ``text`` at which a heading's line starts; a passage prefers to begin there.
    """

    text: str
    page: int | None = None  # 1-based
    label: str | None = None
    offset: int | None = None  # where ``text`` starts in the whole document; None where pages locate
    headings: tuple[int, ...] = ()


class _Unit(NamedTuple):
    """What is not cut further: a sentence, or where that is too long a line or a run of words."""

    start: int
    end: int
    cost: int  # half words
    paragraph_cost: int  # of the whole paragraph where the unit begins one, else 0
    heading: bool
    whole: bool  # a sentence or line; False for a run of words out of one that was too long


def cut(sections: Iterable[Section]) -> tuple[Passage, ...]:
    """Sections to passages of at most ``MAX_WORDS`` words, in order, each within one section.

    Passages that follow one another inside a section without a heading or a wide gap between them share one
    sentence, unless it is over 50 words. A passage's text is ``section.text[a:b]``, with blanks and line ends for
    control characters (``core.extract.printable``), and its locator's offset is ``section.offset + a``.
    """
    return tuple(passage for section in sections for passage in _cut_section(_readable(section)))


def _readable(section: Section) -> Section:
    return replace(section, text=printable(section.text))


def count_words(text: str) -> int:
    """Words as passages count them, rounded up: see the module's notes on CJK and on very long words."""
    return (_cost(text) + 1) // 2


def _cut_section(section: Section) -> Iterator[Passage]:
    current: list[_Unit] = []
    cost = 0
    for unit in _units(section):
        overlap: list[_Unit] = []
        gap = unit.start - current[-1].end if current else 0
        if gap >= _WIDE_GAP_CHARS or (unit.heading and cost >= 2 * _SECTION_WORDS):
            full = True
        elif cost + unit.cost > _LIMIT or (
            unit.paragraph_cost and cost >= 2 * _PARAGRAPH_WORDS and cost + unit.paragraph_cost > _LIMIT
        ):
            full = True
            overlap = _carried(current, unit)
        else:
            full = False
        if full and current:
            ended = current[: -len(overlap)] if overlap and overlap[-1].heading else current
            if ended:
                yield _passage(section, ended)
            current, cost = overlap, sum(one.cost for one in overlap)
        current.append(unit)
        cost += unit.cost
    if current:
        yield _passage(section, current)


def _carried(current: list[_Unit], following: _Unit) -> list[_Unit]:
    """What the next passage starts with: headings that would be left behind without their text, else one sentence."""
    headings: list[_Unit] = []
    for unit in reversed(current):
        if not unit.heading:
            break
        headings.insert(0, unit)
    carried = headings or current[-1:]
    cost = sum(unit.cost for unit in carried)
    if not carried[-1].whole or cost > 2 * _OVERLAP_WORDS or cost + following.cost > _LIMIT:
        return []
    return carried


def _passage(section: Section, units: list[_Unit]) -> Passage:
    start, end = units[0].start, units[-1].end
    offset = None if section.offset is None else section.offset + start
    text = with_line_ends(section.text[start:end])
    return Passage(text, Locator(page=section.page, label=section.label, offset=offset))


def _units(section: Section) -> Iterator[_Unit]:
    headings = set(section.headings)
    text = section.text
    for start, end in _paragraphs(text, headings):
        for piece_start, piece_end in _pieces(text, start, end, _WIDE_GAP):
            heading = piece_start in headings
            spans = list(_split(text, piece_start, piece_end, heading=heading))
            paragraph_cost = sum(cost for _, _, cost, _ in spans)
            for unit_start, unit_end, cost, whole in spans:
                yield _Unit(unit_start, unit_end, cost, paragraph_cost, heading, whole)
                paragraph_cost = 0


def _paragraphs(text: str, headings: set[int]) -> Iterator[tuple[int, int]]:
    """Spans between blank lines; a heading's line is a paragraph by itself."""
    last = 0
    for at in sorted(headings):
        yield from _pieces(text, last, at, _PARAGRAPH_END)
        line_end = text.find("\n", at)
        last = len(text) if line_end < 0 else line_end
        yield from _pieces(text, at, last, _PARAGRAPH_END)
    yield from _pieces(text, last, len(text), _PARAGRAPH_END)


def _pieces(text: str, start: int, end: int, separator: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Spans of ``text[start:end]`` between separators, without blank space at their ends, never empty.

    A stop that is part of a separator stays with the piece before it.
    """
    for match in separator.finditer(text, start, end):
        yield from _stripped(text, start, match.end())
        start = match.end()
    yield from _stripped(text, start, end)


def _stripped(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        start += len(piece) - len(piece.lstrip())
        yield start, start + len(stripped)


def _split(text: str, start: int, end: int, *, heading: bool) -> Iterator[tuple[int, int, int, bool]]:
    """A paragraph to sentences; one that is too long to lines, and those to runs of words.

    Yields (start, end, cost, whole) as ``_Unit`` has them.
    """
    if heading and (cost := _cost_or_more(text, start, end)) <= _LIMIT:
        yield start, end, cost, True
        return
    for sentence in _pieces(text, start, end, _SENTENCE_END):
        cost = _cost_or_more(text, *sentence)
        if cost <= _LIMIT:
            yield *sentence, cost, True
            continue
        for lines in _lines(text, *sentence):
            cost = _cost_or_more(text, *lines)
            if cost <= _LIMIT:
                yield *lines, cost, True
            else:
                yield from _runs(text, *lines)


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Whole lines: one where it is long, a few where they are short, for a text may have millions of them."""
    while start < end:
        at = text.rfind("\n", start, min(start + _SHORT_LINES_CHARS, end))
        if at < 0:
            at = text.find("\n", start, end)
        following = end if at < 0 else at + 1
        yield from _stripped(text, start, following)
        start = following


def _runs(text: str, start: int, end: int) -> Iterator[tuple[int, int, int, bool]]:
    """Runs of whole words up to a quarter of the limit, so that the passages they make up fill well."""
    limit = _LIMIT // 4
    run_start, run_end, cost = start, start, 0
    for match in _ATOM.finditer(text, start, end):
        atom_cost = 1 if match.lastindex else 2
        if cost + atom_cost > limit:
            yield run_start, run_end, cost, False
            run_start, cost = match.start(), 0
        run_end = match.end()
        cost += atom_cost
    if cost:
        yield run_start, run_end, cost, False


def _cost_or_more(text: str, start: int, end: int) -> int:
    """The cost of a span, or for a long one any number above the limit: most of it need not be looked at then."""
    glance = _cost(text[start : min(end, start + _GLANCE_CHARS)])
    return glance if glance > _LIMIT or end - start <= _GLANCE_CHARS else _cost(text[start:end])


def _cost(text: str) -> int:
    if text.isascii():
        words = text.split()
        return 2 * (len(words) + sum((len(word) - 1) // _LONG_WORD_CHARS for word in words))
    atoms = len(_ATOM.findall(text))
    return 2 * atoms - len(_CJK_CHARACTER.findall(text))
