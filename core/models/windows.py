"""Speech regions to the windows that the transcriber reads: pure, in samples."""

from __future__ import annotations

from collections.abc import Iterable

from core.models.base import SAMPLE_RATE_HZ

# Whisper reads 30 s; two seconds are left for the padding and for a last word that the detector cut short.
WINDOW_S = 28.0

# A longer silence ends a window: Whisper tends to invent text in silences, and a sentence seldom spans one.
PAUSE_S = 2.0

# Kept on both sides of a region: the detector starts late on soft consonants.
PADDING_S = 0.2

Window = tuple[int, int]  # first sample, one past the last


def merge_regions(regions: Iterable[Window], length: int) -> list[Window]:
    """Join regions of speech into windows of at most ``WINDOW_S`` seconds, split at pauses of ``PAUSE_S``.

    ``regions`` are in order and do not overlap; one that is longer than a window is cut into even pieces.
    ``length`` is the recording's. The windows are in order, do not overlap and hold every sample of every region.
    """
    limit = round(WINDOW_S * SAMPLE_RATE_HZ)
    pause = round(PAUSE_S * SAMPLE_RATE_HZ)
    padding = round(PADDING_S * SAMPLE_RATE_HZ)
    windows: list[Window] = []
    for start, end in _padded(regions, padding, length):
        for piece_start, piece_end in _even_pieces(start, end, limit):
            if windows and piece_start - windows[-1][1] < pause and piece_end - windows[-1][0] <= limit:
                windows[-1] = (windows[-1][0], piece_end)
            else:
                windows.append((piece_start, piece_end))
    return windows


def _padded(regions: Iterable[Window], padding: int, length: int) -> list[Window]:
    """Regions widened on both sides, up to the middle of the gap to a neighbour, inside the recording."""
    bare = [(start, end) for start, end in regions if end > start]
    padded = []
    for index, (start, end) in enumerate(bare):
        left = (bare[index - 1][1] + start) // 2 if index else 0
        right = (end + bare[index + 1][0]) // 2 if index + 1 < len(bare) else length
        padded.append((max(start - padding, left, 0), min(end + padding, right, length)))
    return padded


def _even_pieces(start: int, end: int, limit: int) -> list[Window]:
    count = -(-(end - start) // limit)
    return [
        (start + (end - start) * index // count, start + (end - start) * (index + 1) // count) for index in range(count)
    ]
