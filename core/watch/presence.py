"""Whether a root is there: an unplugged drive must never look like thousands of deletions."""

from __future__ import annotations

import errno
import logging
import os
import stat

from core.filesystem import filesystem_id, same_filesystem
from core.store.filters import is_under
from core.store.roots import RootRow
from core.store.store import Store
from core.watch.walk import look, stamp_of

logger = logging.getLogger(__name__)

HELD_MANY = 50  # files; a root that held more and is empty now is taken for an unplugged one
_SAMPLE = 40  # known files that are looked for when a root is on another file system than before


def is_there(store: Store, root: RootRow, *, emptied: bool = False) -> bool:
    """Whether the folder is there, can be listed, is on the file system it was on, and is not suddenly empty.

    ``emptied``: a person says that it may be, which is believed of a folder that is on its own file system. A root
    on another file system that still holds most of a sample of its known files is there: the person has moved to a
    new disk.
    """
    try:
        with os.scandir(root.path) as entries:
            empty = next(entries, None) is None
        now = filesystem_id(root.path)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            logger.warning("cannot look into %s: %s", os.fsdecode(root.path), error.strerror)
        return False
    if empty and store.files.count(root.id):  # what is known of it has not been found elsewhere either
        # A file system in memory, or of a drive that nobody numbered, has left its mount point behind, or the reverse.
        exchanged = root.fs_id is not None and bool(root.fs_id) != bool(now)
        if exchanged or (root.held > HELD_MANY and not emptied):
            return False
    return same_filesystem(root.fs_id, now) or root.held == 0 or _holds_what_it_held(store, root)


def root_is_there(store: Store, path: bytes) -> bool:
    """Whether the innermost root that holds ``path`` is there."""
    holding = [root for root in store.roots.all() if is_under(path, root.path)]
    return bool(holding) and is_there(store, max(holding, key=lambda root: len(root.path)))


def was_left(root: RootRow, found: bytes) -> bool:
    """Whether a root's files may be elsewhere on its own file system, so that a file ``found`` may be one of them.

    Somebody has renamed the root, or moved all that was in it to another one. Of a drive that is away the empty folder
    left behind is on another file system.
    """
    try:
        if not root.fs_id or filesystem_id(found) != root.fs_id:
            return False
        status = os.stat(root.path)
        return stat.S_ISDIR(status.st_mode) and os.lstat(found).st_dev == status.st_dev
    except OSError as error:
        return error.errno == errno.ENOENT and not os.path.lexists(root.path)


def _holds_what_it_held(store: Store, root: RootRow) -> bool:
    sample = store.files.some(root.id, _SAMPLE)
    same = 0
    for file in sample:
        try:
            status = look(file.path)
        except OSError:
            continue
        if status is not None:
            stamp = stamp_of(status)
            same += (stamp.size, stamp.mtime_ns) == (file.stamp.size, file.stamp.mtime_ns)
    return same * 2 > len(sample)
