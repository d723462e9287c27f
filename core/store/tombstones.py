"""Files that were deleted and may come back: for a month their ids, stamps and contents are kept and never shown."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from core.store.connection import Database
from core.store.files import Files, FoundFile, KnownFile, placeholders, to_signed
from core.types import FileStamp, Stage

KEEP_NS = 30 * 24 * 3600 * 1_000_000_000  # as long as the contents that no file has are kept


class Tombstone(NamedTuple):
    """A deleted file, as far as it takes to know it again."""

    file_id: int
    path: bytes
    size: int  # bytes
    mtime_ns: int

    def is_like(self, stamp: FileStamp) -> bool:
        """Whether a file with this stamp may be the deleted one."""
        return (self.size, self.mtime_ns) == (stamp.size, stamp.mtime_ns)


class Tombstones:
    """The table ``tombstones``."""

    def __init__(self, database: Database, files: Files) -> None:
        self._database = database
        self._files = files

    def any(self) -> bool:
        return self._database.connection.execute("SELECT 1 FROM tombstones LIMIT 1").get is not None

    def count(self, root_id: int | None = None) -> int:
        """How many deleted files are kept, of all roots or of one."""
        condition, bindings = ("root_id = ?", [root_id]) if root_id is not None else ("1", [])
        count: int = self._database.connection.execute(
            f"SELECT count(*) FROM tombstones WHERE {condition}", bindings
        ).get
        return count

    def by_path(self, path: bytes) -> Tombstone | None:
        return next(iter(self._select("path = ?", path)), None)

    def by_inode(self, inode: int) -> list[Tombstone]:
        """The deleted files that had this inode, the latest first."""
        return self._select("inode = ? ORDER BY deleted_ns DESC", to_signed(inode))

    def of_root(self, root_id: int) -> list[Tombstone]:
        return self._select("root_id = ?", root_id)

    def buried_since(self, root_id: int, since_ns: int) -> int:
        """How many files of a root were found missing since a time."""
        count: int = self._database.connection.execute(
            "SELECT count(*) FROM tombstones WHERE root_id = ? AND deleted_ns >= ?", (root_id, since_ns)
        ).get
        return count

    def bury(self, missing: Iterable[KnownFile], now_ns: int | None = None) -> int:
        """Take files that are not where they were known out of the index; one that has a new path by now stays.

        The count. Their contents are kept as long as the tombstones are.
        """
        now_ns = time.time_ns() if now_ns is None else now_ns
        count = 0
        with self._database.write() as db:
            for file in missing:
                # What was still to be read may be another content than the one that is linked: a ctime that no file
                # has makes it be hashed when it comes back.
                db.execute(
                    """
                    INSERT OR REPLACE INTO tombstones
                    SELECT f.id, f.root_id, f.path, f.kind, f.size, f.mtime_ns,
                           iif(EXISTS (SELECT 1 FROM jobs j WHERE j.file_id = f.id AND j.stage = ?), 0, f.ctime_ns),
                           f.inode, f.day, f.content_id, ?
                    FROM files f WHERE f.id = ? AND f.path = ?
                    """,
                    (Stage.CONTENT.value, now_ns, file.id, file.path),
                )
                if not db.changes():
                    continue
                content_id: int | None = db.execute("SELECT content_id FROM files WHERE id = ?", (file.id,)).get
                db.execute("DELETE FROM files WHERE id = ?", (file.id,))
                count += 1
                if content_id is not None:
                    self._orphan(content_id, now_ns)
        return count

    def revive(self, root_id: int, returned: Iterable[tuple[int, FoundFile]]) -> int:
        """Put files that came back into a root, each in the place of the tombstone that is named by its id; the count.

        Content, vectors and thumbnails are those it had. A file whose ctime moved is queued to be hashed, and one
        that was never read to be read.
        """
        count = 0
        with self._database.write() as db:
            if db.execute("SELECT 1 FROM roots WHERE id = ?", (root_id,)).get is None:
                return 0
            for file_id, found in returned:
                count += self._revive(root_id, file_id, found)
        return count

    def take_back(self, root_id: int, since_ns: int) -> int:
        """Undo what was buried of a root since a time; the count. The files are in the index as they were."""
        with self._database.write() as db:
            rows: list[Any] = db.execute(
                """
                SELECT file_id, mtime_ns, ctime_ns, content_id IS NOT NULL FROM tombstones t
                WHERE root_id = ? AND deleted_ns >= ? AND NOT EXISTS (SELECT 1 FROM files f WHERE f.path = t.path)
                """,
                (root_id, since_ns),
            ).fetchall()
            for file_id, *_ in rows:
                self._restore_row(file_id)
            # Read only if they are still there one day; until then the job waits as that of any file that is gone.
            self._files.queue_content(
                (id_, mtime_ns) for id_, mtime_ns, ctime_ns, read in rows if not (read and ctime_ns)
            )
        return len(rows)

    def adopt(self, file_id: int, content_id: int) -> int:
        """Give a new file the id of the deleted one whose content it turns out to have; the id it has now.

        Only under its old path, or where no other file has that content: a copy of a file that is still there is a
        file of its own. In the caller's transaction.
        """
        db = self._database.connection
        deleted: int | None = db.execute(
            """
            SELECT t.file_id FROM tombstones t JOIN files f ON f.id = ?1
            WHERE t.content_id = ?2 AND f.content_id IS NULL
                AND (t.path = f.path OR NOT EXISTS (SELECT 1 FROM files other WHERE other.content_id = ?2))
            ORDER BY t.path = f.path DESC, t.deleted_ns DESC LIMIT 1
            """,
            (file_id, content_id),
        ).get
        if deleted is None:
            return file_id
        db.execute("DELETE FROM tombstones WHERE file_id = ?", (deleted,))
        db.execute("DELETE FROM jobs WHERE file_id = ?", (file_id,))
        db.execute("UPDATE files SET id = ? WHERE id = ?", (deleted, file_id))
        db.execute("DELETE FROM names_fts WHERE rowid = ?", (file_id,))
        self._files.write_names([deleted])
        return deleted

    def purge(self, file_ids: Sequence[int]) -> list[str]:
        """Forget files and tombstones for good, with the contents that none else has; the hashes of those."""
        contents: set[int] = set()
        with self._database.write() as db:
            for start in range(0, len(file_ids), _CHUNK):
                chunk = file_ids[start : start + _CHUNK]
                for table, key in (("files", "id"), ("tombstones", "file_id")):
                    where = f"WHERE {key} IN ({placeholders(chunk)})"
                    linked = db.execute(f"SELECT content_id FROM {table} {where} AND content_id IS NOT NULL", chunk)
                    contents.update(content_id for (content_id,) in linked)
                    db.execute(f"DELETE FROM {table} {where}", chunk)
            return self._drop_unused(sorted(contents))

    def due(self, now_ns: int | None = None) -> int:
        """How many were deleted a month ago, and go with the next sweep."""
        now_ns = time.time_ns() if now_ns is None else now_ns
        count: int = self._database.connection.execute(
            "SELECT count(*) FROM tombstones WHERE deleted_ns < ?", (now_ns - KEEP_NS,)
        ).get
        return count

    def sweep(self, now_ns: int | None = None) -> int:
        """Forget the files that were deleted a month ago; how many. Their contents go with the next sweep of those."""
        now_ns = time.time_ns() if now_ns is None else now_ns
        with self._database.write() as db:
            db.execute("DELETE FROM tombstones WHERE deleted_ns < ?", (now_ns - KEEP_NS,))
            return db.changes()

    def _revive(self, root_id: int, file_id: int, found: FoundFile) -> int:
        db = self._database.connection
        row: Any = db.execute(
            "SELECT ctime_ns, content_id, path FROM tombstones WHERE file_id = ?", (file_id,)
        ).fetchone()
        if row is None or db.execute("SELECT 1 FROM files WHERE path = ?", (found.path,)).get is not None:
            return self._files.add(root_id, [found])  # another scan was quicker
        ctime_ns, content_id, _ = row
        stamp = found.stamp
        self._restore_row(file_id, root_id, found)
        if content_id is None or ctime_ns != stamp.ctime_ns:
            self._files.queue_content([(file_id, stamp.mtime_ns)])
        return 1

    def _restore_row(self, file_id: int, root_id: int | None = None, found: FoundFile | None = None) -> None:
        """Move a tombstone back among the files, in the place where it was found again."""
        db = self._database.connection
        db.execute(
            """
            INSERT INTO files (id, root_id, path, kind, size, mtime_ns, ctime_ns, inode, day, content_id)
            SELECT file_id, coalesce(?2, root_id), coalesce(?3, path), kind, size, mtime_ns, ctime_ns, inode, day,
                   content_id
            FROM tombstones WHERE file_id = ?1
            """,
            # At once where it was found: another file may have taken the place that it had.
            (file_id, root_id, found.path if found is not None else None),
        )
        db.execute("DELETE FROM tombstones WHERE file_id = ?", (file_id,))
        db.execute(
            "UPDATE contents SET orphaned_ns = NULL WHERE id = (SELECT content_id FROM files WHERE id = ?)", (file_id,)
        )
        if found is not None:
            self._files.set_stamp(file_id, found.stamp)
        self._files.write_names([file_id])

    def _orphan(self, content_id: int, now_ns: int) -> None:
        self._database.connection.execute(
            """
            UPDATE contents SET orphaned_ns = ?1
            WHERE id = ?2 AND orphaned_ns IS NULL AND NOT EXISTS (SELECT 1 FROM files f WHERE f.content_id = ?2)
            """,
            (now_ns, content_id),
        )

    def _drop_unused(self, content_ids: Sequence[int]) -> list[str]:
        """Delete those contents that neither a file nor a tombstone has; their hashes."""
        db = self._database.connection
        dropped: list[str] = []
        for content_id in content_ids:
            digest: bytes | None = db.execute(
                """
                SELECT hash FROM contents WHERE id = ?1
                    AND NOT EXISTS (SELECT 1 FROM files f WHERE f.content_id = ?1)
                    AND NOT EXISTS (SELECT 1 FROM tombstones t WHERE t.content_id = ?1)
                """,
                (content_id,),
            ).get
            if digest is None:
                continue
            db.execute("DELETE FROM segments WHERE content_id = ?", (content_id,))  # so that its triggers run
            db.execute("DELETE FROM contents WHERE id = ?", (content_id,))
            dropped.append(digest.hex())
        return dropped

    def _select(self, condition: str, binding: bytes | int) -> list[Tombstone]:
        rows = self._database.connection.execute(
            f"SELECT file_id, path, size, mtime_ns FROM tombstones WHERE {condition}", (binding,)
        )
        return [Tombstone(*row) for row in rows]


_CHUNK = 900  # bindings a statement may have
