"""Glob patterns as people write them in ``.gitignore``: which files and folders are passed over.

``*.bak`` without a slash names things anywhere, ``drafts/old`` and ``/drafts`` are meant from the watched folder down,
``build/`` names folders alone, and ``!keep.bak`` brings back what an earlier pattern, or a default, passes over. The
last pattern that matches decides. Letters of either case and both Unicode forms of one letter are the same here:
macOS and Windows do not tell them apart, and a pattern that hides something must not fail because of it.
"""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from pathspec import GitIgnoreSpec

from core.errors import UsageError

logger = logging.getLogger(__name__)

_SLASH = "ps_d"
_SPECIAL = "\\*?[]!#"
_NEWLINE = "\u2424"  # stands for a line break in a name, which the expressions behind the patterns do not cross


class Patterns:
    """An ordered list of patterns, compiled. Raises ``UsageError`` naming the first that is none."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._rules = [_Rule(line) for line in lines]

    def __bool__(self) -> bool:
        return bool(self._rules)

    def verdict(self, relative: bytes, *, folder: bool) -> bool | None:
        """Whether the patterns pass over an entry (True) or bring it back (False); None where they say nothing.

        ``relative`` is its path from the watched folder on. Only the entry itself is judged: what lies in a folder
        that is passed over is never asked for, and a folder that is brought back brings back nothing else.
        """
        name = _comparable(os.fsdecode(relative).replace(os.sep, "/"))
        for rule in reversed(self._rules):
            if rule.matches(name, folder):
                return rule.passes_over
        return None


class _Rule:
    """One pattern."""

    def __init__(self, line: str) -> None:
        self._pattern = GitIgnoreSpec.from_lines([_comparable(check_pattern(line))]).patterns[0]
        self.passes_over = bool(self._pattern.include)

    def matches(self, name: str, folder: bool) -> bool:
        text = f"{name}/" if folder else name
        found = self._pattern.match_file(text)
        if found is None:
            return False
        # The library's expressions also match whatever lies in a folder that matches, and mark that folder's slash.
        # Here each folder on the way was judged by itself.
        return found.match.groupdict().get(_SLASH) is None or found.match.end(_SLASH) == len(text)


@lru_cache(maxsize=64)
def compiled(lines: tuple[str, ...]) -> Patterns:
    """The patterns, compiled once. For those that are kept: one that is none by today's rules says nothing."""
    usable = []
    for line in lines:
        try:
            usable.append(check_pattern(line))
        except UsageError as error:
            logger.warning("a pattern is passed over: %s", error)
    return Patterns(usable)


def check_pattern(line: str) -> str:
    """The pattern without what surrounds it. Raises ``UsageError`` when nothing could ever match it."""
    text = line.strip("\r\n")
    text = text if text.endswith("\\ ") else text.rstrip()
    if os.name == "nt":
        text = text.replace("\\", "/")  # there it divides folders, and no name holds what it could escape
    bare = text.removeprefix("!")
    if not bare.strip("/ ") or text.startswith("#"):
        raise UsageError(f"“{line}” names nothing: write a pattern such as *.bak, Private/ or /Scans/old")
    if any(part == ".." for part in bare.split("/")):
        raise UsageError(f"“{line}” leads out of the folder: a pattern is meant from the folder down")
    try:
        valid = GitIgnoreSpec.from_lines([text]).patterns[0].include is not None
    except (ValueError, re.error):
        valid = False
    if not valid:
        raise UsageError(f"“{line}” is not a pattern: look at its brackets and backslashes")
    return text


def pattern_of(relative: bytes, *, folder: bool) -> str:
    """The pattern for one file or folder and nothing else, whatever its name holds.

    ``relative`` is its path from the watched folder on.
    """
    text = os.fsdecode(relative).replace(os.sep, "/").strip("/")
    escaped = "".join(f"\\{character}" if character in _SPECIAL else character for character in text)
    if escaped[-1:].isspace():  # what ends a pattern in white space loses it
        escaped = f"{escaped[:-1]}[{escaped[-1]}]"
    return f"/{escaped}/" if folder else f"/{escaped}"


def _comparable(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text.lower().replace("\n", _NEWLINE)
