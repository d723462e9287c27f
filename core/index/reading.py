"""The reading lane: stage ``CONTENT`` of several files at a time, newest first."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from core.cancel import CancelToken
from core.index.lanes import Ended, Lane
from core.index.pipeline import Hashed, Ledger, Pipeline
from core.store.jobs import Job
from core.store.store import Store
from core.types import Stage

# Files claimed for each that is read at a time: a claim is a transaction, and no reader waits for one. What is claimed
# at a sudden end is read alone afterwards, so they are not many.
_AHEAD = 8


class Reading:
    """Claims files, hashes them, links what is known and reads the rest. Of two copies one is read."""

    def __init__(
        self,
        store: Store,
        pipeline: Pipeline,
        ledger: Ledger,
        width: int,
        cancel: CancelToken,
        end: Callable[[Ended], None],
    ) -> None:
        """``width`` files are worked on at a time, 0: inline. ``end`` takes what is to be committed."""
        self.lane: Lane[Hashed | Ended] = Lane("reading", width)
        self._store = store
        self._pipeline = pipeline
        self._ledger = ledger
        self._cancel = cancel
        self._end = end
        self._ahead = _AHEAD * width or 1
        self._claimed: dict[int, Job] = {}
        self._copies: dict[bytes, list[Hashed]] = {}  # by the hash of a file that is read now
        self._read: list[bytes] = []  # hashes of files that were read and are not committed

    @property
    def current(self) -> Job | None:
        """A file that is worked on, None when there is none."""
        return next(iter(self._claimed.values()), None)

    def fill(self) -> None:
        """Claim files and begin with them, if there is room for a good number."""
        room = self._ahead - len(self._claimed)
        if 2 * room < self._ahead or any(job.suspect for job in self._claimed.values()):
            return
        for job in self._store.jobs.claim(Stage.CONTENT, room, alone=not self._claimed):
            self._claimed[job.file_id] = job
            self.lane.submit(partial(self._pipeline.hash, job, self._cancel), self._hashed)

    def committed(self) -> None:
        """What was ended is in the index: its copies can be linked to it."""
        read, self._read = self._read, []
        for digest in read:
            for copy in self._copies.pop(digest, []):
                self._look_up(copy)

    def abandon(self) -> list[Job]:
        """Stop working; the jobs that are to be given back."""
        self.lane.abandon()
        jobs = list(self._claimed.values())
        self._claimed.clear()
        self._copies.clear()
        self._read.clear()
        return jobs

    def _hashed(self, result: Hashed | Ended) -> None:
        if isinstance(result, Ended):
            self._ended(result)
            return
        self._ledger.hashed_bytes += result.stamp.size
        self._look_up(result)

    def _look_up(self, hashed: Hashed) -> None:
        known = self._pipeline.known(hashed)
        if known is not None:
            self._ended(known)
        elif hashed.digest in self._copies:
            self._copies[hashed.digest].append(hashed)
        else:
            self._copies[hashed.digest] = []
            self._ledger.reads += 1
            self.lane.submit(partial(self._pipeline.read, hashed, self._cancel), partial(self._was_read, hashed))

    def _was_read(self, hashed: Hashed, result: Hashed | Ended) -> None:
        assert isinstance(result, Ended)
        self._read.append(hashed.digest)
        self._ended(result)

    def _ended(self, ended: Ended) -> None:
        del self._claimed[ended.job.file_id]
        self._end(ended)
