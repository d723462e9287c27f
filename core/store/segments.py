"""Segments, their text, and full-text search over it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.store.connection import Database
from core.store.files import placeholders, span_of
from core.store.filters import FileFilter
from core.store.fulltext import FullText
from core.store.marks import Marker
from core.store.postings import Words
from core.types import Locator, Passage, SegmentKind, SpeechSpan

# Unicode noncharacters: no text that is meant to be exchanged holds them.
MARK_START = "\ufdd0"
MARK_END = "\ufdd1"


@dataclass(frozen=True)
class SegmentRow:
    """A segment as stored."""

    id: int
    content_id: int
    kind: SegmentKind
    locator: Locator
    text: str


class Segments:
    """The tables ``segments`` and ``segments_fts``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.texts = FullText(database, "segments_fts", "bm25(segments_fts)")

    def replace_passages(self, content_id: int, passages: Sequence[Passage]) -> None:
        """Set a content's passages, inside the caller's transaction.

        Where nothing changes the stored ones stay, and their vectors with them: a file that is read again for a new
        version of its extractor is not encoded again.
        """
        rows = [(SegmentKind.PASSAGE, passage.locator, passage.text) for passage in passages if passage.text.strip()]
        self._replace(content_id, SegmentKind.PASSAGE, rows)

    def replace_speech(self, content_id: int, spans: Sequence[SpeechSpan]) -> None:
        """Set a content's transcript, inside the caller's transaction. Where nothing changes all stays, as above."""
        rows = [
            (SegmentKind.SPEECH, Locator(start_s=span.start_s, end_s=span.end_s), span.text.strip())
            for span in spans
            if span.text.strip()
        ]
        self._replace(content_id, SegmentKind.SPEECH, rows)

    def ensure_whole(self, content_id: int, kind: SegmentKind) -> int:
        """The id of the one segment that stands for a whole picture or video, made on first sight."""
        with self._database.write() as db:
            db.execute(
                "INSERT OR IGNORE INTO segments (content_id, kind, ordinal) VALUES (?, ?, 0)", (content_id, kind.value)
            )
            segment_id: int = db.execute(
                "SELECT id FROM segments WHERE content_id = ? AND kind = ? AND ordinal = 0", (content_id, kind.value)
            ).get
            return segment_id

    def rows(self, segment_ids: Sequence[int]) -> dict[int, SegmentRow]:
        """Segments by id."""
        found: dict[int, SegmentRow] = {}
        for start in range(0, len(segment_ids), _CHUNK):
            chunk = segment_ids[start : start + _CHUNK]
            for row in self._read(f"id IN ({placeholders(chunk)})", chunk):
                found[row.id] = row
        return found

    def of_content(self, content_id: int, kinds: Sequence[SegmentKind]) -> list[SegmentRow]:
        """A content's segments of these kinds, in order."""
        values = [kind.value for kind in kinds]
        return self._read(
            f"content_id = ? AND kind IN ({placeholders(values)}) ORDER BY kind, ordinal", [content_id, *values]
        )

    def without_vector(self, content_id: int, space_id: int, kinds: Sequence[SegmentKind]) -> list[SegmentRow]:
        """A content's segments of these kinds that have no vector in the space, in order."""
        values = [kind.value for kind in kinds]
        return self._read(
            f"""
            content_id = ? AND kind IN ({placeholders(values)})
            AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.segment_id = segments.id AND v.space_id = ?)
            ORDER BY kind, ordinal
            """,
            [content_id, *values, space_id],
        )

    def span(self, where: FileFilter, limit: int) -> tuple[int, int] | None:
        """The lowest and the highest id of a segment in the folder or between the dates of a filter.

        What came in together has neighbouring ids. None where there is no such filter, or more than ``limit`` files.
        """
        joined = "LEFT JOIN segments s ON s.content_id = f.content_id"
        return span_of(self._database, "count(DISTINCT f.id), min(s.id), max(s.id)", joined, where, limit)

    def contents_of(self, segment_ids: Sequence[int], kind: SegmentKind, where: FileFilter) -> dict[int, int]:
        """The content of each of the segments that is of the kind and has a file which the filter lets through.

        By segment id, in the order of ``segment_ids``. Orphaned contents have no file.
        """
        condition, bindings = where.sql()
        # The index is named because it alone holds all that is asked: a look-up by id reads the segment's text as well.
        rows = self._database.connection.execute(
            f"""
            SELECT s.id, s.content_id
            FROM json_each(?) j CROSS JOIN segments s INDEXED BY segments_kind ON s.kind = ? AND s.id = j.value
            WHERE EXISTS (SELECT 1 FROM files f WHERE f.content_id = s.content_id AND {condition})
            """,
            [json.dumps(list(segment_ids)), kind.value, *bindings],
        )
        return dict(rows)

    def marked(self, terms: Sequence[Words], rows: Iterable[SegmentRow]) -> dict[int, str]:
        """The text of those segments that hold any of the terms, each the words of a phrase, by segment id.

        ``MARK_START`` and ``MARK_END`` are put around every match.
        """
        marker = Marker(self._database.connection, terms)
        marked = ((row.id, marker.mark(row.text, MARK_START, MARK_END)) for row in rows)
        return {segment_id: text for segment_id, text in marked if text is not None}

    def count(self) -> int:
        count: int = self._database.connection.execute("SELECT count(*) FROM segments").get
        return count

    def _replace(self, content_id: int, kind: SegmentKind, rows: Sequence[tuple[SegmentKind, Locator, str]]) -> None:
        stored = self.of_content(content_id, [kind])
        if [(row.kind, row.locator, row.text) for row in stored] == rows:
            return
        with self._database.write() as db:
            db.execute("DELETE FROM segments WHERE content_id = ? AND kind = ?", (content_id, kind.value))
            db.executemany(
                """
                INSERT INTO segments (content_id, kind, ordinal, page, char_offset, label, start_s, end_s, text)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                (
                    (content_id, kind.value, ordinal, at.page, at.offset, at.label, at.start_s, at.end_s, text)
                    for ordinal, (kind, at, text) in enumerate(rows)
                ),
            )

    def _read(self, condition: str, bindings: Sequence[str | int]) -> list[SegmentRow]:
        cursor = self._database.connection.execute(
            f"""
            SELECT id, content_id, kind, page, char_offset, label, start_s, end_s, CAST(text AS BLOB)
            FROM segments WHERE {condition}
            """,
            bindings,
        )
        # As bytes: one text that the disk damaged must not end a search that shows it beside others. Doctor names it.
        return [
            SegmentRow(
                id_,
                content_id,
                SegmentKind(kind),
                Locator(page, offset, label, start_s, end_s),
                text.decode(errors="replace"),
            )
            for id_, content_id, kind, page, offset, label, start_s, end_s, text in cursor
        ]


_CHUNK = 900  # bindings a statement may have
