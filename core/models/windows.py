"""Speech regions to the windows that the transcriber reads: pure, in samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    windows: list[Window] = []
    spoken_until = 0
    bare = [(start, end) for start, end in regions if end > start]
    for (start, end), (left, right) in zip(bare, _padded(bare, length), strict=True):
        for piece_start, piece_end in _even_pieces(left, right, limit):
            fits = windows and piece_end - windows[-1][0] <= limit
            if fits and start - spoken_until < pause:
                windows[-1] = (windows[-1][0], piece_end)
            else:
                windows.append((piece_start, piece_end))
        spoken_until = end
    return windows


def _padded(regions: Sequence[Window], length: int) -> list[Window]:
    """Regions widened on both sides, up to the middle of the gap to a neighbour, inside the recording."""
    padding = round(PADDING_S * SAMPLE_RATE_HZ)
    padded = []
    for index, (start, end) in enumerate(regions):
        left = (regions[index - 1][1] + start) // 2 if index else 0
        right = (end + regions[index + 1][0]) // 2 if index + 1 < len(regions) else length
        padded.append((max(start - padding, left), min(end + padding, right)))
    return padded


def _even_pieces(start: int, end: int, limit: int) -> list[Window]:
    count = -(-(end - start) // limit)
    return [
        (start + (end - start) * index // count, start + (end - start) * (index + 1) // count) for index in range(count)
    ]
