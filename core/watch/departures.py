"""What becomes of the files that a scan has missed: taken out, purged, or kept until a person says yes.

A disk that is half mounted, a folder renamed by mistake or a script gone wrong looks like a great many deletions. From
``MANY`` files on that are more than ``SHARE`` of a root, nothing is taken out by itself: the files stay found, the
root keeps their number, and a person is asked. What is missing because it is excluded is no such case. It leaves at
once, and with it everything that only it had.

Hints come in small pieces, so that a deletion of everything looks like many small ones. Therefore what was taken out
since the stream of events began is added to what is missing now. When that is too much, the whole stream is taken back.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.store.files import KnownFile
from core.store.roots import RootRow
from core.store.store import Store
from core.watch.excluded import Excluded

logger = logging.getLogger(__name__)

MANY = 50  # files; fewer are deleted by people every day
SHARE = 0.2  # of a root's files
_BATCH = 500  # files a commit: about a tenth of a second


@dataclass(frozen=True)
class Consent:
    """What is known of the circumstances of a removal; by root path.

    ``told``: how many files a person has agreed to lose, None for any number. ``since_ns``: when the events began
    that this look is one of.
    """

    told: Mapping[bytes, int | None] = field(default_factory=dict)
    since_ns: Mapping[bytes, int] = field(default_factory=dict)

    def covers(self, root: bytes, missing: int, of: int) -> bool:
        """Whether so many of a root's files may go."""
        if not needs_a_yes(missing, of):
            return True
        if root not in self.told:
            return False
        told = self.told[root]
        # A few more than the person was told of are no other question.
        return told is None or not needs_a_yes(missing - told, of)


NOBODY_ASKED = Consent()


@dataclass(frozen=True)
class Departed:
    """What came of a root's missing files: how many left the index, and whether the others wait for a yes."""

    removed: int
    withheld: bool


def needs_a_yes(missing: int, of: int) -> bool:
    """Whether so many missing files, of so many, are too many to be taken out by themselves."""
    return missing > MANY and missing > SHARE * of


def take_out(
    store: Store, root: RootRow, missing: list[KnownFile], rules: Excluded, consent: Consent, held: int | None
) -> Departed:
    """Take the missing files of one root out of the index, or keep them and ask.

    ``held`` is how many files of the root were known when all of it was walked, None after a look at parts of it.
    """
    hidden = [file for file in missing if rules.covers(file.path)]
    purge(store, [file.id for file in hidden])
    hidden_ids = {file.id for file in hidden}
    gone = [file for file in missing if file.id not in hidden_ids]
    whole = held is not None
    if not gone:
        if whole:
            store.roots.set_missing(root.id, 0)
        return Departed(len(hidden), False)
    if not whole and root.missing and root.path not in consent.told:
        return Departed(len(hidden), True)  # the question is open; the next scan counts anew
    before = _taken_out_lately(store, root, consent)
    of = (held if held is not None else store.files.count(root.id)) - len(hidden) + before
    if not consent.covers(root.path, len(gone) + before, of):
        if before:
            before = store.tombstones.take_back(root.id, consent.since_ns[root.path])
        store.roots.set_missing(root.id, len(gone) + before)
        logger.warning(
            "%s misses %d of %d files; they stay until a person agrees", os.fsdecode(root.path), len(gone) + before, of
        )
        return Departed(len(hidden) - before, True)
    if whole:
        store.roots.set_missing(root.id, 0)  # first: nobody is asked about files that are being taken out
    removed = 0
    now_ns = time.time_ns()
    for start in range(0, len(gone), _BATCH):
        removed += store.tombstones.bury(gone[start : start + _BATCH], now_ns)
    return Departed(len(hidden) + removed, False)


def hidden_files(store: Store, root: RootRow, rules: Excluded) -> list[int]:
    """The ids of a root's known files that are passed over by now, without a look at the disk."""
    return [file.id for file in store.files.in_order(root.id, root.path) if rules.covers(file.path)]


def purge(store: Store, file_ids: list[int]) -> None:
    """Forget files, deleted or not, for good: also what only they had, down to the thumbnails."""
    for start in range(0, len(file_ids), _BATCH):
        for content_hash in store.tombstones.purge(file_ids[start : start + _BATCH]):
            store.thumbnails.remove(content_hash)


def _taken_out_lately(store: Store, root: RootRow, consent: Consent) -> int:
    since_ns = consent.since_ns.get(root.path)
    return store.tombstones.buried_since(root.id, since_ns) if since_ns is not None else 0
