"""What is asked of the index once the example files are read, and what comes back: values that cross a pipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.search.part import Part
from core.store.filters import FileFilter
from core.types import Hit

MOVES = 5  # how often a question is begun again because search moved to another model's space meanwhile


@dataclass(frozen=True)
class Question:
    """One query whose example files are parts already; its words are not encoded yet."""

    text: str
    examples: tuple[Part, ...]
    where: FileFilter
    limit: int  # files
    include_gated: bool
    notes: tuple[str, ...] = ()  # what reading the examples had to remark


@dataclass(frozen=True)
class Answer:
    """The files that match, best first."""

    hits: tuple[Hit, ...]
    hidden: int  # files that were found but lie below the gate
    notes: tuple[str, ...]


class Answers(Protocol):
    """Who answers questions: ``Answerer`` itself, or the query child that runs one."""

    def answer(self, question: Question) -> Answer: ...

    def warm(self) -> None:
        """Load what the first question would wait for."""
        ...

    def close(self) -> None: ...
