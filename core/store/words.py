"""What a file's name says: split so that "beach" finds ``IMG_beachSunset2023.jpg``."""

from __future__ import annotations

import re

_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_DIGITS = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_SEPARATORS = re.compile(r"[_.\-\s]+")


def split_name(name: str) -> str:
    """The name itself followed by its parts at ``_ . -``, at digits and at changes of case.

    >>> split_name("beachSunset_2023.jpg")
    'beachSunset_2023.jpg beach Sunset 2023 jpg'
    """
    parts = _SEPARATORS.sub(" ", _DIGITS.sub(" ", _CASE.sub(" ", name))).split()
    if parts == [name]:
        return name
    return " ".join([name, *parts])
