"""Forgetting a file or a folder: every trace of it, down to the bytes that lie in pages which hold nothing any more.

Deleting a row leaves its bytes in the file, and its words in the full text until that is merged. SQLite's
``secure_delete`` overwrites what is deleted from then on, and FTS5's the postings; what earlier changes of a file have
left behind they do not reach. So after the rows are gone the full text is merged into one piece and the index is
written anew with what is left (``core.store.compact``), and its log is cut to nothing. Until that is done a note stays
in the index, and what a sudden end has cut short is finished at the next occasion.

What belongs to no file any more, and may have been an earlier content of a forgotten one, goes as well, and so do the
damaged indexes that were set aside: nobody can say what is in them. One thing stays, where a folder that is watched
holds what is forgotten: the pattern that keeps it from coming back, which names it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import log
from core.cancel import CancelToken
from core.errors import IndexBusyError, NoRoomError
from core.patterns import pattern_of
from core.room import disk_trouble
from core.store import exchange
from core.store.compact import compact
from core.store.filters import is_under, under
from core.store.upkeep import set_aside_files

if TYPE_CHECKING:
    from core.store.store import Store

logger = logging.getLogger(__name__)

_DUE = "traces_due"  # the name of the note that rows are gone and their bytes may not be
_TABLES = ("segments_fts", "names_fts")
_BATCH = 500  # files a transaction
_TRIES = 3


@dataclass(frozen=True)
class Remembered:
    """What the index holds of a file or folder."""

    files: int
    deleted: int  # files that are gone from the disk, and kept to be known again
    roots: tuple[bytes, ...]  # watched folders that it is or holds
    excluded_from: tuple[bytes, ...]  # watched folders that hold it
    set_aside: int  # damaged indexes, which may hold it too


def remembered(store: Store, path: bytes) -> Remembered:
    """What ``forget`` would take away. ``path`` is absolute."""
    roots = store.roots.all()
    return Remembered(
        files=len(_ids(store, "files", "id", path)),
        deleted=len(_ids(store, "tombstones", "file_id", path)),
        roots=tuple(root.path for root in roots if root.path == path or is_under(root.path, path)),
        excluded_from=tuple(root.path for root in roots if is_under(path, root.path)),
        set_aside=len(set_aside_files(store.database.path)),
    )


def forget(store: Store, path: bytes) -> None:
    """Forget a file or folder: ``take_out`` and ``finish_forgetting``, and raises what they raise."""
    take_out(store, path)
    finish_forgetting(store)


def take_out(store: Store, path: bytes) -> None:
    """Remove all rows and log lines of a file or folder, which the file system need not know any more.

    It is not touched there. Its caller holds the writer's lock, and has ``finish_forgetting`` remove the bytes that
    are left of it. Raises what ``Database`` raises, ``NoRoomError`` and ``StorageError``.
    """
    store.notes.put(_DUE, "1")
    db = store.database.connection
    db.pragma("secure_delete", True)
    _secure_full_text(store, True)
    try:
        _exclude(store, path)
        for root in store.roots.all():
            if root.path == path or is_under(root.path, path):
                _purge(store, _root_ids(store, root.id))
                store.roots.remove(root.id)
        _purge(store, [*_ids(store, "files", "id", path), *_ids(store, "tombstones", "file_id", path)])
        store.remove_thumbnails(store.contents.drop_unused())
        _clean_logs(store, path)
        _strike_off_requests(store, path)
    finally:
        try:
            _secure_full_text(store, False)
        finally:
            db.pragma("secure_delete", False)


def is_due(store: Store) -> bool:
    """Whether rows are gone and their bytes may not be."""
    return store.notes.get(_DUE) is not None


def finish_forgetting(store: Store, cancel: CancelToken | None = None) -> bool:
    """Remove the bytes that forgotten rows have left, where that is still to be done; whether nothing is left of them.

    Raises ``NoRoomError`` and ``Cancelled``.
    """
    if not is_due(store):
        return True
    _delete_derived(store)
    for _ in range(_TRIES):
        if compact(store.database, cancel) is not None:
            break
    else:
        logger.warning("another program keeps writing to the index: forgetting is finished later")
        return False
    if not exchange.truncate_log(store.database.connection):
        logger.warning("another program reads from the index: forgetting is finished later")
        return False
    with store.database.write() as db:
        _secure_full_text(store, False)
        db.execute("DELETE FROM meta WHERE key = ?", (_DUE,))
    return True


def finish_when_idle(store: Store, cancel: CancelToken) -> None:
    """The same, for when nothing else is left to do: where it cannot be done now, it is left for the next time."""
    try:
        finish_forgetting(store, cancel)
    except (NoRoomError, IndexBusyError) as error:
        logger.warning("forgetting is finished later: %s", error)


def _root_ids(store: Store, root_id: int) -> list[int]:
    """The files of a root, deleted ones too."""
    db = store.database.connection
    rows: Iterable[Any] = db.execute(
        "SELECT id FROM files WHERE root_id = ?1 UNION SELECT file_id FROM tombstones WHERE root_id = ?1", (root_id,)
    )
    return [file_id for (file_id,) in rows]


def _ids(store: Store, table: str, key: str, path: bytes) -> list[int]:
    condition, bounds = under("path", path)
    rows = store.database.connection.execute(
        f"SELECT {key} FROM {table} WHERE path = ? OR ({condition})", [path, *bounds]
    )
    return [file_id for (file_id,) in rows]


def _purge(store: Store, file_ids: list[int]) -> None:
    for start in range(0, len(file_ids), _BATCH):
        store.remove_thumbnails(store.tombstones.purge(file_ids[start : start + _BATCH]))


def _exclude(store: Store, path: bytes) -> None:
    """Keep what is forgotten from coming back into the folders that hold it."""
    is_folder = bool(_ids(store, "files", "id", path + os.sep.encode())) or Path(os.fsdecode(path)).is_dir()
    for root in store.roots.all():
        if is_under(path, root.path):
            pattern = pattern_of(os.path.relpath(path, root.path), folder=is_folder)
            if pattern not in root.excludes:
                store.roots.set_excludes(root.id, (*root.excludes, pattern))


def _clean_logs(store: Store, path: bytes) -> None:
    try:
        log.forget(store.folders, path)
    except OSError as error:
        raise disk_trouble(error, store.folders.logs, "its name could not be taken out of the logs") from error


def _strike_off_requests(store: Store, path: bytes) -> None:
    for request in store.roots.requests():
        if request.path == path or is_under(request.path, path):
            store.roots.clear_request(request.id)


def _secure_full_text(store: Store, on: bool) -> None:
    with store.database.write() as db:
        for table in _TABLES:
            db.execute(f"INSERT INTO {table}({table}, rank) VALUES ('secure-delete', ?)", (int(on),))


def _delete_derived(store: Store) -> None:
    """Snapshots of vectors, which are made again, and damaged indexes."""
    snapshots = store.folders.vectors.iterdir() if store.folders.vectors.is_dir() else ()
    for path in (*snapshots, *set_aside_files(store.database.path)):
        _delete(path)


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:  # Windows, while another process has it mapped: its reader makes a new one soon
        logger.warning("%s stays for now: %s", path.name, error.strerror)
