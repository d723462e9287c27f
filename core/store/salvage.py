"""A new index of what a damaged one still holds. The damaged one is read, never changed.

A table that SQLite can read to its end, and finds in order, is taken as SQLite reads it. What another one holds is
taken from its leaf pages (``core.store.pages``), each row recognised by the types of its columns. A row has to fit the
schema, and a vector its checksum; what points at a row that is gone goes, or is queued to be read again.
"""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from core import private
from core.store import exchange
from core.store.connection import Database, connect, make_schema
from core.store.files import Files
from core.store.pages import PageFile, Text
from core.types import Kind, SegmentKind, Stage

logger = logging.getLogger(__name__)

_TABLES = (
    *("roots", "contents", "files", "tombstones", "segments", "spaces", "search_spaces", "vectors", "jobs"),
    *("requests", "meta"),
)
_NOT_CARRIED = "index_id"  # what was derived from the old index knows it by that name
_KINDS: Mapping[tuple[str, str], frozenset[str]] = {
    **{(table, "kind"): frozenset(Kind) for table in ("contents", "files", "tombstones")},
    ("segments", "kind"): frozenset(SegmentKind),
}
_TAKEN: Mapping[str, tuple[type, ...]] = {"INTEGER": (int,), "TEXT": (str,), "BLOB": (bytes,), "REAL": (float, int)}
_HASH_BYTES = 32
_NAMES_AT_A_TIME = 2_000


@dataclass(frozen=True)
class Column:
    name: str
    type: str  # of a STRICT table: INTEGER, TEXT, BLOB, REAL
    required: bool
    is_rowid: bool
    default: object  # what a row that was written before the column was added has; None where there is none

    def takes(self, value: object) -> bool:
        """Whether a value, decoded, can be stored."""
        if value is None:
            return not self.required
        return isinstance(value, _TAKEN[self.type])


@dataclass(frozen=True)
class Carried:
    """What was carried over."""

    roots: int
    files: int
    contents: int
    vectors: int


