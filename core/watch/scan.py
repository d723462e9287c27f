"""Reconciling the index with the disk: the truth behind every hint.

A scan only compares what ``stat`` says; no file is opened. New files are committed in batches while the walk goes on,
so that they are found by name within seconds; what is missing is taken out at the very end, when it is known that it
was not moved to another folder or root, and that its root is still there. A file that was deleted lately and is back
takes the place that was kept for it (``core.store.tombstones``).
"""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, takewhile

from core.cancel import CancelToken
from core.filesystem import filesystem_id, kernel_folders
from core.store.files import FoundFile, KnownFile, MovedFile
from core.store.filters import is_under
from core.store.roots import RootRow
from core.store.store import Store
from core.types import FileStamp
from core.watch.departures import NOBODY_ASKED, Consent, hidden_files, purge, take_out
from core.watch.excluded import excluded_below
from core.watch.origins import Origins
from core.watch.presence import HELD_MANY, is_there
from core.watch.settle import Settled, parents
from core.watch.walk import Entry, Walk, found_file, look, stamp_of

logger = logging.getLogger(__name__)

_BATCH = 500  # files a commit: about a tenth of a second
_BATCH_S = 1.0  # a slow disk's first names are found by then
_GIVE_WAY_S = 0.005  # after a full batch: another process that waits to write polls for a gap


@dataclass(frozen=True)
class ScanReport:
    """What a scan found, in files.

    ``revived`` were deleted and are back. ``removed`` is negative where more was taken back than taken out.
    ``offline``: a root that was to be walked is not there. ``unreadable``: folders and files that could not be looked
    at; what is known of them stays. ``withheld``: roots, by path, that miss too many files to take them out unasked.
    """

    seen: int = 0
    added: int = 0
    changed: int = 0
    moved: int = 0
    revived: int = 0
    removed: int = 0
    offline: bool = False
    unreadable: frozenset[bytes] = frozenset()
    withheld: frozenset[bytes] = frozenset()

    @property
    def differs(self) -> bool:
        """Whether what can be found is another thing now."""
        return bool(self.added or self.changed or self.moved or self.revived or self.removed)

    def __add__(self, other: ScanReport) -> ScanReport:
        return ScanReport(
            self.seen + other.seen,
            self.added + other.added,
            self.changed + other.changed,
            self.moved + other.moved,
            self.revived + other.revived,
            self.removed + other.removed,
            self.offline or other.offline,
            self.unreadable | other.unreadable,
            self.withheld | other.withheld,
        )


def reconcile(
    store: Store,
    root: RootRow,
    *,
    cancel: CancelToken | None = None,
    ignore: Collection[bytes] = (),
    exclude: tuple[str, ...] = (),
    consent: Consent = NOBODY_ASKED,
) -> ScanReport:
    """Bring the index in line with one root. See ``reconcile_roots``."""
    return reconcile_roots(store, [root], cancel=cancel, ignore=ignore, exclude=exclude, consent=consent)


def reconcile_roots(
    store: Store,
    roots: Iterable[RootRow],
    *,
    cancel: CancelToken | None = None,
    ignore: Collection[bytes] = (),
    exclude: tuple[str, ...] = (),
    consent: Consent = NOBODY_ASKED,
    on_batch: Callable[[ScanReport], None] | None = None,
) -> ScanReport:
    """Bring the index in line with the disk, over whole roots.

    ``ignore`` are folders that are passed over: our own. ``exclude`` are patterns of what is passed over in every
    root, before the root's own. ``consent`` says which roots may lose many files at once. ``on_batch`` is called with
    the state so far after each commit. A file that moved between the roots keeps its row. Raises ``Cancelled``; what
    was committed until then stays, and nothing is taken out.
    """
    scan = _Scan(store, cancel, ignore, exclude, consent, on_batch)
    for root in roots:
        scan.whole(root)
    return scan.finish()


def look_at(
    store: Store,
    settled: Settled,
    *,
    cancel: CancelToken | None = None,
    ignore: Collection[bytes] = (),
    exclude: tuple[str, ...] = (),
    consent: Consent = NOBODY_ASKED,
) -> ScanReport:
    """Bring the index in line with the disk at a few places; those outside every root are passed over.

    The arguments are those of ``reconcile_roots``.
    """
    scan = _Scan(store, cancel, ignore, exclude, consent, None)
    for path in sorted(settled.paths | settled.trees):
        scan.place(path)
    return scan.finish()


@dataclass
class _Batch:
    """What has been found in one root and is not committed yet."""

    added: list[FoundFile] = field(default_factory=list)
    changed: list[tuple[int, FileStamp]] = field(default_factory=list)
    moved: list[MovedFile] = field(default_factory=list)
    revived: list[tuple[int, FoundFile]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.added) + len(self.changed) + len(self.moved) + len(self.revived)


@dataclass
class _Compared:
    """What is known of a place beside what is there."""

    found: int = 0  # files that are there,
    met: int = 0  # those among them that were known,
    missing: list[KnownFile] = field(default_factory=list)  # and those known that are not there


