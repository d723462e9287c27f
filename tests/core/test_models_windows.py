"""Speech regions to windows: rules that hold for any regions."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from core.models.base import SAMPLE_RATE_HZ
from core.models.windows import PAUSE_S, WINDOW_S, Window, merge_regions

LIMIT = round(WINDOW_S * SAMPLE_RATE_HZ)


def seconds(*regions: tuple[float, float]) -> list[Window]:
    return [(round(start * SAMPLE_RATE_HZ), round(end * SAMPLE_RATE_HZ)) for start, end in regions]


@st.composite
def recordings(draw: st.DrawFn) -> tuple[list[Window], int]:
    """Regions in order with gaps between them, and the length of the recording."""
    lengths = st.integers(1, 90 * SAMPLE_RATE_HZ)
    gaps = st.integers(1, 6 * SAMPLE_RATE_HZ)
    regions, end = [], draw(st.integers(0, 6 * SAMPLE_RATE_HZ))
    for length, gap in draw(st.lists(st.tuples(lengths, gaps), max_size=12)):
        regions.append((end, end + length))
        end += length + gap
    return regions, end


@given(recordings())
def test_windows_hold_all_speech_in_order_and_fit_the_model(recording: tuple[list[Window], int]) -> None:
    regions, length = recording
    windows = merge_regions(regions, length)
    assert all(0 <= start < end <= length for start, end in windows)
    assert all(end - start <= LIMIT for start, end in windows)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(windows))
    for start, end in regions:
        covered = sum(max(0, min(end, right) - max(start, left)) for left, right in windows)
        assert covered == end - start


@given(recordings())
def test_long_silences_are_not_read(recording: tuple[list[Window], int]) -> None:
    regions, length = recording
    for left, right in merge_regions(regions, length):
        inside = [(start, end) for start, end in regions if start < right and end > left]
        gaps = [after[0] - before[1] for before, after in itertools.pairwise(inside)]
        assert all(gap < PAUSE_S * SAMPLE_RATE_HZ for gap in gaps)


def test_sentences_with_short_pauses_share_a_window() -> None:
    assert merge_regions(seconds((1, 3), (3.5, 6), (7, 9)), 20 * SAMPLE_RATE_HZ) == seconds((0.8, 9.2))


def test_a_pause_of_two_seconds_parts_them() -> None:
    windows = merge_regions(seconds((1, 3), (5, 9)), 20 * SAMPLE_RATE_HZ)
    assert windows == seconds((0.8, 3.2), (4.8, 9.2))


def test_speech_without_a_pause_is_cut_evenly() -> None:
    windows = merge_regions(seconds((0, 60)), 60 * SAMPLE_RATE_HZ)
    assert windows == seconds((0, 20), (20, 40), (40, 60))


def test_silence_has_no_windows() -> None:
    assert merge_regions([], 60 * SAMPLE_RATE_HZ) == []
