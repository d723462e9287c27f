"""Files: where they are, what ``stat`` says, what their names say."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import PurePath
from typing import Any, NamedTuple

from core.store.connection import Database
from core.store.filters import FileFilter, under
from core.store.fulltext import FullText
from core.store.words import split_name
from core.types import FileStamp, Kind, Stage

_SIGN = 1 << 63
_PAGE = 500  # rows that are read at a time of a whole root


def to_signed(value: int) -> int:
    """An unsigned 64-bit number as SQLite holds it; some file systems number inodes past 2**63."""
    return value - (1 << 64) if value >= _SIGN else value


def from_signed(value: int) -> int:
    """The inverse of ``to_signed``."""
    return value + (1 << 64) if value < 0 else value


def local_day(mtime_ns: int) -> str:
    """The local calendar day of a time stamp, ISO; a stamp no calendar can hold counts as 1970."""
    try:
        return datetime.fromtimestamp(mtime_ns / 1e9).date().isoformat()
    except (OverflowError, OSError, ValueError):
        return "1970-01-01"


@dataclass(frozen=True)
class FoundFile:
    """A file as the scan sees it: not opened yet."""

    path: bytes
    kind: Kind
    stamp: FileStamp


class KnownFile(NamedTuple):
    """A file as the index knows it; a plain row, because a scan reads all of them."""

    id: int
    path: bytes
    size: int  # bytes
    mtime_ns: int
    ctime_ns: int
    signed_inode: int  # as SQLite holds it
    root_id: int

    @property
    def stamp(self) -> FileStamp:
        return FileStamp(self.size, self.mtime_ns, self.ctime_ns, from_signed(self.signed_inode))


@dataclass(frozen=True)
class MovedFile:
    """A known file found under another path."""

    id: int
    found: FoundFile


@dataclass(frozen=True)
class FileRow:
    """A file with what a hit shows of it."""

    id: int
    path: bytes
    kind: Kind
    size: int
    day: str
    content_id: int | None
    offline: bool
    content_hash: str | None
    has_thumbnail: bool
    width: int | None
    height: int | None
    duration_s: float | None
    title: str | None


_ROW = """
    SELECT f.id, f.path, f.kind, f.size, f.day, f.content_id, r.offline,
           c.hash, c.thumbnail, c.width, c.height, c.duration_s, c.title
    FROM json_each(?) j CROSS JOIN files f ON {column} = j.value
    JOIN roots r ON r.id = f.root_id LEFT JOIN contents c ON c.id = f.content_id
"""


def _file_row(row: tuple[Any, ...]) -> FileRow:
    id_, path, kind, size, day, content_id, offline, digest, thumbnail, width, height, duration_s, title = row
    return FileRow(
        id_,
        path,
        Kind(kind),
        size,
        day,
        content_id,
        bool(offline),
        digest.hex() if digest is not None else None,
        bool(thumbnail),
        width,
        height,
        duration_s,
        title,
    )


def placeholders(values: Sequence[object]) -> str:
    """``?, ?, ?`` for an IN list."""
    return ", ".join("?" * len(values))


def _names(path: bytes, root: bytes, told: Sequence[str | None]) -> tuple[str, str]:
    """What is indexed of a file's name, and of its folders and what its content ``told`` of itself."""
    folder, name = os.path.split(path.decode("utf-8", "replace"))
    return split_name(name), " ".join([*_folder_names(folder, root), *(text for text in told if text)])


@lru_cache(maxsize=256)  # the files of a folder come one after another
def _folder_names(folder: str, root: bytes) -> tuple[str, ...]:
    root_display = root.decode("utf-8", "replace")
    # The root's own name says something ("Holidays"), the folders above it mostly do not ("/home/...").
    below = [PurePath(root_display).name, *folder[len(root_display) :].strip("/\\").replace("\\", "/").split("/")]
    return tuple(split_name(part) for part in below if part)


def span_of(database: Database, selected: str, joined: str, where: FileFilter, limit: int) -> tuple[int, int] | None:
    """What is ``selected`` of the files ``f`` in the place that a filter names, and of what is ``joined`` to them.

    That is how many files there are, and the lowest and highest id. None where there are more files than ``limit``.
    """
    place = where.place
    if place is None:
        return None
    condition, bindings = place.sql()
    row: Any = database.connection.execute(
        f"SELECT {selected} FROM (SELECT f.id, f.content_id FROM files f WHERE {condition} LIMIT ?) f {joined}",
        [*bindings, limit + 1],
    ).get
    count, lowest, highest = row
    return None if count > limit else (lowest or 0, highest or 0)