class Salvage:
    """Fills a new index from a damaged one."""

    def __init__(self, damaged: Path, log: Path, fresh: Path) -> None:
        """``log`` is the damaged index's write-ahead log, which need not exist; ``fresh`` is made anew."""
        self._damaged = damaged
        self._log = log
        self._fresh = fresh
        exchange.remove_copy(fresh)
        private.make_file(fresh)
        self._index = connect(fresh)
        exchange.set_loose(self._index)
        self._index.pragma("foreign_keys", False)
        with self._index:
            make_schema(self._index)
        self._columns = {table: _columns_of(self._index, table) for table in _TABLES}

    def run(self) -> Carried:
        """Raises ``apsw.Error`` and ``OSError`` for trouble with the new index alone."""
        try:
            with self._index:
                broken = self._by_sqlite()
                if broken:
                    self._by_pages(broken)
                self._settle(broken)
            self._index.pragma("journal_mode", "WAL")
        finally:
            self._index.close()
        return self._finish()

    # As SQLite reads it

    def _by_sqlite(self) -> set[str]:
        """Take over every table that can be read; the others, of which a part may have been taken."""
        try:
            source = _open_as_it_is(self._damaged)
        except (apsw.Error, UnicodeDecodeError) as error:
            logger.warning("the damaged index cannot be opened, and is read page by page: %s", error)
            return set(_TABLES)
        try:
            return {table for table in _TABLES if not self._take_table(source, table)}
        finally:
            source.close()

    def _take_table(self, source: apsw.Connection, table: str) -> bool:
        """Whether a table was taken over whole. One that its version of the schema does not have is."""
        try:
            there = {row[1] for row in source.execute(f"PRAGMA table_info({table})")}
            if not there:
                return not _has_schema(source)
            columns = [column for column in self._columns[table] if column.name in there]
            if any(c.required and c.default is None and c.name not in there for c in self._columns[table]):
                logger.warning("the columns of %s do not have their names any more", table)
                return False
            # As bytes, since a damaged text may be no UTF-8 and would end the whole reading.
            selected = ", ".join(f"CAST({c.name} AS BLOB)" if c.type == "TEXT" else c.name for c in columns)
            for row in source.execute(f"SELECT {selected} FROM {table}"):
                self._put(table, {c.name: _decoded(c, value) for c, value in zip(columns, row, strict=True)})
            return str(source.execute(f"PRAGMA quick_check('{table}')").get) == "ok"
        except (apsw.Error, UnicodeDecodeError) as error:
            logger.warning("the table %s cannot be read to its end: %s", table, error)
            return False

    # Page by page

    def _by_pages(self, broken: set[str]) -> None:
        shapes = [table for table in _TABLES if table in broken]
        pages = PageFile(self._damaged, self._log)
        try:
            for rowid, values in pages.rows():
                decoded = [_text(value) if isinstance(value, Text) else value for value in values]
                for table in shapes:
                    row = _as_row(self._columns[table], rowid, decoded)
                    if row is not None:
                        self._put(table, row)
                        break
        finally:
            pages.close()

    # Into the new index

    def _put(self, table: str, row: dict[str, Any]) -> None:
        """Store a row, unless it cannot be one, or its place is taken already."""
        if not _is_sound(table, row):
            return
        try:
            self._index.execute(
                f"INSERT OR IGNORE INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                list(row.values()),
            )
        except (apsw.ConstraintError, apsw.MismatchError, OverflowError) as error:
            logger.debug("a row of %s is not one: %s", table, error)

    def _settle(self, broken: set[str]) -> None:
        """Let nothing point at what is gone, and queue what has to be read again."""
        db = self._index
        self._name_lost_roots()
        for statement in _SETTLE:
            db.execute(statement)
        if "segments" in broken or "contents" in broken:
            # Whether a text is whole cannot be told: all are read again. Those that are keep their vectors.
            db.execute("UPDATE contents SET extractor_version = 0")
            db.execute(_HEAR_AGAIN, (SegmentKind.SPEECH.value,))
        db.execute(
            """
            INSERT OR IGNORE INTO jobs (file_id, stage, state, newest_ns)
            SELECT f.id, ?, 'ready', f.mtime_ns FROM files f LEFT JOIN contents c ON c.id = f.content_id
            WHERE f.skip_reason IS NULL AND (c.id IS NULL OR c.extractor_version = 0)
            """,
            (Stage.CONTENT.value,),
        )

    def _name_lost_roots(self) -> None:
        """A root whose row is gone is the folder that holds all of its files."""
        db = self._index
        lost: dict[int, list[bytes]] = {}
        for root_id, path in db.execute("SELECT root_id, path FROM files WHERE root_id NOT IN (SELECT id FROM roots)"):
            lost.setdefault(root_id, []).append(path)
        for root_id, paths in lost.items():
            try:
                folder = os.path.commonpath([os.path.split(path)[0] for path in paths])
            except ValueError:  # on two drives, or relative: no folder holds them
                continue
            db.execute("INSERT OR IGNORE INTO roots (id, path, added_ns) VALUES (?, ?, 0)", (root_id, folder))

    def _finish(self) -> Carried:
        """Write the index of names, which needs all the rest."""
        database = Database(self._fresh)
        try:
            db, files = database.connection, Files(database)
            ids = [file_id for (file_id,) in db.execute("SELECT id FROM files")]
            for start in range(0, len(ids), _NAMES_AT_A_TIME):
                with database.write():
                    files.write_names(ids[start : start + _NAMES_AT_A_TIME])
            counts = [
                int(db.execute(f"SELECT count(*) FROM {table}").get)
                for table in ("roots", "files", "contents", "vectors")
            ]
            return Carried(*counts)
        finally:
            database.close()


