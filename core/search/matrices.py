"""Vectors in memory that follow the index: which copy answers a query, and the thread that keeps the copies.

SQLite is the truth. A query is answered by a ``View`` of exactly the state that its read transaction sees: one that is
a little behind is brought up to it on the spot, by reading what the log of removals and the new row ids name. Where
there is none, or one that is far behind or already ahead, the query is answered in place by sqlite-vec and never waits
long. A background thread loads, follows while somebody searches, and writes snapshots.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import Cancelled, NoRoomError
from core.room import require
from core.search import snapshot
from core.search.hashes import Hashes
from core.search.in_place import InPlace
from core.search.matrix import Growing, View, spread
from core.search.snapshot import Chunk, Identity, chunks_of
from core.store.store import Store
from core.store.vectors import Mark, VectorRows

logger = logging.getLogger(__name__)

# sqlite-vec reads so many in some 15 ms, 3 for each thousand: a copy in memory is not worth its upkeep. At 20,000, with
# texts and photos, it would already take longer than all the rest of a query.
SMALL = 5_000
_CATCH_UP = 4_000  # changes that a query takes in itself, in some 20 ms; more are the background's
_PATIENCE_S = 0.25  # for a snapshot to be mapped when a space is first asked; searching in place takes as long
_TICK_S = 1.0  # between looks at the index while somebody searches
_IDLE_S = 60.0  # after the last question the thread sleeps until the next
_STALE_ROWS = 20_000  # added and removed ones, from which on a new snapshot is written
_STALE_SHARE = 8  # or one in so many of all, if that is more
_CHECKED_ROWS = 64  # of a snapshot that are compared with the index
_AFTER_FAILURE_S = 60.0


@dataclass
class _Space:
    """What is kept of one space. ``views`` holds the newest state last, and the one before for queries under way."""

    identity: Identity
    views: list[View] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)
    tried: threading.Event = field(default_factory=threading.Event)  # loading has ended once, one way or the other
    rest_until: float = 0.0  # monotonic; after a failure


class Matrices:
    """The spaces of an index in memory, and its perceptual hashes (``hashes``). Any thread may ask."""

    def __init__(self, store: Store, folder: Path | None = None, small: int = SMALL) -> None:
        """``folder`` keeps snapshots, None for none. Spaces of up to ``small`` vectors are searched in place."""
        self.hashes = Hashes(store)
        self._store = store
        self._folder = folder
        self._small = small
        self._spaces: dict[int, _Space] = {}
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._asked_at = time.monotonic()
        self._thread: threading.Thread | None = None

    def source(self, space_id: int) -> View | InPlace:
        """The vectors of a space as the caller's read transaction sees them."""
        self._asked_at = time.monotonic()
        kept = self._spaces.get(space_id) or self._want(space_id)
        if kept is None:
            return InPlace(self._store, space_id)
        kept.tried.wait(_PATIENCE_S)
        return self._view_at(kept, self._store.vectors.mark()) or InPlace(self._store, space_id)

    def prepare(self) -> None:
        """Begin to load the searched spaces that are worth it, so that the first query finds them.

        One that another model is still filling is nobody's to search, and would take as much memory again.
        """
        for space_id in self._store.spaces.searched_ids():
            if space_id not in self._spaces:
                self._want(space_id)

    def settle(self, timeout_s: float) -> bool:
        """Wait until every space that was asked for is loaded or has failed to; whether that came in time."""
        return all(kept.tried.wait(timeout_s) for kept in list(self._spaces.values()))

    def close(self) -> None:
        """End the thread. Call it before the store is closed."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _want(self, space_id: int) -> _Space | None:
        """Have a space loaded, unless it is small."""
        vectors = self._store.vectors
        space = vectors.space(space_id)
        if space is None or vectors.count_in(space_id, self._small + 1) <= self._small:
            return None
        with self._guard:
            kept = self._spaces.setdefault(space_id, _Space(Identity(vectors.index_id(), space_id, space)))
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="vectors", daemon=True)
                self._thread.start()
        self._wake.set()
        return kept

    def _view_at(self, kept: _Space, mark: Mark) -> View | None:
        """The view of a state, brought up to it where little is missing."""
        with kept.guard:
            for view in reversed(kept.views):
                if view.mark == mark:
                    return view
                if _later(view.mark, mark):
                    continue
                if _distance(view.mark, mark) > _CATCH_UP:
                    break
                followed = self._followed(kept, view, mark)
                if followed is not None and view is kept.views[-1]:
                    kept.views = [view, followed]
                return followed
        self._wake.set()
        return None

    def _followed(self, kept: _Space, view: View, mark: Mark) -> View | None:
        changes = self._changes(kept, view)
        return view.follow(mark, *changes) if changes is not None else None

    def _changes(self, kept: _Space, view: View) -> tuple[NDArray[np.int64], VectorRows] | None:
        """What went and came since a view, in this transaction; None where the log does not tell any more."""
        vectors, space_id = self._store.vectors, kept.identity.space_id
        removed = vectors.removed_since(view.mark.removals)
        if removed is None:
            return None
        nothing = vectors.rows_of(space_id, [])
        return removed, _joined([nothing, *vectors.rows(space_id, view.highest_left(removed))])

    # The thread

    def _run(self) -> None:
        while not self._closed:
            for space_id, kept in list(self._spaces.items()):
                if time.monotonic() < kept.rest_until:
                    continue
                try:
                    self._refresh(space_id, kept)
                except Cancelled:
                    return
                except Exception:  # the thread's boundary: searching goes on in place
                    logger.exception("the vectors of %s cannot be held in memory", kept.identity.space.model)
                    kept.rest_until = time.monotonic() + _AFTER_FAILURE_S
                kept.tried.set()
            asked = time.monotonic() - self._asked_at < _IDLE_S
            self._wake.wait(_TICK_S if asked else None)
            self._wake.clear()

    def _refresh(self, space_id: int, kept: _Space) -> None:
        """Load a space, or take in what has changed."""
        vectors = self._store.vectors
        with self._store.database.read():
            if vectors.space(space_id) != kept.identity.space:
                self._spaces.pop(space_id, None)
                self._sweep()
                return
            mark = vectors.mark()
            view = kept.views[-1] if kept.views else None
            if view is None:
                kept.views = [self._load(kept, mark)]
                self._sweep()
            elif _later(mark, view.mark):
                changes = self._changes(kept, view)
                with kept.guard:
                    if changes is None:
                        kept.views = []
                        self._wake.set()
                    elif view is kept.views[-1]:
                        kept.views = [view, view.follow(mark, *changes)]
        newest = kept.views[-1] if kept.views else None
        if newest is not None and newest.stale > max(_STALE_ROWS, newest.columns.count // _STALE_SHARE):
            # Queries go on with the old one; what comes meanwhile they take in themselves.
            fresh = self._build(kept.identity, newest.mark, lambda: chunks_of(newest))
            with kept.guard:
                kept.views = [fresh]

    def _load(self, kept: _Space, mark: Mark) -> View:
        """From the snapshot where there is a true one, else from SQLite. Inside a read transaction."""
        started = time.perf_counter()
        view = self._from_snapshot(kept, mark)
        if view is None:
            rows = self._store.vectors.rows
            view = self._build(kept.identity, mark, lambda: map(Chunk.of, rows(kept.identity.space_id)))
        took = time.perf_counter() - started
        logger.info("%d vectors of %s are in memory after %.2f s", view.count(), view.space.model, took)
        return view

    def _from_snapshot(self, kept: _Space, mark: Mark) -> View | None:
        path = snapshot.newest(self._folder, kept.identity) if self._folder is not None else None
        if path is None:
            return None
        try:
            base, columns, then = snapshot.read(path, kept.identity)
        except (OSError, ValueError) as error:
            logger.warning("a snapshot of vectors is not used: %s", error)
            return None
        if _later(then, mark):
            return None  # the index was put back to an older state
        view = self._followed(kept, View(kept.identity.space, then, base, columns, _no_rows(kept.identity)), mark)
        return view if view is not None and self._is_true(kept, view) else None

    def _is_true(self, kept: _Space, view: View) -> bool:
        """Whether a view holds what the index holds, by its count and some of its rows."""
        vectors, space_id = self._store.vectors, kept.identity.space_id
        if view.count() != vectors.count_in(space_id):
            return False
        alive = np.flatnonzero(view.columns.alive)
        some = alive[spread(alive.size, _CHECKED_ROWS)]
        ids, order = np.unique(view.columns.ids[some], return_index=True)
        stored = vectors.rows_of(space_id, ids.tolist())
        return (
            np.array_equal(stored.ids, ids)
            and np.array_equal(stored.segment_ids, view.columns.segment_ids[some][order])
            and np.allclose(stored.vectors, view.rows(some)[order], atol=1e-3)
        )

    def _build(self, identity: Identity, mark: Mark, chunks: Callable[[], Iterable[Chunk]]) -> View:
        """A view of all rows, in a new snapshot file or, where there can be none, in memory."""
        if self._folder is not None:
            try:
                count = self._store.vectors.count_in(identity.space_id)
                require(self._folder.parent, snapshot.size_bytes(count, identity.space.dim), "a snapshot of vectors")
                path = snapshot.write(self._folder, identity, mark, self._unless_closed(chunks()))
                base, columns, _ = snapshot.read(path, identity)
                return View(identity.space, mark, base, columns, _no_rows(identity))
            except (OSError, NoRoomError) as error:
                logger.warning("vectors are held without a snapshot: %s", error)
        base, columns = snapshot.hold(self._unless_closed(chunks()), identity.space)
        return View(identity.space, mark, base, columns, _no_rows(identity))

    def _unless_closed(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        for chunk in chunks:
            if self._closed:
                raise Cancelled
            yield chunk

    def _sweep(self) -> None:
        if self._folder is None:
            return
        vectors = self._store.vectors
        index_id = vectors.index_id()
        spaces = {space_id: vectors.space(space_id) for space_id in vectors.space_ids()}
        keys = {Identity(index_id, space_id, space).key for space_id, space in spaces.items() if space is not None}
        snapshot.sweep(self._folder, keys)


def _later(one: Mark, other: Mark) -> bool:
    """Whether ``one`` is of a later state: the log only grows, and between two removals so do the ids."""
    return (one.removals, one.last_id) > (other.removals, other.last_id)


def _distance(before: Mark, after: Mark) -> int:
    """How many changes lie between two states, at most."""
    return after.removals - before.removals + max(0, after.last_id - before.last_id)


def _no_rows(identity: Identity) -> Growing:
    return Growing(np.empty((0, identity.space.dim), dtype=np.float16))


def _joined(parts: list[VectorRows]) -> VectorRows:
    if len(parts) == 1:
        return parts[0]
    return VectorRows(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.segment_ids for part in parts]),
        np.concatenate([part.content_ids for part in parts]),
        np.concatenate([part.speech for part in parts]),
        np.concatenate([part.vectors for part in parts]),
    )
