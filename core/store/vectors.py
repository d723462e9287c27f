"""Embedding spaces and their vectors: BLOBs with a checksum, searched in place by sqlite-vec.

A reader that keeps the vectors in memory follows the table by ``mark``, ``removed_since`` and ``rows``: ids rise with
each insert, and what goes is written to a log by a trigger.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.store.connection import Database
from core.store.files import placeholders
from core.types import EmbeddingSpace, Matrix, SegmentKind, Vector


@dataclass(frozen=True)
class NewVector:
    """A segment's vector, to be stored."""

    segment_id: int
    content_id: int
    vector: Vector


@dataclass(frozen=True)
class Scores:
    """A query's cosine to every vector of a space, in no particular order."""

    segment_ids: NDArray[np.int64]  # shape (n,)
    content_ids: NDArray[np.int64]  # shape (n,)
    cosines: NDArray[np.float32]  # shape (n,)
    speech: NDArray[np.bool_]  # shape (n,), whether the segment is speech


@dataclass(frozen=True)
class Mark:
    """A state of the table of vectors, as one read transaction sees it."""

    last_id: int  # the highest id, 0 where there is none
    removals: int  # the number of the newest entry in the log of removals, 0 before the first


@dataclass(frozen=True)
class VectorRows:
    """Some vectors of a space, in the order of their ids."""

    ids: NDArray[np.int64]  # shape (n,)
    segment_ids: NDArray[np.int64]  # shape (n,)
    content_ids: NDArray[np.int64]  # shape (n,)
    speech: NDArray[np.bool_]  # shape (n,), whether the segment is speech
    vectors: Matrix  # shape (n, dim); unit rows, zero where there is no direction


def to_blob(vector: Vector) -> bytes:
    """float32 little-endian, the form sqlite-vec reads."""
    return np.ascontiguousarray(vector, dtype="<f4").tobytes()


