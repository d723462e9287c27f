"""Faults in the index that SQLite's own structure does not show, and their cure.

Looking changes nothing and may go on beside an indexer: each look is one read transaction. Nothing is held in memory
but the ids of what is wrong. The cures are for the process that holds the writer's lock. Each deletes what is wrong
and queues what makes it anew; killed half-way, it is found and cured again.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from core.errors import IndexDamagedError
from core.store import tokenise
from core.store.spaces import LOOK_ALIKE_MODEL
from core.store.thumbnails import GRID, PREVIEW
from core.types import SegmentKind, Stage

if TYPE_CHECKING:
    from core.store.store import Store

OnStep = Callable[[str, int, int], None]
"""What is being looked at, how much of it is done, and how much there is."""

_LOOK_EVERY = 5_000  # rows between two words of progress
_AT_A_TIME = 2_000  # rows a transaction
_YOUNG_S = 3600.0  # a thumbnail is written before the commit that names it
_PREFIXES = 256  # folders that thumbnails are spread over

_NEVER_READ = """
    SELECT f.id FROM files f WHERE f.content_id IS NULL AND f.skip_reason IS NULL
    AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.file_id = f.id AND j.stage = ?)
"""
_NAMELESS = "SELECT id FROM files WHERE id NOT IN (SELECT id FROM names_fts_docsize)"
_LEFT_NAMES = "SELECT id FROM names_fts_docsize WHERE id NOT IN (SELECT id FROM files)"
_UNWORDED = "SELECT id FROM segments WHERE text <> '' AND id NOT IN (SELECT id FROM segments_fts_docsize)"
_LEFT_WORDS = "SELECT id FROM segments_fts_docsize WHERE id NOT IN (SELECT id FROM segments WHERE text <> '')"


@dataclass(frozen=True)
class DamagedVector:
    """A vector that is not what was stored."""

    id: int
    content_id: int
    stage: Stage  # that makes it anew


@dataclass(frozen=True)
class DamagedText:
    """A segment whose text cannot be read."""

    segment_id: int
    content_id: int


def nothing_to_tell(_what: str, _done: int, _total: int) -> None:
    """For who does not wait."""


def structure_faults(store: Store) -> list[str]:
    """What SQLite finds wrong in the pages of tables and indexes, a line each."""
    try:
        with store.database.read() as db:
            tables = [
                name
                for (name,) in db.execute(
                    "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
                )
            ]
            found = (str(db.execute(f"PRAGMA quick_check('{table}')").get) for table in tables)
            return [" ".join(line.split()) for line in found if line != "ok"]
    except (IndexDamagedError, apsw.Error) as error:  # so badly that the check itself ends early
        return [str(error.__cause__ or error)]


def reference_faults(store: Store) -> list[str]:
    """Rows that name rows which are not there, a line for each table."""
    counts: dict[tuple[str, str], int] = {}
    with store.database.read() as db:
        for table, _, parent, _ in db.execute("PRAGMA foreign_key_check"):
            counts[table, parent] = counts.get((table, parent), 0) + 1
    return [f"{count} rows of {table} point at missing rows of {parent}" for (table, parent), count in counts.items()]


def text_faults(store: Store, on_step: OnStep = nothing_to_tell) -> list[str]:
    """What is wrong with the two full-text tables, compared with what they are of; a line each.

    Every word of every passage is compared, which takes minutes in a library of a million.
    """
    found: list[str] = []
    damaged = len(damaged_texts(store))
    if damaged:
        found.append(f"{damaged} texts are damaged")
    with store.database.read() as db:
        for statement, said in (
            (_NAMELESS, "files are missing from the index of names"),
            (_LEFT_NAMES, "names of files that are gone are in the index of names"),
            (_UNWORDED, "texts are missing from the full text"),
            (_LEFT_WORDS, "texts that are gone are in the full text"),
        ):
            count: int = db.execute(f"SELECT count(*) FROM ({statement})").get
            if count:
                found.append(f"{count} {said}")
        for table in ("segments_fts", "names_fts"):
            wrong = str(db.execute(f"PRAGMA quick_check('{table}')").get)
            if wrong != "ok":
                found.append(wrong)
        if not found and _sum_of_texts(db, on_step) != _sum_of_postings(db, on_step):
            found.append("the full text does not hold the words of its texts")
    return found


def damaged_texts(store: Store) -> list[DamagedText]:
    """Texts that are no texts any more: a flipped bit may make bytes of one that are no UTF-8."""
    found: list[DamagedText] = []
    with store.database.read() as db:
        rows: Iterable[Any] = db.execute("SELECT id, content_id, CAST(text AS BLOB) FROM segments WHERE text <> ''")
        for id_, content_id, text in rows:
            try:
                text.decode()
            except UnicodeDecodeError:
                found.append(DamagedText(id_, content_id))
    return found


def _sum_of_texts(db: apsw.Connection, on_step: OnStep) -> int:
    """One number for which word is where in which passage.

    FTS5 could compare by itself, but holds up all writers for it, and takes a picture, whose text is empty and which
    is not indexed, for damage.
    """
    tokens_of = tokenise.tokeniser(db)
    total: int = db.execute("SELECT count(*) FROM segments WHERE text <> ''").get
    found = 0
    rows: Iterable[Any] = db.execute("SELECT id, CAST(text AS BLOB) FROM segments WHERE text <> ''")
    for done, (id_, text) in enumerate(rows):
        if done % _LOOK_EVERY == 0:
            on_step("full text", done, 2 * total)
        for offset, (_, _, token) in enumerate(tokens_of(text)):
            found += hash((id_, offset, token))
    return found


def _sum_of_postings(db: apsw.Connection, on_step: OnStep) -> int:
    """The same of what the full text holds."""
    db.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.words_of_segments USING fts5vocab('main', 'segments_fts', 'instance')"
    )
    total: int = db.execute("SELECT count(*) FROM segments_fts_docsize").get
    found = 0
    rows: Iterable[Any] = db.execute("SELECT doc, offset, term FROM temp.words_of_segments")
    for done, place in enumerate(rows):
        if done % (_LOOK_EVERY * 100) == 0:
            on_step("full text", total + min(total, done // 100), 2 * total)
        found += hash(place)
    on_step("full text", 2 * total, 2 * total)
    return found


def never_read(store: Store) -> list[int]:
    """Files that were not read and that nothing is queued for."""
    return [file_id for (file_id,) in store.database.connection.execute(_NEVER_READ, (Stage.CONTENT.value,))]


def damaged_vectors(store: Store, on_step: OnStep = nothing_to_tell) -> list[DamagedVector]:
    """Vectors whose checksum or length does not hold, or that are not those of their segment's content."""
    damaged: list[DamagedVector] = []
    with store.database.read() as db:
        total: int = db.execute("SELECT count(*) FROM vectors").get
        rows: Iterable[Any] = db.execute(
            """
            SELECT v.id, v.content_id, v.vector, v.checksum, p.dim, p.model, s.kind, s.content_id
            FROM vectors v NOT INDEXED
            LEFT JOIN spaces p ON p.id = v.space_id LEFT JOIN segments s ON s.id = v.segment_id
            """
        )
        for done, (id_, content_id, blob, checksum, dim, model, kind, owner) in enumerate(rows):
            if done % _LOOK_EVERY == 0:
                on_step("vectors", done, total)
            if zlib.crc32(blob) != checksum or len(blob) != 4 * (dim or 0) or owner != content_id:
                damaged.append(DamagedVector(id_, owner if owner is not None else content_id, _stage(model, kind)))
        on_step("vectors", total, total)
    return damaged