class Files:
    """The tables ``files`` and ``names_fts``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # A word in the name counts four times one in the folder or the title.
        self.names = FullText(database, "names_fts", "bm25(names_fts, 4.0, 1.0)")

    def known(self, root_id: int, folder: bytes | None = None) -> dict[bytes, KnownFile]:
        """Every file of a root, or those of it below one folder, by path."""
        condition, bounds = under("path", folder) if folder is not None else ("1", [])
        found = self._known(f"root_id = ? AND {condition}", [root_id, *bounds])
        return {file.path: file for file in found}

    def in_order(self, root_id: int, folder: bytes) -> Iterator[KnownFile]:
        """The files of a root below one folder, in the order of their paths, read a page at a time.

        The caller may write between two files. It sees what becomes of paths behind the page that was read last.
        """
        _, (after, end) = under("path", folder)  # no path is the folder's own with a separator
        while True:
            # The plus keeps SQLite from going by root and sorting all. Of two lower bounds it would seek the first.
            where = "+root_id = ? AND path > ? AND path < ? ORDER BY path LIMIT ?"
            page = list(self._known(where, [root_id, after, end, _PAGE]))
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].path

    def count(self, root_id: int | None = None) -> int:
        """How many files there are, or how many a root has."""
        condition, bindings = ("root_id = ?", [root_id]) if root_id is not None else ("1", [])
        count: int = self._database.connection.execute(f"SELECT count(*) FROM files WHERE {condition}", bindings).get
        return count

    def by_path(self, path: bytes) -> KnownFile | None:
        return next(self._known("path = ?", [path]), None)

    def by_inode(self, inode: int) -> list[KnownFile]:
        """The files with this inode: several where there are hard links, or file systems that number alike."""
        return list(self._known("inode = ?", [to_signed(inode)]))

    def some(self, root_id: int, count: int) -> list[KnownFile]:
        """A few files of a root."""
        return list(self._known("root_id = ? LIMIT ?", [root_id, count]))

    def add(self, root_id: int, found: Iterable[FoundFile]) -> int:
        """Stage 1 for new files: findable by name, folder and date at once; their content is queued. The count.

        A path that was added under another root meanwhile changes hands; nothing is added to a root that is gone. A
        deleted file's id is not given again as long as its tombstone stands.
        """
        added: list[tuple[int, int]] = []  # id, mtime_ns
        with self._database.write() as db:
            if not self._has_root(root_id):
                return 0
            for file in found:
                stamp = file.stamp
                file_id: int = db.execute(
                    """
                    INSERT INTO files (id, root_id, path, kind, size, mtime_ns, ctime_ns, inode, day)
                    VALUES (
                        (SELECT 1 + max(ifnull((SELECT max(id) FROM files), 0),
                                        ifnull((SELECT max(file_id) FROM tombstones), 0))),
                        ?, ?, ?, ?, ?, ?, ?, ?
                    )
                    ON CONFLICT (path) DO UPDATE SET root_id = excluded.root_id, size = excluded.size,
                        mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns, inode = excluded.inode
                    RETURNING id
                    """,
                    (
                        root_id,
                        file.path,
                        file.kind.value,
                        stamp.size,
                        stamp.mtime_ns,
                        stamp.ctime_ns,
                        to_signed(stamp.inode),
                        local_day(stamp.mtime_ns),
                    ),
                ).get
                added.append((file_id, stamp.mtime_ns))
            self.write_names([file_id for file_id, _ in added])
            self.queue_content(added)
        return len(added)

    def change(self, changed: Iterable[tuple[int, FileStamp]]) -> None:
        """New stamps for known files, whose content is queued again. What was known stays found until it is read."""
        with self._database.write() as db:
            for file_id, stamp in changed:
                self.set_stamp(file_id, stamp)
                db.execute("DELETE FROM jobs WHERE file_id = ?", (file_id,))
                db.execute("UPDATE files SET skip_reason = NULL WHERE id = ?", (file_id,))
                self.queue_content([(file_id, stamp.mtime_ns)])

    def restamp(self, file_id: int, before: FileStamp, now: FileStamp) -> None:
        """The stamp that a file has now that it is about to be read, unless a scan has set another meanwhile.

        Its jobs stay as they are.
        """
        with self._database.write():
            if any(file.stamp == before for file in self._known("id = ?", [file_id])):
                self.set_stamp(file_id, now)

    def move(self, root_id: int, moved: Iterable[MovedFile]) -> None:
        """New paths for known files. Content, vectors and jobs stay.

        Where the ctime moved as well, as most file systems do on renaming, the file is queued to be hashed: an equal
        inode, size and mtime are no proof that nobody reused the inode.
        """
        with self._database.write() as db:
            if not self._has_root(root_id):
                return
            batch = list(moved)
            # Two files may have swapped names: make every path free before taking any.
            for file in batch:
                db.execute("UPDATE files SET path = CAST(? || id AS BLOB) WHERE id = ?", ("\0moving/", file.id))
            for file in batch:
                stamp = file.found.stamp
                ctime_ns: int | None = db.execute("SELECT ctime_ns FROM files WHERE id = ?", (file.id,)).get
                if ctime_ns is None:
                    continue
                # A row that still claims the path is left over from before the move.
                db.execute("DELETE FROM files WHERE path = ? AND id <> ?", (file.found.path, file.id))
                db.execute("UPDATE files SET path = ?, root_id = ? WHERE id = ?", (file.found.path, root_id, file.id))
                self.set_stamp(file.id, stamp)
                self.write_names([file.id])
                if ctime_ns != stamp.ctime_ns:
                    self.queue_content([(file.id, stamp.mtime_ns)])

    def rows(self, file_ids: Sequence[int], where: FileFilter | None = None) -> dict[int, FileRow]:
        """Files by id, those that the filter lets through."""
        return {row.id: row for row in self._select("f.id", file_ids, where or FileFilter())}

    def rows_of_contents(self, content_ids: Sequence[int], where: FileFilter | None = None) -> dict[int, list[FileRow]]:
        """The files that have each content, those that the filter lets through; oldest entry first."""
        found: dict[int, list[FileRow]] = {}
        for row in self._select("f.content_id", content_ids, where or FileFilter()):
            if row.content_id is not None:
                found.setdefault(row.content_id, []).append(row)
        return found

    def span(self, where: FileFilter, limit: int) -> tuple[int, int] | None:
        """The lowest and the highest id in the folder or between the dates of a filter.

        What came in together has neighbouring ids. None where there is no such filter, or more than ``limit`` files.
        """
        return span_of(self._database, "count(*), min(f.id), max(f.id)", "", where, limit)

    def allowed(self, file_ids: Sequence[int], where: FileFilter) -> list[int]:
        """Those of the files that the filter lets through, in their order."""
        condition, bindings = where.sql()
        rows = self._database.connection.execute(
            f"SELECT f.id FROM json_each(?) j CROSS JOIN files f ON f.id = j.value WHERE {condition}",
            [json.dumps(list(file_ids)), *bindings],
        )
        return [file_id for (file_id,) in rows]

    def has_kind(self, kind: Kind) -> bool:
        """Whether there is any file of a kind."""
        row = self._database.connection.execute("SELECT 1 FROM files WHERE kind = ? LIMIT 1", (kind.value,)).fetchone()
        return row is not None

    def write_names(self, file_ids: Sequence[int]) -> None:
        """Bring the files' lines in the index of names up to date. Inside the caller's transaction."""
        db = self._database.connection
        rows: Any = db.execute(
            """
            SELECT f.id, f.path, r.path, c.title, c.author, c.album, c.camera
            FROM json_each(?) j CROSS JOIN files f ON f.id = j.value
            JOIN roots r ON r.id = f.root_id LEFT JOIN contents c ON c.id = f.content_id
            """,
            (json.dumps(list(file_ids)),),
        ).fetchall()
        db.executemany(
            "INSERT OR REPLACE INTO names_fts (rowid, name, about) VALUES (?, ?, ?)",
            ((file_id, *_names(path, root, told)) for file_id, path, root, *told in rows),
        )

    def _select(self, column: str, ids: Sequence[int], where: FileFilter) -> list[FileRow]:
        condition, bindings = where.sql()
        # The ids are the outer loop: given a list of some hundreds, SQLite may choose to read all files instead.
        rows = self._database.connection.execute(
            f"{_ROW.format(column=column)} WHERE {condition} ORDER BY f.id",
            [json.dumps(list(dict.fromkeys(ids))), *bindings],
        )
        return [_file_row(row) for row in rows]

    def _known(self, condition: str, bindings: Sequence[bytes | int]) -> Iterator[KnownFile]:
        rows = self._database.connection.execute(
            f"SELECT id, path, size, mtime_ns, ctime_ns, inode, root_id FROM files WHERE {condition}", bindings
        )
        return map(KnownFile._make, rows)

    def _has_root(self, root_id: int) -> bool:
        """Whether the root is still there; it may be removed while it is being scanned."""
        return self._database.connection.execute("SELECT 1 FROM roots WHERE id = ?", (root_id,)).get is not None

    def set_stamp(self, file_id: int, stamp: FileStamp) -> None:
        """What ``stat`` says of a known file now. Inside the caller's transaction."""
        # The day that the content tells stays until the content is read again.
        self._database.connection.execute(
            """
            UPDATE files SET size = ?, mtime_ns = ?, ctime_ns = ?, inode = ?,
                day = coalesce((SELECT substr(c.taken_at, 1, 10) FROM contents c WHERE c.id = files.content_id), ?)
            WHERE id = ?
            """,
            (
                stamp.size,
                stamp.mtime_ns,
                stamp.ctime_ns,
                to_signed(stamp.inode),
                local_day(stamp.mtime_ns),
                file_id,
            ),
        )

    def queue_content(self, files: Iterable[tuple[int, int]]) -> None:
        """Queue files, given as id and mtime in ns, to be hashed and, if need be, read. In the caller's transaction."""
        self._database.connection.executemany(
            "INSERT OR REPLACE INTO jobs (file_id, stage, state, newest_ns) VALUES (?, ?, 'ready', ?)",
            ((file_id, Stage.CONTENT.value, mtime_ns) for file_id, mtime_ns in files),
        )