class Vectors:
    """The tables ``spaces`` and ``vectors``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def space_id(self, space: EmbeddingSpace) -> int:
        """The id of a space, made on first sight."""
        key = (space.model, space.weights_id, space.dim, space.preprocessing)
        find = "SELECT id FROM spaces WHERE model = ? AND weights_id = ? AND dim = ? AND preprocessing = ?"
        known: int | None = self._database.connection.execute(find, key).get
        if known is not None:
            return known
        with self._database.write() as db:
            db.execute("INSERT OR IGNORE INTO spaces (model, weights_id, dim, preprocessing) VALUES (?, ?, ?, ?)", key)
            made: int = db.execute(find, key).get
            return made

    def find_space(self, space: EmbeddingSpace) -> int | None:
        """The id of a space that holds vectors already, without making it."""
        found: int | None = self._database.connection.execute(
            "SELECT id FROM spaces WHERE model = ? AND weights_id = ? AND dim = ? AND preprocessing = ?",
            (space.model, space.weights_id, space.dim, space.preprocessing),
        ).get
        return found

    def put(self, space_id: int, vectors: Iterable[NewVector]) -> int:
        """Store vectors inside the caller's transaction; the count.

        Raises ``ValueError`` for a vector that is not of the space's width or not finite.
        """
        count = 0
        with self._database.write() as db:
            dim: int = db.execute("SELECT dim FROM spaces WHERE id = ?", (space_id,)).get
            for new in vectors:
                if new.vector.shape != (dim,) or not np.isfinite(new.vector).all():
                    raise ValueError(f"a vector of shape {new.vector.shape} does not belong in a space of {dim}")
                blob = to_blob(new.vector)
                # Not REPLACE: what it deletes fires no trigger, and the log of removals would miss it.
                db.execute("DELETE FROM vectors WHERE space_id = ? AND segment_id = ?", (space_id, new.segment_id))
                db.execute(
                    """
                    INSERT INTO vectors (space_id, segment_id, content_id, vector, checksum)
                    VALUES (?, ?, ?, ?, ?)
                    """,
                    (space_id, new.segment_id, new.content_id, blob, zlib.crc32(blob)),
                )
                count += 1
        return count

    def scan(self, space_id: int, query: Vector) -> Scores:
        """The cosine of ``query``, shape (dim,), to every vector of the space: exact."""
        rows = self._database.connection.execute(
            """
            SELECT v.segment_id, v.content_id, s.kind = ?, 1.0 - vec_distance_cosine(v.vector, ?)
            FROM vectors v CROSS JOIN segments s ON s.id = v.segment_id WHERE v.space_id = ?
            """,
            (SegmentKind.SPEECH.value, to_blob(query), space_id),
        ).fetchall()
        segment_ids, content_ids, speech, cosines = zip(*rows, strict=True) if rows else ((), (), (), ())
        return Scores(
            np.array(segment_ids, dtype=np.int64),
            np.array(content_ids, dtype=np.int64),
            # sqlite-vec gives NULL for a zero vector: it is like nothing
            np.array([cosine if cosine is not None else 0.0 for cosine in cosines], dtype=np.float32),
            np.array(speech, dtype=bool),
        )

    def index_id(self) -> str:
        """The name of this very index; another one in its place has another."""
        name: str = self._database.connection.execute("SELECT value FROM meta WHERE key = 'index_id'").get
        return name

    def space(self, space_id: int) -> EmbeddingSpace | None:
        """The space with an id, None once it was dropped."""
        row = self._database.connection.execute(
            "SELECT model, weights_id, dim, preprocessing FROM spaces WHERE id = ?", (space_id,)
        ).fetchone()
        return EmbeddingSpace(*row) if row is not None else None

    def space_ids(self) -> list[int]:
        return [space_id for (space_id,) in self._database.connection.execute("SELECT id FROM spaces ORDER BY id")]

    def count_in(self, space_id: int, most: int | None = None) -> int:
        """How many vectors a space has; counted no further than ``most``."""
        count: int = self._database.connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM vectors WHERE space_id = ? LIMIT ?)",
            (space_id, -1 if most is None else most),
        ).get
        return count

    def mark(self) -> Mark:
        """The state that this transaction sees."""
        row: Any = self._database.connection.execute(
            """
            SELECT (SELECT coalesce(max(id), 0) FROM vectors),
                   coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'vector_removals'), 0)
            """
        ).fetchone()
        return Mark(*row)

    def removed_since(self, removals: int) -> NDArray[np.int64] | None:
        """The ids of vectors, of any space, that were removed after entry ``removals`` of the log; shape (n,).

        An id may have been given again since. None where the log does not reach back so far.
        """
        rows = self._database.connection.execute(
            "SELECT seq, vector_id FROM vector_removals WHERE seq > ? ORDER BY seq", (removals,)
        ).fetchall()
        if rows and rows[0][0] != removals + 1:
            return None
        return np.array([vector_id for _, vector_id in rows], dtype=np.int64)

    def rows(self, space_id: int, after_id: int = 0, chunk: int = 4096) -> Iterator[VectorRows]:
        """The vectors of a space with ids above ``after_id``, at most ``chunk`` of them at a time."""
        cursor = self._database.connection.execute(
            # By row ids, not by the index on spaces: only what is new is looked at.
            f"{_ROWS} NOT INDEXED {_OF_SEGMENT} WHERE v.space_id = ? AND v.id > ? ORDER BY v.id",
            (SegmentKind.SPEECH.value, space_id, after_id),
        )
        dim = self._dim(space_id)
        while found := list(islice(cursor, chunk)):
            yield _vector_rows(found, dim)

    def rows_of(self, space_id: int, vector_ids: Sequence[int]) -> VectorRows:
        """Those of some vectors that are there and in the space."""
        found: list[Any] = []
        for start in range(0, len(vector_ids), _CHUNK):
            ids = vector_ids[start : start + _CHUNK]
            found.extend(
                self._database.connection.execute(
                    f"{_ROWS} {_OF_SEGMENT} WHERE v.space_id = ? AND v.id IN ({placeholders(ids)})",
                    [SegmentKind.SPEECH.value, space_id, *ids],
                )
            )
        return _vector_rows(sorted(found), self._dim(space_id))

    def of_content(self, space_id: int, content_id: int) -> Matrix:
        """The vectors of one content in a space, float32, shape (n, dim), in the order of its segments."""
        rows: list[Any] = self._database.connection.execute(
            """
            SELECT v.vector FROM vectors v JOIN segments s ON s.id = v.segment_id
            WHERE s.content_id = ? AND v.space_id = ? ORDER BY s.kind, s.ordinal
            """,
            (content_id, space_id),
        ).fetchall()
        if not rows:
            return np.empty((0, self._dim(space_id)), dtype=np.float32)
        return np.stack([np.frombuffer(blob, dtype="<f4") for (blob,) in rows]).astype(np.float32)

    def of_segments(self, space_id: int, segment_ids: Sequence[int]) -> Matrix:
        """The vectors of some segments that are in the space, float32, shape (n, dim), in the order of ``segment_ids``.

        Raises ``KeyError`` for a segment that has none there.
        """
        found: dict[int, bytes] = {}
        for start in range(0, len(segment_ids), _CHUNK):
            chunk = segment_ids[start : start + _CHUNK]
            found.update(
                self._database.connection.execute(
                    f"""
                    SELECT segment_id, vector FROM vectors
                    WHERE space_id = ? AND segment_id IN ({placeholders(chunk)})
                    """,
                    [space_id, *chunk],
                )
            )
        joined = b"".join(found[segment_id] for segment_id in segment_ids)
        return np.frombuffer(joined, dtype="<f4").reshape(-1, self._dim(space_id)).astype(np.float32, copy=False)

    def newest_space(self, model: str) -> EmbeddingSpace | None:
        """The space that a model of this name made last, None when it made none."""
        row = self._database.connection.execute(
            "SELECT model, weights_id, dim, preprocessing FROM spaces WHERE model = ? ORDER BY id DESC LIMIT 1",
            (model,),
        ).fetchone()
        return EmbeddingSpace(*row) if row is not None else None

    def count(self) -> int:
        count: int = self._database.connection.execute("SELECT count(*) FROM vectors").get
        return count

    def _dim(self, space_id: int) -> int:
        dim: int = self._database.connection.execute("SELECT dim FROM spaces WHERE id = ?", (space_id,)).get
        return dim


_ROWS = "SELECT v.id, v.segment_id, v.content_id, s.kind = ?, v.vector FROM vectors v"
_OF_SEGMENT = "CROSS JOIN segments s ON s.id = v.segment_id"


def _vector_rows(found: Sequence[Any], dim: int) -> VectorRows:
    ids, segment_ids, content_ids, speech, blobs = zip(*found, strict=True) if found else ((), (), (), (), ())
    vectors = np.frombuffer(b"".join(blobs), dtype="<f4").reshape(-1, dim).astype(np.float32)
    vectors[~np.isfinite(vectors)] = 0.0  # damage on the disk, which must not become the best match of everything
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    return VectorRows(
        np.array(ids, dtype=np.int64),
        np.array(segment_ids, dtype=np.int64),
        np.array(content_ids, dtype=np.int64),
        np.array(speech, dtype=bool),
        vectors,
    )


_CHUNK = 900  # bindings a statement may have, with room for the space
