"""From typed words to full-text terms. Pure, and nothing that can be typed is an error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from core.store.words import split_name, split_words

# The stop words of Snowball's English list that carry no content in a request, and a few that requests begin with.
_ENGLISH = """
a about above after again against all am an and any are as at be because been before being below between both but by
can could did do does doing down during each few for from further had has have having he her here hers herself him
himself his how i if in into is it its itself just me more most must my myself no nor not now of off on once only or
other our ours ourselves out over own please same she should so some such than that the their theirs them themselves
then there these they this those through to too under until up very was we were what when where which while who whom
why will with would you your yours yourself yourselves
"""
STOP_WORDS = frozenset(_ENGLISH.split())

_PHRASE = re.compile(r'"([^"]*)"')
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_CJK_CHARACTER = re.compile("[\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
MAX_TERMS = 32  # a pasted page is not searched word by word


@dataclass(frozen=True)
class Term:
    """One thing to look for: a word, or several words that follow one another."""

    words: tuple[str, ...]
    is_phrase: bool = False  # typed in quotes


@dataclass(frozen=True)
class ParsedText:
    """What the words of a query ask for."""

    text: str  # for the encoders: what was typed without quotes and control characters
    terms: tuple[Term, ...]  # for the full text: without stop words, unless there is nothing else
    name_terms: tuple[Term, ...]  # for names: split as names are


def parse(text: str) -> ParsedText:
    """Cut a query into terms.

    Words in double quotes are one phrase. CJK text without spaces becomes overlapping pairs of characters, as in
    Lucene's CJKAnalyzer: words of two characters are the commonest, and a longer one is matched by all its pairs.
    """
    text = _UNPRINTABLE.sub(" ", text)
    plain = " ".join(text.replace('"', " ").split())
    terms: list[Term] = []
    name_terms: list[Term] = []
    position = 0
    for quoted in _PHRASE.finditer(text):
        _add_free(text[position : quoted.start()], terms, name_terms)
        words = tuple(split_words(quoted.group(1)))
        if words:
            terms.append(Term(words, is_phrase=True))
            name_terms.append(Term(words, is_phrase=True))
        position = quoted.end()
    _add_free(text[position:], terms, name_terms)
    return ParsedText(plain, _without_stop_words(terms), _without_stop_words(name_terms))


def _add_free(text: str, terms: list[Term], name_terms: list[Term]) -> None:
    for chunk in text.replace('"', " ").split():
        words = split_words(chunk)
        terms.extend(_terms(words))
        # The whole name first, then its parts: "IMG_0412.jpg" asks for that file before any other "IMG".
        for part in split_name(chunk).split():
            name_terms.extend(_terms(split_words(part)))


def _terms(words: list[str]) -> list[Term]:
    """Single words, and CJK runs as pairs of neighbours."""
    terms: list[Term] = []
    run: list[str] = []
    for word in [*words, ""]:
        if word and _CJK_CHARACTER.match(word):
            run.append(word)
            continue
        if len(run) == 1:
            terms.append(Term((run[0],)))
        terms.extend(Term(pair) for pair in pairwise(run))
        run = []
        if word:
            terms.append(Term((word,)))
    return terms


def _without_stop_words(terms: list[Term]) -> tuple[Term, ...]:
    unique = list(dict.fromkeys(terms))
    content = [term for term in unique if term.is_phrase or term.words[0].casefold() not in STOP_WORDS]
    return tuple((content or unique)[:MAX_TERMS])
