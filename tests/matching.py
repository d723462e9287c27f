"""What the index of words finds, for tests of what is written into it."""

from __future__ import annotations

import numpy as np

from core.store.filters import FileFilter
from core.store.fulltext import FullText
from core.store.store import Store
from core.store.words import split_words
from core.types import SegmentKind

_EVERYTHING = FileFilter()


def files_named(store: Store, *phrases: str, where: FileFilter = _EVERYTHING) -> list[int]:
    """The ids of the files whose names hold any of the phrases."""
    return store.files.allowed(_matching(store.files.names, phrases), where)


def segments_with(store: Store, *phrases: str, kind: SegmentKind = SegmentKind.PASSAGE) -> dict[int, int]:
    """The contents of the segments that hold any of the phrases, by segment id."""
    return store.segments.contents_of(_matching(store.segments.texts, phrases), kind, _EVERYTHING)


def _matching(index: FullText, phrases: tuple[str, ...]) -> list[int]:
    postings = index.postings([tuple(split_words(phrase)) for phrase in phrases])
    found: list[int] = index.candidates(postings, np.ones(len(phrases))).rowids.tolist()
    return found