_SETTLE = (
    "DELETE FROM segments WHERE content_id NOT IN (SELECT id FROM contents)",
    "DELETE FROM vectors WHERE space_id NOT IN (SELECT id FROM spaces)",
    "DELETE FROM vectors WHERE content_id IS NOT (SELECT content_id FROM segments s WHERE s.id = segment_id)",
    "DELETE FROM vectors WHERE length(vector) <> 4 * (SELECT dim FROM spaces s WHERE s.id = space_id)",
    "DELETE FROM vector_removals",
    "DELETE FROM files WHERE root_id NOT IN (SELECT id FROM roots)",
    "UPDATE files SET content_id = NULL WHERE content_id NOT IN (SELECT id FROM contents)",
    "DELETE FROM tombstones WHERE root_id NOT IN (SELECT id FROM roots) OR file_id IN (SELECT id FROM files)",
    "UPDATE tombstones SET content_id = NULL WHERE content_id NOT IN (SELECT id FROM contents)",
    "DELETE FROM jobs WHERE file_id NOT IN (SELECT id FROM files)",
    "DELETE FROM search_spaces WHERE space_id NOT IN (SELECT id FROM spaces)",
)

# A transcript with a gap, or none at all where there is sound, is made again.
_HEAR_AGAIN = """
    UPDATE contents SET speech_model = NULL WHERE has_audio = 1 AND coalesce((
        SELECT count(*) <= max(s.ordinal) FROM segments s WHERE s.content_id = contents.id AND s.kind = ?
    ), 1)
"""


def _columns_of(index: apsw.Connection, table: str) -> list[Column]:
    columns: list[Column] = []
    rows: list[Any] = index.execute(f"PRAGMA table_info({table})").fetchall()
    has_rowid = not index.execute("SELECT wr FROM pragma_table_list WHERE name = ?", (table,)).get
    for _, name, type_, required, default, key in rows:
        is_rowid = bool(has_rowid and key and type_ == "INTEGER")
        value = index.execute(f"SELECT {default}").get if default is not None else None
        columns.append(Column(name, type_, bool(required) or bool(key), is_rowid, value))
    return columns


def _open_as_it_is(damaged: Path) -> apsw.Connection:
    """A connection that leaves the file as it is: what its log holds is read from there. Raises ``apsw.Error``."""
    connection = apsw.Connection(str(damaged))
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.pragma("query_only", True)
    connection.pragma("trusted_schema", False)
    connection.pragma("schema_version")
    return connection


def _has_schema(source: apsw.Connection) -> bool:
    """Whether the schema was read whole: it then has the tables that every version has."""
    names = {name for (name,) in source.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    return {"meta", "roots", "contents", "files", "segments", "spaces", "vectors", "jobs", "requests"} <= names


def _text(value: bytes) -> str | None:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _decoded(column: Column, value: Any) -> Any:
    return _text(value) if column.type == "TEXT" and isinstance(value, bytes) else value


def _as_row(columns: Sequence[Column], rowid: int, values: Sequence[Any]) -> dict[str, Any] | None:
    """Stored columns as a row of a table, None where they cannot be one."""
    added = columns[len(values) :]  # after the row was written
    if len(values) > len(columns) or any(column.required and column.default is None for column in added):
        return None
    row: dict[str, Any] = {}
    for column, value in zip(columns, values, strict=False):
        if column.is_rowid:
            if value is not None:
                return None
            row[column.name] = rowid
        elif column.takes(value):
            row[column.name] = value
        else:
            return None
    return row


def _is_sound(table: str, row: Mapping[str, Any]) -> bool:
    """Whether a row can be what it says: SQLite does not see damage inside a value."""
    for name, value in row.items():
        known = _KINDS.get((table, name))
        if known is not None and value not in known:
            return False
    if table == "contents":
        return len(row["hash"] or b"") == _HASH_BYTES
    if table == "vectors":
        return isinstance(row["vector"], bytes) and zlib.crc32(row["vector"]) == row["checksum"]
    if table in ("files", "roots", "tombstones"):
        return bool(row["path"])
    return not (table == "meta" and row["key"] == _NOT_CARRIED)
