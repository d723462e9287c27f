"""From the channels' lists to one ordered list of files, each with its segments."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.search.evidence import Evidence, Found
from core.search.fuse import RANK_CONSTANT, RankedList, fuse
from core.search.part import Part
from core.store.files import FileRow
from core.store.filters import FileFilter
from core.store.store import Store
from core.types import Channel, Why

STRONG = 0.5  # the probability at which a gate opens
POSSIBLE = 0.02  # below this in every channel, a file was not found at all

# The lists over one population share its weight, so that a passage with two lists does not outrank a photo with one.
# The encoder's share was chosen on one half of Cranfield's queries and checked on the other: docs/measurements.md.
WEIGHTS: dict[Channel, float] = {
    Channel.NAME: 1.0,
    Channel.FULL_TEXT: 0.5,
    Channel.DOCUMENT_DENSE: 0.5,
    Channel.TRANSCRIPT: 0.5,
    Channel.TRANSCRIPT_DENSE: 0.5,
    Channel.CLIP_IMAGE: 1.0,
    Channel.LOOK_ALIKE: 0.3,  # colours and shapes, not things; it also finds what CLIP finds
    Channel.SAME_CONTENT: 20.0,  # more than all others together
}
_EXACT_NAME_WEIGHT = 10.0  # who types a file's name wants that file
# A name or folder that holds one of several words, "Snow" say, hardly tells which file is meant. Reciprocal ranks lie
# so close together that any real weight would put it before the file that says all of them: it only parts ties.
_NAME_HINT_WEIGHT = 0.001


# Words that are there and likeness of meaning are two witnesses: two that each half convince, together do. Lists of one
# sense are not: an encoder that takes one picture for another does so in all of them.
_WORDS = frozenset({Channel.NAME, Channel.FULL_TEXT, Channel.TRANSCRIPT})


@dataclass
class Chance:
    """The probability of being meant, from two independent senses."""

    by_words: float = 0.0
    by_likeness: float = 0.0

    def add(self, channel: Channel, probability: float) -> None:
        if channel in _WORDS:
            self.by_words = max(self.by_words, probability)
        else:
            self.by_likeness = max(self.by_likeness, probability)

    @property
    def probability(self) -> float:
        return any_of((self.by_words, self.by_likeness))


@dataclass
class RankedSegment:
    """One segment of a found file; ``segment_id`` is None where the file itself was found."""

    segment_id: int | None
    chance: Chance = field(default_factory=Chance)
    fused: float = 0.0
    why: dict[Channel, Why] = field(default_factory=dict)

    def add(self, one: Evidence, rank: int, found: Found) -> None:
        channel = one.channel
        self.fused += WEIGHTS[channel] / (RANK_CONSTANT + rank)
        self.chance.add(channel, found.probability)
        known = self.why.get(channel)
        # The list that judges several parts together has no score that means anything to a person.
        if len(one.parts) == 1 and (known is None or rank < known.rank):
            self.why[channel] = Why(channel, rank, round(found.score, 4))

    @property
    def probability(self) -> float:
        return self.chance.probability

    def order(self) -> tuple[bool, float, int]:
        """Sorts segments of one file best first: what passed a gate before what did not."""
        return self.probability < STRONG, -self.fused, self.segment_id or 0


@dataclass(frozen=True)
class RankedFile:
    """One found file. ``score`` is its probability of being meant, never above that of a file before it."""

    row: FileRow
    score: float
    strong: bool
    segments: tuple[RankedSegment, ...]  # best first, at least one


def assemble(
    store: Store, evidence: Sequence[Evidence], parts: Sequence[Part], text: str, where: FileFilter
) -> list[RankedFile]:
    """Order what was found: strong before possible, answering more parts before fewer, then by rank fusion."""
    files = _Files(store, evidence, where, frozenset().union(*(part.paths for part in parts)))
    lists = [ranked for one in evidence for ranked in _ranked_lists(files, one)]
    exact = files.called(text)
    lists.append(RankedList(exact, _EXACT_NAME_WEIGHT))
    fused = fuse(lists)

    by_part: dict[int, dict[int, Chance]] = {file_id: defaultdict(Chance) for file_id in fused}
    for one in evidence:
        for found in one.found:
            for file_id in files.of(found):
                for part in one.parts:
                    by_part[file_id][part].add(one.channel, found.probability)
    for file_id in exact:
        by_part[file_id][0].add(Channel.NAME, 1.0)
    chances = {file_id: [chance.probability for chance in parts.values()] for file_id, parts in by_part.items()}

    def key(file_id: int) -> tuple[int, float, float, int]:
        answered = sum(chance >= STRONG for chance in chances[file_id])
        # The firsts of several lists tie, a passage and a photo say: the more probable one goes before the other.
        return -answered, -round(fused[file_id], 9), -any_of(chances[file_id]), file_id

    kept = [file_id for file_id in fused if max(chances[file_id], default=0.0) >= POSSIBLE]
    segments = _segments(files, evidence, set(kept))
    ranked: list[RankedFile] = []
    ceiling = 1.0
    for file_id in sorted(kept, key=key):
        strong = max(chances[file_id]) >= STRONG
        score = any_of(chances[file_id])
        ceiling = min(ceiling, score if strong else min(score, STRONG - 0.01))
        ranked.append(RankedFile(files.rows[file_id], ceiling, strong, segments[file_id]))
    return ranked


class _Files:
    """The files behind what was found, those that may be shown."""

    def __init__(
        self, store: Store, evidence: Sequence[Evidence], where: FileFilter, left_out: frozenset[bytes]
    ) -> None:
        contents = {found.content_id for one in evidence for found in one.found if found.content_id is not None}
        self._named = {found.file_id for one in evidence for found in one.found if found.file_id is not None}
        self._of_content: dict[int, list[int]] = {}
        self.rows: dict[int, FileRow] = {}
        for content_id, rows in store.files.rows_of_contents(sorted(contents), where).items():
            shown = [row for row in rows if row.path not in left_out]
            self._of_content[content_id] = [row.id for row in shown]
            self.rows.update((row.id, row) for row in shown)
        for row in store.files.rows(sorted(self._named - self.rows.keys()), where).values():
            if row.path not in left_out:
                self.rows[row.id] = row

    def of(self, found: Found) -> list[int]:
        """The files that one place in a list stands for: a file, or all copies of a content."""
        if found.file_id is not None:
            return [found.file_id] if found.file_id in self.rows else []
        return self._of_content.get(found.content_id or 0, [])

    def called(self, text: str) -> list[int]:
        """The files found by name that are called ``text``, with or without their ending."""
        wanted = text.casefold()
        return sorted(
            file_id for file_id in self._named & self.rows.keys() if wanted in _names(self.rows[file_id].path)
        )


def _names(path: bytes) -> tuple[str, str]:
    name = Path(os.fsdecode(path))
    return name.name.casefold(), name.stem.casefold()


def _ranked_lists(files: _Files, one: Evidence) -> Iterator[RankedList]:
    if one.channel is not Channel.NAME:
        yield RankedList(_file_ids(files, one.found), WEIGHTS[one.channel])
        return
    yield RankedList(
        _file_ids(files, (found for found in one.found if found.probability >= STRONG)), WEIGHTS[one.channel]
    )
    yield RankedList(_file_ids(files, one.found), _NAME_HINT_WEIGHT)


def _file_ids(files: _Files, found: Iterable[Found]) -> list[int]:
    """A list of segments as a list of files: each at the place of its best segment."""
    return list(dict.fromkeys(file_id for one in found for file_id in files.of(one)))


def _segments(files: _Files, evidence: Sequence[Evidence], wanted: set[int]) -> dict[int, tuple[RankedSegment, ...]]:
    """The segments of each file, best first. What speaks for the file as a whole is credited to its best one."""
    by_file: dict[int, dict[int | None, RankedSegment]] = {file_id: {} for file_id in wanted}
    for one in evidence:
        for rank, found in enumerate(one.found, 1):
            for file_id in files.of(found):
                if file_id in wanted:
                    known = by_file[file_id].setdefault(found.segment_id, RankedSegment(found.segment_id))
                    known.add(one, rank, found)
    ordered: dict[int, tuple[RankedSegment, ...]] = {}
    for file_id, segments in by_file.items():
        whole = segments.pop(None, None)
        best_first = sorted(segments.values(), key=RankedSegment.order)
        if whole is not None and best_first and (best_first[0].probability >= STRONG or whole.probability < STRONG):
            best_first[0].why.update(whole.why)
            best_first[0].chance.add(Channel.NAME, whole.probability)
        elif whole is not None:
            best_first.insert(0, whole)
        ordered[file_id] = tuple(best_first)
    return ordered


def any_of(probabilities: Iterable[float]) -> float:
    """The probability that at least one of independent events holds."""
    none = 1.0
    for probability in probabilities:
        none *= 1.0 - probability
    return 1.0 - none