class _Scan:
    """One reconciliation over several places."""

    def __init__(
        self,
        store: Store,
        cancel: CancelToken | None,
        ignore: Collection[bytes],
        exclude: tuple[str, ...],
        consent: Consent,
        on_batch: Callable[[ScanReport], None] | None,
    ) -> None:
        self._store = store
        self._cancel = cancel
        self._consent = consent
        self._on_batch = on_batch
        self._roots = {root.id: root for root in store.roots.all()}
        self._excluded = {root.id: excluded_below(root.path, exclude + root.excludes) for root in self._roots.values()}
        self._passed_over = frozenset(ignore) | {root.path for root in self._roots.values()} | kernel_folders()
        self._report = ScanReport()
        self._batch = _Batch()
        self._batch_root_id = 0
        self._committed_s = time.monotonic()
        self._missing: list[KnownFile] = []
        self._there: dict[int, bool] = {}
        self._origins = Origins(store, self._roots, self._is_there)
        self._walked: set[int] = set()
        self._held: dict[int, int] = {}  # files known of the roots that were walked to the end

    def whole(self, root: RootRow) -> None:
        """Walk a whole root, once."""
        if root.id in self._walked or root.id not in self._roots:
            return
        self._walked.add(root.id)
        self._purge_deleted(root)
        if not self._is_there(root):
            self._purge_away(root)
            return
        self._is_purged(root)  # what comes in now may be under other patterns than what was known before
        walk = Walk(root.path, self._passed_over, self._excluded[root.id])
        compared = self._compare(root, self._store.files.in_order(root.id, root.path), walk.files(self._cancel))
        self._note_unreadable(walk.unreadable)
        missing = self._without_unreadable(compared.missing)
        if compared.found == 0 and root.held > HELD_MANY and missing and root.path not in self._consent.told:
            self._set_offline(root)
            self._purge_away(root)
            return
        self._missing += missing
        # The drive may have been pulled during the walk.
        if not self._is_there(root, again=True):
            self._report = replace(self._report, offline=True)
            return
        kept = len(compared.missing) - len(missing)
        self._held[root.id] = compared.met + len(compared.missing)
        self._store.roots.set_scanned(root.id, filesystem_id(root.path) or "", compared.found + kept)

    def place(self, path: bytes) -> None:
        """Look at one path, and at everything below it if it is a folder."""
        root = self._root_of(path)
        if root is None or self._is_passed_over(root, path) or not self._is_there(root):
            return
        if root.offline:
            self.whole(root)  # it has come back, and anything may have happened to it in between
            return
        try:
            status = look(path)
        except OSError as error:
            logger.warning("cannot look at %s: %s", os.fsdecode(path), error.strerror)
            return
        rules = self._excluded[root.id]
        alone = self._store.files.by_path(path)
        known = chain([alone] if alone is not None else [], self._store.files.in_order(root.id, path))
        walk = Walk(path, self._passed_over, rules)
        found: Iterable[Entry] = ()
        if status is not None and stat.S_ISDIR(status.st_mode):
            if path == root.path or not rules.folder(path, os.path.basename(path)):
                found = walk.files(self._cancel)
        elif status is not None and stat.S_ISREG(status.st_mode) and not rules.file(path, os.path.basename(path)):
            found = [(path, status)]
        compared = self._compare(root, known, found)
        self._note_unreadable(walk.unreadable)
        self._missing += self._without_unreadable(compared.missing)

    def finish(self) -> ScanReport:
        """Commit the rest and take out what is missing, in the roots that are there to the end."""
        self._commit()
        missing: dict[int, list[KnownFile]] = {root_id: [] for root_id in self._held}
        for file in self._missing:
            if file.id not in self._origins.moved and self._there.get(file.root_id, False):
                missing.setdefault(file.root_id, []).append(file)
        for root_id, files in missing.items():
            root = self._roots[root_id]
            if files and not self._is_there(root, again=True):
                continue
            left = take_out(self._store, root, files, self._excluded[root_id], self._consent, self._held.get(root_id))
            self._report += ScanReport(
                removed=left.removed, withheld=frozenset((root.path,)) if left.withheld else frozenset()
            )
        return self._report

    def _purge_away(self, root: RootRow) -> None:
        """Forget what is excluded by now of a root that is away, once for each change of the patterns."""
        self._report = replace(self._report, offline=True)
        if self._is_purged(root):
            return
        rules = self._excluded[root.id]
        hidden = hidden_files(self._store, root, rules)
        purge(self._store, hidden)
        self._store.notes.put(_purged_key(root), rules.digest)
        self._report += ScanReport(removed=len(hidden))

    def _is_purged(self, root: RootRow) -> bool:
        """Whether nothing is known of a root that its patterns hide, as was noted; a note on others is struck out."""
        noted = self._store.notes.get(_purged_key(root))
        if noted and noted != self._excluded[root.id].digest:
            self._store.notes.put(_purged_key(root), "")
        return noted == self._excluded[root.id].digest

    def _purge_deleted(self, root: RootRow) -> None:
        """Forget what is excluded by now of a root's deleted files: nothing may be left of it."""
        covers = self._excluded[root.id].covers
        purge(self._store, [file.file_id for file in self._store.tombstones.of_root(root.id) if covers(file.path)])

    def _compare(self, root: RootRow, known: Iterator[KnownFile], found: Iterable[Entry]) -> _Compared:
        """Go through what is known and what is found side by side, both in the order of their paths.

        Neither is held: a library's rows, all in memory at once, are its greatest part, and whenever Python's
        collector looks through them it stops every thread, the window's among them, for a tenth of a second.
        """
        if self._batch and root.id != self._batch_root_id:
            self._commit()
        self._batch_root_id = root.id
        compared = _Compared()
        waiting = bool(self._batch)
        old = next(known, None)
        for path, status in found:
            compared.found += 1
            while old is not None and old.path < path:
                compared.missing.append(old)
                old = next(known, None)
            if old is None or old.path != path:
                self._new(found_file(path, status))
                waiting = True
            else:
                compared.met += 1
                if _differs(old, status):
                    self._batch.changed.append((old.id, stamp_of(status)))
                    waiting = True
                old = next(known, None)
            if waiting and self._is_due():
                self._commit()
                waiting = False
        if old is not None:
            compared.missing += [old, *known]
        self._report = replace(self._report, seen=self._report.seen + compared.found)
        return compared

    def _is_due(self) -> bool:
        return len(self._batch) >= _BATCH or time.monotonic() - self._committed_s > _BATCH_S

    def _new(self, file: FoundFile) -> None:
        if (origin := self._origins.moved_from(file)) is not None:
            self._batch.moved.append(MovedFile(origin.id, file))
        elif (deleted := self._origins.deleted_as(file)) is not None:
            self._batch.revived.append((deleted.file_id, file))
        else:
            self._batch.added.append(file)

    def _commit(self) -> None:
        batch, self._batch = self._batch, _Batch()
        self._committed_s = time.monotonic()
        if not batch:
            return
        if batch.moved:
            self._store.files.move(self._batch_root_id, batch.moved)
        if batch.changed:
            self._store.files.change(batch.changed)
        revived = self._store.tombstones.revive(self._batch_root_id, batch.revived) if batch.revived else 0
        added = self._store.files.add(self._batch_root_id, batch.added) if batch.added else 0
        self._report += ScanReport(added=added, changed=len(batch.changed), moved=len(batch.moved), revived=revived)
        if self._on_batch is not None:
            self._on_batch(self._report)
        if len(batch) >= _BATCH:
            time.sleep(_GIVE_WAY_S)

    def _is_there(self, root: RootRow, *, again: bool = False) -> bool:
        if again or root.id not in self._there:
            self._there[root.id] = is_there(self._store, root, emptied=root.path in self._consent.told)
            if not self._there[root.id]:
                self._set_offline(root)
        return self._there[root.id]

    def _set_offline(self, root: RootRow) -> None:
        self._there[root.id] = False
        if not root.offline:
            logger.warning("%s is not there; what is known of it stays", os.fsdecode(root.path))
            self._store.roots.set_offline(root.id, True)

    def _root_of(self, path: bytes) -> RootRow | None:
        """The innermost root that holds ``path`` or is it."""
        holding = [root for root in self._roots.values() if path == root.path or is_under(path, root.path)]
        return max(holding, key=lambda root: len(root.path), default=None)

    def _is_passed_over(self, root: RootRow, path: bytes) -> bool:
        """Whether a walk from the root would not have come to ``path``."""
        if path == root.path:
            return False
        if path in self._passed_over or self._excluded[root.id].lies_in(path):
            return True
        inside = takewhile(lambda folder: folder != root.path, parents(path))
        return any(folder in self._passed_over for folder in inside)

    def _note_unreadable(self, paths: set[bytes]) -> None:
        if paths:
            self._report = replace(self._report, unreadable=self._report.unreadable | paths)

    def _without_unreadable(self, files: Iterable[KnownFile]) -> list[KnownFile]:
        """Without those that nothing can be said of now."""
        hidden = self._report.unreadable
        if not hidden:
            return list(files)
        return [
            file
            for file in files
            if file.path not in hidden and not any(above in hidden for above in parents(file.path))
        ]


def _purged_key(root: RootRow) -> str:
    return f"purged root {root.id}"


def _differs(old: KnownFile, status: os.stat_result) -> bool:
    """Whether a file is not as it was known."""
    # Number by number first: that is all that is looked at of the many that are the same.
    if (
        old.mtime_ns == status.st_mtime_ns
        and old.size == status.st_size
        and old.ctime_ns == status.st_ctime_ns
        and old.signed_inode == status.st_ino
    ):
        return False
    return old.stamp != stamp_of(status)