def lost_thumbnails(store: Store, on_step: OnStep = nothing_to_tell) -> list[int]:
    """The contents that a file has and whose thumbnails are not in the cache, though they were put there."""
    lost: list[int] = []
    for prefix in range(_PREFIXES):
        on_step("thumbnails", prefix, _PREFIXES)
        for content_id, digest in _contents_with_thumbnails(store, prefix):
            if any(store.thumbnails.find(digest.hex(), size) is None for size in (GRID, PREVIEW)):
                lost.append(content_id)
    on_step("thumbnails", _PREFIXES, _PREFIXES)
    return lost


def orphaned_thumbnails(store: Store, *, young_too: bool = False) -> Iterator[Path]:
    """Files in the cache that no content names. ``young_too``: also those that may have just been written."""
    for prefix in range(_PREFIXES):
        folder = store.folders.thumbnails / f"{prefix:02x}"
        if not folder.is_dir():
            continue
        low, high = bytes([prefix]), bytes([prefix]) + b"\xff" * 32
        known = {
            digest.hex()
            for (digest,) in store.database.connection.execute(
                "SELECT hash FROM contents WHERE hash BETWEEN ? AND ?", (low, high)
            )
        }
        for path in sorted(folder.iterdir()):
            if path.name.partition("-")[0] not in known and (young_too or _age_s(path) > _YOUNG_S):
                yield path


def _contents_with_thumbnails(store: Store, prefix: int) -> list[tuple[int, bytes]]:
    low, high = bytes([prefix]), bytes([prefix]) + b"\xff" * 32
    rows: list[Any] = store.database.connection.execute(
        """
        SELECT c.id, c.hash FROM contents c WHERE c.hash BETWEEN ? AND ? AND c.thumbnail = 1
        AND EXISTS (SELECT 1 FROM files f WHERE f.content_id = c.id)
        """,
        (low, high),
    ).fetchall()
    return rows


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _stage(model: str | None, kind: str | None) -> Stage:
    if model == LOOK_ALIKE_MODEL:
        return Stage.CONTENT
    return Stage.PHOTO if kind == SegmentKind.PHOTO.value else Stage.TEXT


# Cures


