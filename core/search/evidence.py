"""What a channel says: ranked lists of segments or files, each place with its probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.search.calibrate import Floats
from core.types import Channel, SegmentKind

SEGMENTS_PER_FILE = 6  # the best one and what is shown under it
SEGMENTS_READ = 2000  # of one list; a long book may fill many of its places

TEXT_CHANNELS = {
    SegmentKind.PASSAGE: (Channel.FULL_TEXT, Channel.DOCUMENT_DENSE),
    SegmentKind.SPEECH: (Channel.TRANSCRIPT, Channel.TRANSCRIPT_DENSE),
}


@dataclass(frozen=True)
class Found:
    """One place in a list. ``file_id`` is set where the file itself was found, by its name, else the other two."""

    score: float  # the channel's own
    probability: float
    content_id: int | None = None
    segment_id: int | None = None
    file_id: int | None = None


@dataclass(frozen=True)
class Evidence:
    """What one channel says about one part of a query, best first. A content may be in it with several segments.

    ``parts`` are numbers of the query's parts (the words, each example file): one, or those that the list judges
    together. Passing its gate answers all of them.
    """

    channel: Channel
    parts: tuple[int, ...]
    found: tuple[Found, ...]


def places(
    segment_ids: NDArray[np.int64], content_ids: NDArray[np.int64], values: Floats, probabilities: Floats
) -> tuple[Found, ...]:
    """Aligned columns of shape (n,), best first, as places in a list."""
    columns = zip(values.tolist(), probabilities.tolist(), content_ids.tolist(), segment_ids.tolist(), strict=True)
    return tuple(Found(*row) for row in columns)


def limited(content_ids: NDArray[np.int64], files: int) -> NDArray[np.int64]:
    """Positions in a best-first list that stay: at most ``files`` contents and ``SEGMENTS_PER_FILE`` of each."""
    _, firsts, groups = np.unique(content_ids, return_index=True, return_inverse=True)
    by_content = np.argsort(groups, kind="stable")
    before = np.cumsum(np.bincount(groups, minlength=firsts.size)) - np.bincount(groups, minlength=firsts.size)
    rank_in_content = np.empty(content_ids.size, dtype=np.int64)
    rank_in_content[by_content] = np.arange(content_ids.size) - before[groups[by_content]]
    rank_of_content = np.argsort(np.argsort(firsts))[groups]
    return np.flatnonzero((rank_in_content < SEGMENTS_PER_FILE) & (rank_of_content < files))
