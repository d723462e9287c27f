"""The work queue: what is left to do for each file, kept in the index itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.store.connection import Database
from core.store.files import from_signed, placeholders
from core.types import Failure, FileStamp, Kind, SegmentKind, Stage

MAX_ATTEMPTS = 3  # a file that was being read at three sudden deaths of the program is not tried a fourth time
_OPENS_FILES = (Stage.CONTENT, Stage.SPEECH)
# The other stages work on what is stored: texts, and previews in the cache. A drive that is away does not hold them.
_REACHABLE = f"(r.offline = 0 OR j.stage NOT IN ({', '.join(str(stage.value) for stage in _OPENS_FILES)}))"


@dataclass(frozen=True)
class Job:
    """One step of one file, claimed."""

    file_id: int
    stage: Stage
    path: bytes
    kind: Kind
    stamp: FileStamp  # as the index knows it
    content_id: int | None
    content_hash: str | None
    suspect: bool = False  # it was being worked on at a sudden end of the program


@dataclass(frozen=True)
class ModelState:
    """The spaces and the speech model in use; None where there is no model."""

    text_space: int | None = None
    photo_space: int | None = None
    speech_model: str | None = None


_LACKS_VECTOR = """
    EXISTS (
        SELECT 1 FROM segments s WHERE s.content_id = c.id AND s.kind IN ({kinds})
        AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.segment_id = s.id AND v.space_id IS ?)
    )
