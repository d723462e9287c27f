"""Embedding spaces and their vectors: BLOBs with a checksum, searched in place by sqlite-vec."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.store.connection import Database
from core.store.files import placeholders
from core.types import EmbeddingSpace, Matrix, Vector


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
                # REPLACE on an ordinary table; the trouble with it is vec0's alone.
                db.execute(
                    """
                    INSERT OR REPLACE INTO vectors (space_id, segment_id, content_id, vector, checksum)
                    VALUES (?, ?, ?, ?, ?)
                    """,
                    (space_id, new.segment_id, new.content_id, blob, zlib.crc32(blob)),
                )
                count += 1
        return count

    def scan(self, space_id: int, query: Vector) -> Scores:
        """The cosine of ``query``, shape (dim,), to every vector of the space: exact."""
        rows = self._database.connection.execute(
            "SELECT segment_id, content_id, 1.0 - vec_distance_cosine(vector, ?) FROM vectors WHERE space_id = ?",
            (to_blob(query), space_id),
        ).fetchall()
        if not rows:
            empty = np.empty(0, dtype=np.int64)
            return Scores(empty, empty, np.empty(0, dtype=np.float32))
        segment_ids, content_ids, cosines = zip(*rows, strict=True)
        return Scores(
            np.array(segment_ids, dtype=np.int64),
            np.array(content_ids, dtype=np.int64),
            # sqlite-vec gives NULL for a zero vector: it is like nothing
            np.array([cosine if cosine is not None else 0.0 for cosine in cosines], dtype=np.float32),
        )

    def of_content(self, space_id: int, content_id: int) -> Matrix:
        """The vectors of one content in a space, float32, shape (n, dim), in the order of its segments."""
        rows: list[Any] = self._database.connection.execute(
            """
            SELECT v.vector FROM vectors v JOIN segments s ON s.id = v.segment_id
            WHERE s.content_id = ? AND v.space_id = ? ORDER BY s.kind, s.ordinal
            """,
            (content_id, space_id),
        ).fetchall()
        dim: int = self._database.connection.execute("SELECT dim FROM spaces WHERE id = ?", (space_id,)).get
        if not rows:
            return np.empty((0, dim), dtype=np.float32)
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
        dim: int = self._database.connection.execute("SELECT dim FROM spaces WHERE id = ?", (space_id,)).get
        joined = b"".join(found[segment_id] for segment_id in segment_ids)
        return np.frombuffer(joined, dtype="<f4").reshape(-1, dim).astype(np.float32, copy=False)

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

    def damaged(self) -> list[int]:
        """The ids of segments with a vector whose checksum does not hold."""
        rows = self._database.connection.execute("SELECT segment_id, vector, checksum FROM vectors")
        return [segment_id for segment_id, blob, checksum in rows if zlib.crc32(blob) != checksum]

    def drop_other_spaces(self, keep: Iterable[int]) -> int:
        """Delete the spaces (and vectors) that no model in use fills any more; how many spaces."""
        kept = list(keep)
        with self._database.write() as db:
            db.execute(f"DELETE FROM spaces WHERE id NOT IN ({', '.join('?' * len(kept))})", kept)
            return db.changes()


_CHUNK = 900  # bindings a statement may have, with room for the space
