"""The index as a whole: its tables, and the transactions that end each stage of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.config import Folders
from core.store.connection import Database
from core.store.contents import Contents
from core.store.files import Files, local_day
from core.store.jobs import Jobs, ModelState
from core.store.roots import Roots
from core.store.segments import Segments
from core.store.thumbnails import Thumbnails
from core.store.vectors import NewVector, Vectors
from core.types import EmbeddingSpace, Extraction, Kind, SegmentKind, SpeechSpan, Stage

LOOK_ALIKE_MODEL = "look-alike"  # the model name of the classical descriptor's space


def look_alike_space(dim: int, extractor_version: int) -> EmbeddingSpace:
    """The space of the classical descriptor; a change of its code is a change of space."""
    return EmbeddingSpace(LOOK_ALIKE_MODEL, "classical", dim, str(extractor_version))


@dataclass(frozen=True)
class Counts:
    """What the index holds."""

    files: int
    by_kind: dict[Kind, int]
    skipped: int
    index_bytes: int


class Store:
    """Everything that is kept, one object for all threads."""

    def __init__(self, folders: Folders) -> None:
        self.database = Database(folders.index)
        self.roots = Roots(self.database)
        self.files = Files(self.database)
        self.contents = Contents(self.database)
        self.segments = Segments(self.database)
        self.vectors = Vectors(self.database)
        self.jobs = Jobs(self.database)
        self.thumbnails = Thumbnails(folders.thumbnails)

    def close(self) -> None:
        self.database.close()

    def commit_content(
        self,
        file_id: int,
        digest: bytes,
        extraction: Extraction,
        *,
        extractor_version: int,
        look_alike: EmbeddingSpace | None,
        models: ModelState,
    ) -> int:
        """End stage ``CONTENT`` of a file that was read: its content, text and descriptor, and what is next for it.

        ``look_alike`` names the space of ``extraction.look_alike``, None where there is no descriptor. Thumbnails must
        be in the cache before. Returns the content's id.
        """
        if extraction.thumbnail is not None and extraction.preview is not None:
            self.thumbnails.write(digest.hex(), extraction.thumbnail, extraction.preview)
        with self.database.write():
            content_id = self.contents.put(digest, extraction, extractor_version)
            self.segments.replace_passages(content_id, extraction.passages)
            whole = {Kind.PHOTO: SegmentKind.PHOTO, Kind.VIDEO: SegmentKind.VIDEO}.get(extraction.kind)
            if whole is not None:
                segment_id = self.segments.ensure_whole(content_id, whole)
                if extraction.look_alike is not None and look_alike is not None:
                    vector = np.frombuffer(extraction.look_alike, dtype="<f4")
                    space_id = self.vectors.space_id(look_alike)
                    self.vectors.put(space_id, [NewVector(segment_id, content_id, vector)])
            self._link(file_id, content_id, models)
        return content_id

    def link_content(self, file_id: int, content_id: int, models: ModelState) -> None:
        """End stage ``CONTENT`` of a file whose content is known already: nothing is read or encoded."""
        with self.database.write():
            self._link(file_id, content_id, models)

    def commit_vectors(self, file_id: int, stage: Stage, space_id: int, vectors: Sequence[NewVector]) -> None:
        """End stage ``TEXT`` or ``PHOTO`` of a file."""
        with self.database.write():
            self.vectors.put(space_id, vectors)
            self.jobs.finish(file_id, stage)

    def commit_speech(
        self, file_id: int, content_id: int, spans: Sequence[SpeechSpan], model: str, models: ModelState
    ) -> None:
        """End stage ``SPEECH`` of a file; the transcript's vectors are queued."""
        with self.database.write():
            self.segments.replace_speech(content_id, spans)
            self.contents.set_speech_model(content_id, model)
            self.jobs.finish(file_id, Stage.SPEECH)
            self.jobs.queue_needed(models, content_id)

    def skip(self, file_id: int, reason: str, kind: Kind) -> None:
        """End stage ``CONTENT`` of a file of a kind that is not read: it stays found by its name."""
        with self.database.write() as db:
            db.execute(
                "UPDATE files SET skip_reason = ?, kind = ?, content_id = NULL WHERE id = ?",
                (reason, kind.value, file_id),
            )
            db.execute("DELETE FROM jobs WHERE file_id = ?", (file_id,))
            self.files.write_names(file_id)

    def counts(self) -> Counts:
        db = self.database.connection
        by_kind = {Kind(kind): count for kind, count in db.execute("SELECT kind, count(*) FROM files GROUP BY kind")}
        skipped: int = db.execute("SELECT count(*) FROM files WHERE skip_reason IS NOT NULL").get
        pages, page_bytes = int(db.pragma("page_count")), int(db.pragma("page_size"))
        return Counts(sum(by_kind.values()), by_kind, skipped, pages * page_bytes)

    def problems(self) -> list[str]:
        """What SQLite's own check and a comparison across tables find wrong, a line each; empty when all is well."""
        db = self.database.connection
        found = [str(line) for (line,) in db.execute("PRAGMA quick_check(20)") if line != "ok"]
        found.extend(
            f"{table}: row {rowid} points at a missing row of {parent}"
            for table, rowid, parent, _ in db.execute("PRAGMA foreign_key_check")
        )
        names: int = db.execute("SELECT count(*) FROM files WHERE id NOT IN (SELECT rowid FROM names_fts)").get
        if names:
            found.append(f"{names} files are missing from the index of names")
        return found

    def _link(self, file_id: int, content_id: int, models: ModelState) -> None:
        db = self.database.connection
        row: Any = db.execute("SELECT kind, taken_at FROM contents WHERE id = ?", (content_id,)).fetchone()
        kind, taken_at = row
        mtime_ns: int = db.execute("SELECT mtime_ns FROM files WHERE id = ?", (file_id,)).get
        db.execute(
            "UPDATE files SET content_id = ?, kind = ?, day = ?, skip_reason = NULL WHERE id = ?",
            (content_id, kind, taken_at[:10] if taken_at else local_day(mtime_ns), file_id),
        )
        db.execute("UPDATE contents SET orphaned_ns = NULL WHERE id = ?", (content_id,))
        self.files.write_names(file_id)
        self.jobs.finish(file_id, Stage.CONTENT)
        self.jobs.queue_needed(models, content_id)