"""
_NEEDS: dict[Stage, str] = {
    Stage.TEXT: _LACKS_VECTOR.format(kinds=f"'{SegmentKind.PASSAGE}', '{SegmentKind.SPEECH}'"),
    Stage.PHOTO: "c.thumbnail = 1 AND " + _LACKS_VECTOR.format(kinds=f"'{SegmentKind.PHOTO}'"),
    # With no model in use a transcript that another model wrote is good enough.
    Stage.SPEECH: "c.has_audio = 1 AND (c.speech_model IS NULL OR c.speech_model <> ?)",
}


class Jobs:
    """The table ``jobs``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, stage: Stage, limit: int, *, at_least: int = 1, alone: bool = True) -> list[Job]:
        """Take the newest ready jobs of a stage that can be done; none if there are fewer than ``at_least``.

        A stage that opens files leaves those of roots that are away. What is in the index already is encoded all the
        same, so that another model can take in the whole library.

        They are committed as being worked on before this returns, so that a file that brings the program down is
        known by name at the next start. In a stage that opens files, one that was being worked on at a sudden end is
        given out by itself, and only when the caller works on nothing else (``alone``): if the program ends again, it
        is known which of several files it was.
        """
        if not self._any_ready(stage, at_least):
            return []
        with self._database.write() as db:
            rows: list[Any] = db.execute(
                f"""
                SELECT j.file_id, f.path, f.kind, f.size, f.mtime_ns, f.ctime_ns, f.inode, f.content_id, c.hash,
                       j.attempts > 0
                FROM jobs j JOIN files f ON f.id = j.file_id JOIN roots r ON r.id = f.root_id
                LEFT JOIN contents c ON c.id = f.content_id
                WHERE j.stage = ? AND j.state = 'ready' AND {_REACHABLE}
                ORDER BY j.newest_ns DESC LIMIT ?
                """,
                (stage.value, limit),
            ).fetchall()
            if stage in _OPENS_FILES:
                first = next((place for place, row in enumerate(rows) if row[-1]), len(rows))
                rows = rows[: max(first, 1 if alone else 0)]
            db.executemany(
                "UPDATE jobs SET state = 'running', attempts = attempts + 1 WHERE file_id = ? AND stage = ?",
                ((row[0], stage.value) for row in rows),
            )
        return [
            Job(
                file_id,
                stage,
                path,
                Kind(kind),
                FileStamp(size, mtime_ns, ctime_ns, from_signed(inode)),
                content_id,
                digest.hex() if digest else None,
                stage in _OPENS_FILES and bool(suspect),
            )
            for file_id, path, kind, size, mtime_ns, ctime_ns, inode, content_id, digest, suspect in rows
        ]

    def _any_ready(self, stage: Stage, at_least: int) -> bool:
        """Whether there is that much to claim: mostly not, and then nobody's writing is waited for."""
        found: int | None = self._database.connection.execute(
            f"""
            SELECT 1 FROM jobs j JOIN files f ON f.id = j.file_id JOIN roots r ON r.id = f.root_id
            WHERE j.stage = ? AND j.state = 'ready' AND {_REACHABLE} LIMIT 1 OFFSET ?
            """,
            (stage.value, at_least - 1),
        ).get
        return found is not None

    def any_ready(self, stages: Sequence[Stage]) -> bool:
        """Whether ``claim`` would find anything in one of the stages."""
        row = self._database.connection.execute(
            f"""
            SELECT 1 FROM jobs j JOIN files f ON f.id = j.file_id JOIN roots r ON r.id = f.root_id
            WHERE j.stage IN ({", ".join("?" * len(stages))}) AND j.state = 'ready' AND {_REACHABLE} LIMIT 1
            """,
            [stage.value for stage in stages],
        ).fetchone()
        return row is not None

    def finish(self, file_id: int, stage: Stage) -> None:
        """The step is done; inside the transaction that stores what it found."""
        with self._database.write() as db:
            db.execute("DELETE FROM jobs WHERE file_id = ? AND stage = ?", (file_id, stage.value))

    def fail(self, file_id: int, stage: Stage, reason: str) -> None:
        """The step cannot be done; it is not tried again until the file changes or a retry is asked for."""
        with self._database.write() as db:
            db.execute(
                "UPDATE jobs SET state = 'failed', reason = ? WHERE file_id = ? AND stage = ?",
                (reason, file_id, stage.value),
            )

    def release(self, stage: Stage, file_ids: Sequence[int]) -> None:
        """Give claimed jobs back undone, after a cancel."""
        with self._database.write() as db:
            db.executemany(
                """
                UPDATE jobs SET state = 'ready', attempts = attempts - 1
                WHERE file_id = ? AND stage = ? AND state = 'running'
                """,
                ((file_id, stage.value) for file_id in file_ids),
            )

    def away(self, file_ids: Iterable[int]) -> set[int]:
        """Those of some files whose roots are away."""
        rows = self._database.connection.execute(
            """
            SELECT f.id FROM json_each(?) given JOIN files f ON f.id = given.value
            JOIN roots r ON r.id = f.root_id WHERE r.offline = 1
            """,
            (json.dumps(list(file_ids)),),
        )
        return {file_id for (file_id,) in rows}

    def recover(self, *, sudden: bool = True) -> None:
        """What was being worked on is ready again; after a ``sudden`` end only until it has been so too often.

        Only the stages that open a file are held against it. The others work on what is stored already. An end that
        was not sudden, as on a full disk that could not even take the jobs back, is held against none.
        """
        with self._database.write() as db:
            if not sudden:
                db.execute("UPDATE jobs SET state = 'ready', attempts = max(0, attempts - 1) WHERE state = 'running'")
                return
            db.execute(
                """
                UPDATE jobs SET state = 'failed', reason = 'the program ended several times while it was being read'
                WHERE state = 'running' AND attempts >= ? AND stage IN (?, ?)
                """,
                (MAX_ATTEMPTS, *(stage.value for stage in _OPENS_FILES)),
            )
            db.execute("UPDATE jobs SET state = 'ready' WHERE state = 'running'")

    def retry_failed(self, paths: Sequence[bytes] | None = None) -> int:
        """Make failed jobs ready again, those of ``paths`` or all; how many."""
        again = "UPDATE jobs SET state = 'ready', attempts = 0, reason = NULL WHERE state = 'failed'"
        with self._database.write() as db:
            if paths is None:
                db.execute(again)
                return db.changes()
            before = db.total_changes()
            db.executemany(f"{again} AND file_id = (SELECT id FROM files WHERE path = ?)", ((path,) for path in paths))
            return db.total_changes() - before

    def queue_needed(self, models: ModelState, content_id: int | None = None) -> None:
        """Queue whatever the contents (or one of them) still lack under the models in use.

        Called for one content when it was read, and for all when a run starts: that is how a file finishes by itself
        once its model is there, and how a new model comes to fill its space.
        """
        current = {
            Stage.TEXT: models.text_space,
            Stage.PHOTO: models.photo_space,
            Stage.SPEECH: models.speech_model or "",
        }
        with self._database.write() as db:
            for stage, need in _NEEDS.items():
                if stage is Stage.SPEECH and models.speech_model is None:
                    need = "c.has_audio = 1 AND c.speech_model IS NULL AND ? = ''"
                one = "AND c.id = ?" if content_id is not None else ""
                bindings = [stage.value, current[stage], *([content_id] if content_id is not None else [])]
                # One job a content: its copies share what comes of it, also one that was found after it was queued.
                db.execute(
                    f"""
                    INSERT OR IGNORE INTO jobs (file_id, stage, state, newest_ns)
                    SELECT coalesce(min(f.id) FILTER (WHERE root.offline = 0), min(f.id)), ?, 'ready', max(f.mtime_ns)
                    FROM contents c JOIN files f ON f.content_id = c.id JOIN roots root ON root.id = f.root_id
                    WHERE {need} {one} AND NOT EXISTS (
                        SELECT 1 FROM files copy JOIN jobs j ON j.file_id = copy.id JOIN roots r ON r.id = copy.root_id
                        WHERE copy.content_id = c.id AND j.stage = ? AND {_REACHABLE}
                    )
                    GROUP BY c.id
                    """,
                    [*bindings, stage.value],
                )

    def queue_outdated(self, extractor_version: int) -> None:
        """Queue to be read again what other versions of the extractors read, skipped or failed on. Once a version."""
        with self._database.write() as db:
            seen: str | None = db.execute("SELECT value FROM meta WHERE key = 'extractor_version'").get
            if seen == str(extractor_version):
                return
            db.execute(
                """
                INSERT OR REPLACE INTO jobs (file_id, stage, state, newest_ns)
                SELECT f.id, ?1, 'ready', f.mtime_ns FROM files f LEFT JOIN contents c ON c.id = f.content_id
                WHERE c.extractor_version <> ?2 OR f.skip_reason IS NOT NULL
                   OR EXISTS (SELECT 1 FROM jobs j WHERE j.file_id = f.id AND j.stage = ?1 AND j.state = 'failed')
                """,
                (Stage.CONTENT.value, extractor_version),
            )
            db.execute("INSERT OR REPLACE INTO meta VALUES ('extractor_version', ?)", (str(extractor_version),))

    def left(self) -> dict[Stage, int]:
        """How many jobs of each stage can be done, those that are being done included."""
        rows = self._database.connection.execute(
            f"""
            SELECT j.stage, count(*) FROM jobs j JOIN files f ON f.id = j.file_id JOIN roots r ON r.id = f.root_id
            WHERE j.state <> 'failed' AND {_REACHABLE} GROUP BY j.stage
            """
        )
        return {Stage(stage): count for stage, count in rows}

    def unfinished(self, stages: Sequence[Stage]) -> set[int]:
        """The ids of the files that have a job in one of these stages that can be done."""
        values = [stage.value for stage in stages]
        rows = self._database.connection.execute(
            f"""
            SELECT DISTINCT j.file_id FROM jobs j JOIN files f ON f.id = j.file_id JOIN roots r ON r.id = f.root_id
            WHERE j.stage IN ({placeholders(values)}) AND j.state <> 'failed' AND {_REACHABLE}
            """,
            values,
        )
        return {file_id for (file_id,) in rows}

    def ready(self, stage: Stage) -> int:
        """How many jobs of a stage can be claimed."""
        count: int = self._database.connection.execute(
            f"""
            SELECT count(*) FROM jobs j JOIN files f ON f.id = j.file_id JOIN roots r ON r.id = f.root_id
            WHERE j.stage = ? AND j.state = 'ready' AND {_REACHABLE}
            """,
            (stage.value,),
        ).get
        return count

    def files_left(self, stages: Sequence[Stage], root_id: int | None = None) -> int:
        """How many files have a job left in one of these stages."""
        values = [stage.value for stage in stages]
        mine = "AND f.root_id = ?" if root_id is not None else ""
        count: int = self._database.connection.execute(
            f"""
            SELECT count(DISTINCT j.file_id) FROM jobs j JOIN files f ON f.id = j.file_id
            WHERE j.stage IN ({placeholders(values)}) AND j.state <> 'failed' {mine}
            """,
            [*values, *([root_id] if root_id is not None else [])],
        ).get
        return count

    def failed_files(self, root_id: int | None = None) -> int:
        """How many files have a failed job."""
        mine = "AND f.root_id = ?" if root_id is not None else ""
        count: int = self._database.connection.execute(
            f"""
            SELECT count(DISTINCT j.file_id) FROM jobs j JOIN files f ON f.id = j.file_id
            WHERE j.state = 'failed' {mine}
            """,
            [root_id] if root_id is not None else [],
        ).get
        return count

    def failures(self) -> list[Failure]:
        """Files that could not be read, then those that are known by their name only, each by path."""
        failed = self._database.connection.execute(
            """
            SELECT f.path, f.kind, j.reason, max(j.attempts) FROM jobs j JOIN files f ON f.id = j.file_id
            WHERE j.state = 'failed' GROUP BY f.id ORDER BY f.path
            """
        )
        found = [Failure(path, Kind(kind), reason or "unknown", attempts) for path, kind, reason, attempts in failed]
        skipped = self._database.connection.execute(
            "SELECT path, kind, skip_reason FROM files WHERE skip_reason IS NOT NULL ORDER BY path"
        )
        found.extend(Failure(path, Kind(kind), reason, 1, skipped=True) for path, kind, reason in skipped)
        return found
