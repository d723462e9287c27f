"""Text without what nobody can read: control characters and halves of characters. Pure."""

from __future__ import annotations

import re

# Tabs, line ends and form feeds are blanks that say something. The others end terminals' lines, ring bells and turn
# into boxes in a window; a lone surrogate, which damaged headers decode to, is refused by every encoding.
_UNREADABLE = re.compile("[\0-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_LINE_BREAKS = str.maketrans({"\f": "\n", "\r": "\n"})
LONGEST_LINE = 1000  # characters; a title that is longer is none


def printable(text: str) -> str:
    """The same text, of the same length, with a blank or U+FFFD in place of every character that cannot be read."""
    return _UNREADABLE.sub(_stand_in, text)


def with_line_ends(text: str) -> str:
    """The same text, of the same length, with ``\\n`` for form feeds and carriage returns."""
    return text.translate(_LINE_BREAKS) if "\f" in text or "\r" in text else text


def one_line(text: str | None, longest: int = LONGEST_LINE) -> str | None:
    """A fact about a file as one line of at most ``longest`` characters; None where nothing is left of it."""
    if text is None:
        return None
    # Cut before anything looks at all of it: a title may be as long as its file.
    return " ".join(printable(text[: 4 * longest]).split())[:longest].strip() or None


def _stand_in(match: re.Match[str]) -> str:
    return "\ufffd" if match[0] >= "\ud800" else " "
