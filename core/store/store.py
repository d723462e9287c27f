"""The index as a whole: its tables, and the transactions that end each stage of a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.config import Folders
from core.store.connection import Database
from core.store.contents import Contents
from core.store.files import Files, from_signed, local_day, placeholders
from core.store.jobs import Jobs, ModelState
from core.store.notes import Notes
from core.store.roots import Roots
from core.store.segments import Segments
from core.store.spaces import LOOK_ALIKE_MODEL, Spaces
from core.store.thumbnails import Thumbnails
from core.store.tombstones import Tombstones
from core.store.vectors import NewVector, Vectors
from core.types import EmbeddingSpace, Extraction, FileStamp, Kind, SegmentKind, SpeechSpan, Stage


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


@dataclass(frozen=True)
class Outcome:
    """What a run of the indexer came to, in files. One that failed in one stage counts as failed alone."""

    files: int
    done: int  # of those it worked on, without the failed and the skipped
    failed: int
    skipped: int


class Store:
    """Everything that is kept, one object for all threads."""

    def __init__(self, folders: Folders, *, keeps: bool = True) -> None:
        """``keeps``: bring the index up to date, and set a damaged one aside. The query's child leaves that to us.

        Raises what ``upkeep.prepare`` and ``Database`` raise.
        """
        self.folders = folders
        self.notices = _prepare(folders) if keeps else ()  # what a person should know of that
        self.database = Database(folders.index)
        self.roots = Roots(self.database)
        self.files = Files(self.database)
        self.tombstones = Tombstones(self.database, self.files)
        self.contents = Contents(self.database)
        self.segments = Segments(self.database)
        self.vectors = Vectors(self.database)
        self.spaces = Spaces(self.database)
        self.jobs = Jobs(self.database)
        self.notes = Notes(self.database)
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
        stamp: FileStamp | None = None,
        pictures_written: bool = False,
    ) -> int:
        """End stage ``CONTENT`` of a file that was read: its content, text and descriptor, and what is next for it.

        ``look_alike`` names the space of ``extraction.look_alike``, None where there is no descriptor. ``stamp`` is
        what the file was when it was read: if the index knows it as another by now, or not at all, the content is
        kept but the file is not tied to it, and its job stays. ``pictures_written``: the thumbnails are in the cache
        already. Returns the content's id, 0 where the file was forgotten while it was read: nothing is kept then.
        """
        # Thumbnails are in the cache before the commit that names them: a crash leaves only litter there.
        if not pictures_written and extraction.thumbnail is not None and extraction.preview is not None:
            self.thumbnails.write(digest.hex(), extraction.thumbnail, extraction.preview)
        with self.database.write():
            if not self._is_remembered(file_id):
                if self.contents.by_hash(digest) is None:
                    self.thumbnails.remove(digest.hex())
                return 0
            content_id = self.contents.put(digest, extraction, extractor_version)
            self.segments.replace_passages(content_id, extraction.passages)
            whole = {Kind.PHOTO: SegmentKind.PHOTO, Kind.VIDEO: SegmentKind.VIDEO}.get(extraction.kind)
            if whole is not None:
                segment_id = self.segments.ensure_whole(content_id, whole)
                if extraction.look_alike is not None and look_alike is not None:
                    vector = np.frombuffer(extraction.look_alike, dtype="<f4")
                    space_id = self.vectors.space_id(look_alike)
                    self.vectors.put(space_id, [NewVector(segment_id, content_id, vector)])
            if self._is_still(file_id, stamp):
                self._link(file_id, content_id, models)
        return content_id

    def link_content(self, file_id: int, content_id: int, models: ModelState, stamp: FileStamp | None = None) -> int:
        """End stage ``CONTENT`` of a file whose content is known already: nothing is read or encoded.

        ``stamp`` as in ``commit_content``. Returns the file's id: a file that was deleted and is back under another
        name and date has its old one again. Where the content was forgotten meanwhile the file is to be read after all.
        """
        with self.database.write() as db:
            if db.execute("SELECT 1 FROM contents WHERE id = ?", (content_id,)).get is None:
                self.jobs.release(Stage.CONTENT, [file_id])
            elif self._is_still(file_id, stamp):
                file_id = self.tombstones.adopt(file_id, content_id)
                self._link(file_id, content_id, models)
        return file_id

    def commit_vectors(self, file_id: int, stage: Stage, space_id: int, vectors: Sequence[NewVector]) -> None:
        """End stage ``TEXT`` or ``PHOTO`` of a file. Segments that are gone by now, with their file, are left out."""
        with self.database.write():
            there = self.segments.rows([vector.segment_id for vector in vectors])
            if self.vectors.put(space_id, [vector for vector in vectors if vector.segment_id in there]):
                self.spaces.first(stage, space_id)
            self.jobs.finish(file_id, stage)

    def commit_speech(
        self, file_id: int, content_id: int, spans: Sequence[SpeechSpan], model: str, models: ModelState
    ) -> None:
        """End stage ``SPEECH`` of a file; the transcript's vectors are queued. Nothing is kept of one that is gone."""
        with self.database.write() as db:
            if db.execute("SELECT 1 FROM contents WHERE id = ?", (content_id,)).get is None:
                return
            self.segments.replace_speech(content_id, spans)
            self.contents.set_speech_model(content_id, model)
            self.jobs.finish(file_id, Stage.SPEECH)
            self.jobs.queue_needed(models, content_id)

    def skip(self, file_id: int, reason: str, kind: Kind, stamp: FileStamp | None = None) -> None:
        """End stage ``CONTENT`` of a file of a kind that is not read: it stays found by its name.

        ``stamp`` as in ``commit_content``.
        """
        with self.database.write() as db:
            if not self._is_still(file_id, stamp):
                return
            db.execute(
                "UPDATE files SET skip_reason = ?, kind = ?, content_id = NULL WHERE id = ?",
                (reason, kind.value, file_id),
            )
            db.execute("DELETE FROM jobs WHERE file_id = ?", (file_id,))
            self.files.write_names([file_id])

    def fail_content(
        self, file_id: int, reason: str, *, digest: bytes | None = None, stamp: FileStamp | None = None
    ) -> None:
        """End stage ``CONTENT`` of a file that cannot be read. ``stamp`` as in ``commit_content``.

        ``digest`` is given where its bytes could be read: it is no longer tied to a content that has other bytes.
        Without one, as when permission was taken away, what was known of it stays.
        """
        with self.database.write() as db:
            if not self._is_still(file_id, stamp):
                return
            db.execute("UPDATE files SET skip_reason = NULL WHERE id = ?", (file_id,))
            if digest is not None:
                db.execute(
                    """
                    UPDATE files SET content_id = NULL
                    WHERE id = ? AND content_id NOT IN (SELECT id FROM contents WHERE hash = ?)
                    """,
                    (file_id, digest),
                )
                if db.changes():  # what was still to be done with the content that it had is no longer its work
                    db.execute("DELETE FROM jobs WHERE file_id = ? AND stage <> ?", (file_id, Stage.CONTENT.value))
                self.files.write_names([file_id])
            self.jobs.fail(file_id, Stage.CONTENT, reason)

    def outcome(self, touched: Iterable[int]) -> Outcome:
        """What has become of the files; ``touched`` are the ids of those that a run worked on."""
        with self.database.read() as db:
            files: int = db.execute("SELECT count(*) FROM files").get
            failed = {id_ for (id_,) in db.execute("SELECT DISTINCT file_id FROM jobs WHERE state = 'failed'")}
            skipped = {id_ for (id_,) in db.execute("SELECT id FROM files WHERE skip_reason IS NOT NULL")} - failed
            well = list(set(touched) - failed - skipped)
            done = 0
            for start in range(0, len(well), _CHUNK):
                chunk = well[start : start + _CHUNK]
                done += db.execute(f"SELECT count(*) FROM files WHERE id IN ({placeholders(chunk)})", chunk).get
        return Outcome(files, done, len(failed), len(skipped))

    def remove_thumbnails(self, content_hashes: Iterable[str]) -> None:
        """Delete the thumbnails of contents that are gone."""
        for content_hash in content_hashes:
            self.thumbnails.remove(content_hash)

    def counts(self) -> Counts:
        db = self.database.connection
        by_kind = {Kind(kind): count for kind, count in db.execute("SELECT kind, count(*) FROM files GROUP BY kind")}
        skipped: int = db.execute("SELECT count(*) FROM files WHERE skip_reason IS NOT NULL").get
        pages, page_bytes = int(db.pragma("page_count")), int(db.pragma("page_size"))
        return Counts(sum(by_kind.values()), by_kind, skipped, pages * page_bytes)

    def problems(self) -> list[str]:
        """What SQLite's own check and a comparison across tables find wrong, a line each; empty when all is well."""
        from core.store import repair

        found = repair.structure_faults(self) or [
            *repair.reference_faults(self),
            *repair.text_faults(self),
        ]
        unread = len(repair.never_read(self)) if not found else 0
        return [*found, f"{unread} files were never read, and nothing is queued for them"] if unread else found

    def _is_still(self, file_id: int, stamp: FileStamp | None) -> bool:
        """Whether the index knows the file, and as what it was when it was read.

        Where a scan has seen a change meanwhile it has queued the file again, and that job must not be finished here.
        """
        row: Any = self.database.connection.execute(
            "SELECT size, mtime_ns, ctime_ns, inode FROM files WHERE id = ?", (file_id,)
        ).fetchone()
        if row is None or stamp is None:
            return row is not None
        size, mtime_ns, ctime_ns, inode = row
        return FileStamp(size, mtime_ns, ctime_ns, from_signed(inode)) == stamp

    def _is_remembered(self, file_id: int) -> bool:
        """Whether the index knows the file, or knew it and would know it again; not once it was forgotten for good."""
        db = self.database.connection
        tables = (("files", "id"), ("tombstones", "file_id"))
        return any(db.execute(f"SELECT 1 FROM {table} WHERE {key} = ?", (file_id,)).get for table, key in tables)

    def _link(self, file_id: int, content_id: int, models: ModelState) -> None:
        db = self.database.connection
        row: Any = db.execute(
            """
            SELECT c.kind, c.taken_at, coalesce(c.title, c.author, c.album, c.camera), f.content_id, f.mtime_ns
            FROM contents c JOIN files f ON f.id = ? WHERE c.id = ?
            """,
            (file_id, content_id),
        ).fetchone()
        kind, taken_at, told, had_content, mtime_ns = row
        db.execute(
            "UPDATE files SET content_id = ?, kind = ?, day = ?, skip_reason = NULL WHERE id = ?",
            (content_id, kind, taken_at[:10] if taken_at else local_day(mtime_ns), file_id),
        )
        db.execute("UPDATE contents SET orphaned_ns = NULL WHERE id = ?", (content_id,))
        if told is not None or had_content is not None:  # else its name is all that there is to say, and that was said
            self.files.write_names([file_id])
        self.jobs.finish(file_id, Stage.CONTENT)
        self.jobs.queue_needed(models, content_id)


_CHUNK = 900  # bindings a statement may have


def _prepare(folders: Folders) -> tuple[str, ...]:
    from core.store import upkeep  # here, because the query's child starts without it

    return tuple(upkeep.prepare(folders))
