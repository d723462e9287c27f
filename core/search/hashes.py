"""Perceptual hashes in memory: which contents are a picture at another size or quality."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from core.store.store import Store

NEAR_COPY_BITS = 6  # of 64; pictures whose perceptual hashes differ in so few are one picture, saved twice
_TELLING_BITS = 8  # a hash with fewer bits set or unset is of a plain picture and recognises nothing


class Hashes:
    """The hashes of all contents, following the index: 16 bytes a picture. Any thread may ask."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._guard = threading.Lock()
        self._mark = -1  # no state at all
        self._ids: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._hashes: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)

    def near(self, phash: int | None) -> frozenset[int]:
        """The contents whose hash is near to ``phash``, an unsigned 64-bit number; none where it says too little."""
        if phash is None or not _TELLING_BITS <= phash.bit_count() <= 64 - _TELLING_BITS:
            return frozenset()
        with self._guard:
            self._follow()
            ids, hashes = self._ids, self._hashes
        distances = np.bitwise_count(hashes ^ np.uint64(phash))
        return frozenset(ids[distances <= NEAR_COPY_BITS].tolist())

    def _follow(self) -> None:
        contents = self._store.contents
        mark = contents.phash_mark()
        if mark == self._mark:
            return
        # Below the known state: the index was put back to an older one.
        changed = contents.phashes_changed(self._mark) if 0 <= self._mark < mark else None
        kept = ~np.isin(self._ids, changed) if changed is not None else np.zeros(self._ids.size, dtype=bool)
        ids, hashes = contents.phashes(changed)
        self._ids = np.concatenate([self._ids[kept], ids])
        self._hashes = np.concatenate([self._hashes[kept], hashes])
        self._mark = mark
