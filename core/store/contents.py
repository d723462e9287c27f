"""Contents: what is in a file, known by its hash."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.store.connection import Database
from core.store.files import from_signed, to_signed
from core.types import Extraction, Kind

KEEP_ORPHANS_NS = 30 * 24 * 3600 * 1_000_000_000  # a file that comes back within a month costs nothing


@dataclass(frozen=True)
class ContentRow:
    """A content as far as the pipeline asks."""

    id: int
    kind: Kind
    extractor_version: int
    has_thumbnail: bool
    phash: int | None
    transcribed: bool  # its speech was listened to, whether or not there were words


class Contents:
    """The table ``contents``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_hash(self, digest: bytes) -> ContentRow | None:
        row = self._database.connection.execute(
            "SELECT id, kind, extractor_version, thumbnail, phash, speech_model FROM contents WHERE hash = ?", (digest,)
        ).fetchone()
        if row is None:
            return None
        id_, kind, version, thumbnail, phash, speech_model = row
        return ContentRow(
            id_,
            Kind(kind),
            version,
            bool(thumbnail),
            from_signed(phash) if phash is not None else None,
            speech_model is not None,
        )

    def put(self, digest: bytes, extraction: Extraction, extractor_version: int) -> int:
        """Store what was read, over what an older reader found; the content's id. In the caller's transaction."""
        about = extraction.metadata
        values = {
            "kind": extraction.kind.value,
            "media_type": extraction.media_type,
            "title": about.title,
            "author": about.author,
            "album": about.album,
            "taken_at": about.taken_at,
            "width": about.width,
            "height": about.height,
            "duration_s": about.duration_s,
            "camera": about.camera,
            "latitude": about.latitude,
            "longitude": about.longitude,
            "pages": about.pages,
            "has_audio": about.has_audio,
            "phash": to_signed(extraction.phash) if extraction.phash is not None else None,
            "note": extraction.note,
            "thumbnail": extraction.thumbnail is not None and extraction.preview is not None,
            "extractor_version": extractor_version,
        }
        columns = ", ".join(values)
        updates = ", ".join(f"{column} = excluded.{column}" for column in values)
        with self._database.write() as db:
            db.execute(
                f"""
                INSERT INTO contents (hash, {columns}) VALUES (?, {", ".join("?" * len(values))})
                ON CONFLICT (hash) DO UPDATE SET {updates}
                """,
                [digest, *values.values()],
            )
            content_id: int = db.execute("SELECT id FROM contents WHERE hash = ?", (digest,)).get
            return content_id

    def duration_s(self, content_id: int) -> float | None:
        """How long it plays, as far as that is known."""
        found: float | None = self._database.connection.execute(
            "SELECT duration_s FROM contents WHERE id = ?", (content_id,)
        ).get
        return found

    def phash_mark(self) -> int:
        """The state of the perceptual hashes that this transaction sees: how many changes were logged, ever."""
        seq: int | None = self._database.connection.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = 'phash_changes'"
        ).get
        return seq or 0

    def phashes_changed(self, mark: int) -> list[int] | None:
        """The contents that came with a hash, or whose hash changed or went, since a state; None where that is lost."""
        rows: list[Any] = self._database.connection.execute(
            "SELECT seq, content_id FROM phash_changes WHERE seq > ? ORDER BY seq", (mark,)
        ).fetchall()
        if rows and rows[0][0] != mark + 1:
            return None
        return list({content_id for _, content_id in rows})

    def phashes(self, content_ids: Sequence[int] | None = None) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Ids and perceptual hashes, of shape (n,), of all contents that have one, or of those among some."""
        db = self._database.connection
        if content_ids is None:
            rows: list[Any] = db.execute("SELECT id, phash FROM contents WHERE phash IS NOT NULL").fetchall()
        else:
            rows = db.execute(
                """
                SELECT c.id, c.phash FROM json_each(?) j CROSS JOIN contents c ON c.id = j.value
                WHERE c.phash IS NOT NULL
                """,
                (json.dumps(list(content_ids)),),
            ).fetchall()
        ids, hashes = zip(*rows, strict=True) if rows else ((), ())
        return np.array(ids, dtype=np.int64), np.array(hashes, dtype=np.int64).view(np.uint64)

    def set_speech_model(self, content_id: int, model: str) -> None:
        """The transcript is there, written by ``model`` (``name@weights``). In the caller's transaction."""
        with self._database.write() as db:
            db.execute("UPDATE contents SET speech_model = ? WHERE id = ?", (model, content_id))

    def drop_unused(self) -> list[str]:
        """Delete every content that neither a file nor a deleted one has, however lately; their hashes."""
        with self._database.write() as db:
            rows: list[Any] = db.execute(
                """
                SELECT id, hash FROM contents c WHERE NOT EXISTS (SELECT 1 FROM files f WHERE f.content_id = c.id)
                    AND NOT EXISTS (SELECT 1 FROM tombstones t WHERE t.content_id = c.id)
                """
            ).fetchall()
            self._delete([content_id for content_id, _ in rows])
        return [digest.hex() for _, digest in rows]

    def _delete(self, content_ids: Sequence[int]) -> None:
        db = self._database.connection
        for content_id in content_ids:
            # Not left to the cascade, so that the triggers that keep the full text in step are sure to run.
            db.execute("DELETE FROM segments WHERE content_id = ?", (content_id,))
            db.execute("DELETE FROM contents WHERE id = ?", (content_id,))

    def sweep(self, now_ns: int | None = None) -> list[str]:
        """Mark contents that lost their last file, and delete those lost a month ago; the hashes of the deleted."""
        now_ns = time.time_ns() if now_ns is None else now_ns
        has_file = "EXISTS (SELECT 1 FROM files f WHERE f.content_id = contents.id)"
        with self._database.write() as db:
            db.execute(f"UPDATE contents SET orphaned_ns = NULL WHERE orphaned_ns IS NOT NULL AND {has_file}")
            db.execute(f"UPDATE contents SET orphaned_ns = ? WHERE orphaned_ns IS NULL AND NOT {has_file}", (now_ns,))
            rows: list[Any] = db.execute(
                "SELECT id, hash FROM contents WHERE orphaned_ns < ?", (now_ns - KEEP_ORPHANS_NS,)
            ).fetchall()
            self._delete([content_id for content_id, _ in rows])
        return [digest.hex() for _, digest in rows]
