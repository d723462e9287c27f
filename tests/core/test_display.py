"""Names as they are shown."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from core.display import display_path, display_text
from core.types import Hit, Kind, Locator, Root, SegmentHit


def test_a_direction_override_cannot_disguise_an_extension() -> None:
    disguised = "photo_\u202egpj.exe"
    assert display_text(disguised) == "photo_\ufffdgpj.exe"
    best = SegmentHit(None, Locator(), "", (), 1.0, ())
    hit = Hit(1, os.fsencode(f"/r/{disguised}"), Kind.OTHER, best)
    assert hit.name == "photo_\ufffdgpj.exe"
    assert hit.display_path == "/r/photo_\ufffdgpj.exe"
    assert Root(1, os.fsencode(f"/r/{disguised}")).display == "/r/photo_\ufffdgpj.exe"


def test_scripts_from_right_to_left_and_joined_emoji_stay() -> None:
    for name in ("חוזה.pdf", "رسالة.txt", "👩\u200d👧.jpg", "北京.txt", "Cafe\u0301.txt"):
        assert display_text(name) == name


def test_bytes_that_are_no_text_show_as_replacements() -> None:
    assert display_path(b"/r/caf\xe9\n\x1b[31m.txt") == "/r/caf\ufffd \ufffd[31m.txt"


@given(st.text())
def test_what_is_shown_is_one_line_of_the_same_length_that_does_nothing(text: str) -> None:
    shown = display_text(text)
    assert len(shown) == len(text)
    assert all(character.isprintable() or character in "\u200c\u200d" for character in shown)
    assert display_text(shown) == shown
