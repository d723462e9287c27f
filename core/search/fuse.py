"""Weighted reciprocal rank fusion. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

RANK_CONSTANT = 60  # Cormack, Clarke and Buettcher, SIGIR 2009; see docs/measurements.md for other values


@dataclass(frozen=True)
class RankedList:
    """One list of files, best first, and how much it counts. No file is in it twice."""

    file_ids: Sequence[int]
    weight: float = 1.0


def fuse(lists: Iterable[RankedList]) -> dict[int, float]:
    """Sum of ``weight / (RANK_CONSTANT + rank)`` over the lists that a file is in, rank 1-based, by file id.

    Only ranks count: scores of different lists are never compared. Source: Cormack, Clarke and Buettcher,
    "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009.
    """
    terms: dict[int, list[float]] = {}
    for ranked in lists:
        for rank, file_id in enumerate(ranked.file_ids, 1):
            terms.setdefault(file_id, []).append(ranked.weight / (RANK_CONSTANT + rank))
    # Sorted before they are added, so that the sum does not depend on the order of the lists.
    return {file_id: sum(sorted(parts)) for file_id, parts in terms.items()}
