"""Words as the full-text tokeniser sees them, and what a file's name says."""

from __future__ import annotations

import re
from collections.abc import Sequence

import apsw.unicode

_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_DIGITS = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_SEPARATORS = re.compile(r"[_.\-\s]+")


def split_name(name: str) -> str:
    """The name itself followed by its parts at ``_ . -``, at digits and at changes of case.

    It is what makes "beach" find ``IMG_beachSunset2023.jpg``.

    >>> split_name("beachSunset_2023.jpg")
    'beachSunset_2023.jpg beach Sunset 2023 jpg'
    """
    parts = _SEPARATORS.sub(" ", _DIGITS.sub(" ", _CASE.sub(" ", name))).split()
    if parts == [name]:
        return name
    return " ".join([name, *parts])


def phrase(words: Sequence[str]) -> str:
    """Words that follow one another, or one, in FTS5's language. In double quotes nothing that can be typed is special.

    >>> phrase(["red", "boat"])
    '"red boat"'
    """
    return '"' + " ".join(word.replace('"', '""') for word in words) + '"'


def split_words(text: str) -> list[str]:
    """The words of a text as the index's tokeniser cuts them (Unicode TR29), before case, accents and endings go.

    A CJK character is a word of its own; a run of Katakana is one.

    >>> split_words("aero-elastic models, 北京")
    ['aero', 'elastic', 'models', '北', '京']
    """
    return list(apsw.unicode.word_iter(text))