def drop_texts(store: Store, damaged: Sequence[DamagedText]) -> None:
    """Delete segments whose text cannot be read, and queue their files to be read and heard again.

    Their words stay in the full text, which is to be rebuilt.
    """
    with store.database.write() as db:
        for text in damaged:
            db.execute("UPDATE segments SET text = '' WHERE id = ?", (text.segment_id,))  # no tokeniser takes it
            db.execute("DELETE FROM segments WHERE id = ?", (text.segment_id,))
            db.execute(
                "UPDATE contents SET extractor_version = 0, speech_model = NULL WHERE id = ?", (text.content_id,)
            )
            _queue(db, text.content_id, Stage.CONTENT)


def drop_vectors(store: Store, damaged: Sequence[DamagedVector]) -> None:
    """Delete damaged vectors, and queue what makes them anew."""
    for start in range(0, len(damaged), _AT_A_TIME):
        with store.database.write() as db:
            for vector in damaged[start : start + _AT_A_TIME]:
                db.execute("DELETE FROM vectors WHERE id = ?", (vector.id,))
                if vector.stage is Stage.CONTENT:  # the descriptor comes of reading the file
                    db.execute("UPDATE contents SET extractor_version = 0 WHERE id = ?", (vector.content_id,))
                _queue(db, vector.content_id, vector.stage)


def read_again(store: Store, content_ids: Sequence[int]) -> None:
    """Queue one file of each content to be read."""
    for start in range(0, len(content_ids), _AT_A_TIME):
        with store.database.write() as db:
            for content_id in content_ids[start : start + _AT_A_TIME]:
                _queue(db, content_id, Stage.CONTENT)


def queue_files(store: Store, file_ids: Sequence[int]) -> None:
    """Queue files to be read."""
    with store.database.write() as db:
        db.executemany(
            "INSERT OR IGNORE INTO jobs (file_id, stage, state, newest_ns) "
            "SELECT id, ?, 'ready', mtime_ns FROM files WHERE id = ?",
            ((Stage.CONTENT.value, file_id) for file_id in file_ids),
        )


def rebuild_texts(store: Store, on_step: OnStep = nothing_to_tell) -> None:
    """Write both full-text tables anew."""
    with store.database.write() as db:
        db.execute("INSERT INTO segments_fts(segments_fts) VALUES ('delete-all')")
        db.execute("INSERT INTO names_fts(names_fts) VALUES ('delete-all')")
    total: int = store.database.connection.execute(
        "SELECT (SELECT count(*) FROM segments WHERE text <> '') + (SELECT count(*) FROM files)"
    ).get
    done = 0
    for statement, write in (
        ("SELECT id FROM segments WHERE text <> '' AND id > ? ORDER BY id LIMIT ?", _write_texts),
        ("SELECT id FROM files WHERE id > ? ORDER BY id LIMIT ?", _write_names),
    ):
        last = -1
        while ids := [id_ for (id_,) in store.database.connection.execute(statement, (last, _AT_A_TIME))]:
            on_step("full text", done, total)
            write(store, ids)
            last, done = ids[-1], done + len(ids)
    on_step("full text", total, total)


def drop_dangling(store: Store) -> None:
    """Delete rows that name rows which are not there, or let go of these where a file has lost its content."""
    with store.database.write() as db:
        for statement in (
            "DELETE FROM segments WHERE content_id NOT IN (SELECT id FROM contents)",
            "DELETE FROM vectors WHERE segment_id NOT IN (SELECT id FROM segments)",
            "DELETE FROM vectors WHERE space_id NOT IN (SELECT id FROM spaces)",
            "UPDATE files SET content_id = NULL WHERE content_id NOT IN (SELECT id FROM contents)",
            "DELETE FROM files WHERE root_id NOT IN (SELECT id FROM roots)",
            "DELETE FROM tombstones WHERE root_id NOT IN (SELECT id FROM roots)",
            "UPDATE tombstones SET content_id = NULL WHERE content_id NOT IN (SELECT id FROM contents)",
            "DELETE FROM jobs WHERE file_id NOT IN (SELECT id FROM files)",
            "DELETE FROM search_spaces WHERE space_id NOT IN (SELECT id FROM spaces)",
        ):
            db.execute(statement)


def _write_texts(store: Store, segment_ids: Sequence[int]) -> None:
    with store.database.write() as db:
        db.execute(
            "INSERT INTO segments_fts(rowid, text) "
            "SELECT id, text FROM segments WHERE text <> '' AND id BETWEEN ? AND ?",
            (segment_ids[0], segment_ids[-1]),
        )


def _write_names(store: Store, file_ids: Sequence[int]) -> None:
    with store.database.write():
        store.files.write_names(file_ids)


def _queue(db: apsw.Connection, content_id: int, stage: Stage) -> None:
    db.execute(
        """
        INSERT OR REPLACE INTO jobs (file_id, stage, state, newest_ns)
        SELECT min(f.id), ?, 'ready', max(f.mtime_ns) FROM files f WHERE f.content_id = ? HAVING count(*) > 0
        """,
        (stage.value, content_id),
    )
