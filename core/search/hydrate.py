"""What a hit shows: snippet with marks, locator, why, and its other segments."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from core.display import display_path
from core.search.answer import POSSIBLE, STRONG, RankedFile, RankedSegment
from core.search.evidence import SEGMENTS_PER_FILE
from core.search.part import Part
from core.search.query import Term
from core.search.snippet import Snippet, cut_snippet, mark_words, read_marked
from core.store.segments import SegmentRow
from core.store.store import Store
from core.types import Channel, Hit, Locator, SegmentHit, Why


class Hydrator:
    """Reads what the shown hits need, all segments at once."""

    def __init__(self, store: Store, parts: Sequence[Part]) -> None:
        self._store = store
        terms: dict[Term, None] = {}
        for part in parts:
            terms.update(dict.fromkeys(part.terms))
        self._terms = [term.words for term in terms]
        self._words = [word for term in terms for word in term.words]
        self._name_words = [word for part in parts for term in part.name_terms for word in term.words]

    def hits(self, files: Sequence[RankedFile]) -> tuple[Hit, ...]:
        """The files as hits, in the given order."""
        shown = [(file, _shown(file)) for file in files]
        ids = sorted({one.segment_id for _, segments in shown for one in segments if one.segment_id is not None})
        rows = self._store.segments.rows(ids)
        marked = self._store.segments.marked(self._terms, rows.values()) if self._terms else {}
        return tuple(self._hit(file, segments, rows, marked) for file, segments in shown)

    def _hit(
        self,
        file: RankedFile,
        segments: Sequence[RankedSegment],
        rows: dict[int, SegmentRow],
        marked: dict[int, str],
    ) -> Hit:
        row = file.row
        best, *more = (self._segment_hit(file, segment, rows, marked) for segment in segments)
        return Hit(
            file_id=row.id,
            path=row.path,
            kind=row.kind,
            best=replace(best, score=round(file.score, 4)),
            more=tuple(replace(one, score=min(one.score, round(file.score, 4))) for one in more),
            gated=not file.strong,
            offline=row.offline,
            day=date.fromisoformat(row.day),
            content_hash=row.content_hash,
            width=row.width,
            height=row.height,
            duration_s=row.duration_s,
        )

    def _segment_hit(
        self, file: RankedFile, segment: RankedSegment, rows: dict[int, SegmentRow], marked: dict[int, str]
    ) -> SegmentHit:
        stored = rows.get(segment.segment_id) if segment.segment_id is not None else None
        if stored is not None and stored.text:
            snippet = self._text_snippet(stored, marked.get(stored.id))
        elif Channel.NAME in segment.why:
            snippet = mark_words(display_path(Path(os.fsdecode(file.row.path)).name), self._name_words)
        else:
            snippet = Snippet("")
        return SegmentHit(
            segment=stored.kind if stored is not None else None,
            locator=stored.locator if stored is not None else Locator(),
            snippet=snippet.text,
            marks=snippet.marks,
            score=round(segment.probability, 4),
            why=_in_order(segment.why.values()),
        )

    def _text_snippet(self, stored: SegmentRow, marked: str | None) -> Snippet:
        if marked is None:
            return cut_snippet(stored.text, words=self._words)
        whole = read_marked(marked)
        return cut_snippet(whole.text, whole.marks)


def _shown(file: RankedFile) -> tuple[RankedSegment, ...]:
    """The best segment, and of the others those that are worth showing under it."""
    best, *others = file.segments
    least = STRONG if file.strong else POSSIBLE
    return (best, *(one for one in others if one.probability >= least))[:SEGMENTS_PER_FILE]


def _in_order(reasons: Iterable[Why]) -> tuple[Why, ...]:
    return tuple(sorted(reasons, key=lambda why: (why.rank, why.channel)))
