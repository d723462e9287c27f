"""How the names of files are shown: names are not ours, and may hold anything but a slash and a zero byte."""

from __future__ import annotations

import os
import unicodedata

_REPLACEMENT = "\ufffd"
_JOINERS = "\u200c\u200d"  # they shape whole scripts and emoji and can do no harm


def display_text(text: str) -> str:
    """``text`` on one line, with nothing in it that acts on a screen or a terminal.

    White space becomes a space. Control, format and surrogate characters become U+FFFD, so that an escape sequence
    does nothing and a direction override cannot show ``gpj.exe`` as ``exe.jpg``. Lengths stay, so that ranges of marked
    characters stay true.
    """
    if text.isascii() and text.isprintable():  # almost every name
        return text
    return "".join(_display_character(character) for character in text)


def display_path(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str:
    """A path as ``display_text``; bytes that are not UTF-8 show as U+FFFD."""
    return display_text(os.fsencode(path).decode("utf-8", "replace"))


def _display_character(character: str) -> str:
    if character.isprintable():
        return character
    if character.isspace():
        return " "
    if unicodedata.category(character) == "Cf" and character in _JOINERS:
        return character
    return _REPLACEMENT
