"""Where a file that a scan has not seen before comes from: another path, or the deleted ones."""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping

from core.store.files import FoundFile, KnownFile
from core.store.roots import RootRow
from core.store.store import Store
from core.store.tombstones import Tombstone
from core.watch.presence import was_left
from core.watch.walk import look


class Origins:
    """The origins that one scan gives to what it finds, each once."""

    def __init__(self, store: Store, roots: Mapping[int, RootRow], is_there: Callable[[RootRow], bool]) -> None:
        """``is_there`` says whether a root can be looked into."""
        self._store = store
        self._roots = roots
        self._is_there = is_there
        self._any_deleted = store.tombstones.any()
        self._revived: set[int] = set()
        self.moved: set[int] = set()  # the ids of known files that are elsewhere now

    def moved_from(self, file: FoundFile) -> KnownFile | None:
        """The known file that this one was: same inode, size and mtime, and nothing at its old path any more."""
        if not file.stamp.inode:
            return None  # a file system that does not number its files
        for known in self._store.files.by_inode(file.stamp.inode):
            same = (known.stamp.size, known.stamp.mtime_ns) == (file.stamp.size, file.stamp.mtime_ns)
            if not same or known.id in self.moved or known.path == file.path:
                continue
            root = self._roots.get(known.root_id)
            if root is None or not _is_vacant(known.path):
                continue
            if self._is_there(root) or was_left(root, file.path):
                self.moved.add(known.id)
                return known
        return None

    def deleted_as(self, file: FoundFile) -> Tombstone | None:
        """The deleted file that this one was: same size and mtime, and the same path or inode."""
        if not self._any_deleted:
            return None
        tombstones = self._store.tombstones
        there = tombstones.by_path(file.path)
        candidates = [there] if there is not None else []
        candidates += tombstones.by_inode(file.stamp.inode) if file.stamp.inode else []
        for one in candidates:
            if one.is_like(file.stamp) and one.file_id not in self._revived:
                self._revived.add(one.file_id)
                return one
        return None


def _is_vacant(path: bytes) -> bool:
    """Whether there is surely no ordinary file at a path."""
    try:
        status = look(path)
    except OSError:
        return False
    return status is None or not stat.S_ISREG(status.st_mode)
