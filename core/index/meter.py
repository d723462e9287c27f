"""How far a run is, and how long it will take: counts from the index, rates from the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from core.store.store import Store
from core.types import Filling, ModelRole, PauseReason, Progress, Shortage, Stage

SEND_S = 0.1  # at most ten times a second
_COUNT_S = 1.0  # how often the index is asked for counts,
_COUNT_SHARE = 20  # and never for more than one part of this many of the time
_HALF_LIFE_S = 30.0  # of what a rate remembers: long beside one batch, short beside a change of folder

MODEL_STAGES: dict[Stage, ModelRole] = {
    Stage.TEXT: ModelRole.TEXT,
    Stage.PHOTO: ModelRole.PHOTO,
    Stage.SPEECH: ModelRole.SPEECH,
}


@dataclass
class _Rate:
    """Steps a second, smoothed: sums that fade with the time worked."""

    steps: float = 0.0
    seconds: float = 0.0

    def add(self, steps: int, seconds: float) -> None:
        fade = 0.5 ** (seconds / _HALF_LIFE_S)
        self.steps = self.steps * fade + steps
        self.seconds = self.seconds * fade + seconds

    @property
    def per_s(self) -> float | None:
        return self.steps / self.seconds if self.steps and self.seconds else None


@dataclass(frozen=True)
class _Counts:
    """What the index says is left."""

    left: dict[Stage, int]
    done: int
    total: int
    failed: int
    filling: dict[ModelRole, Filling]


class Meter:
    """Makes ``Progress`` of what a run does, and sends it at most ten times a second."""

    def __init__(
        self,
        store: Store,
        touched: set[int],
        on_progress: Callable[[Progress], None] | None,
        clock: Callable[[], float] = time.monotonic,
        *,
        fillings: Callable[[], dict[ModelRole, Filling]] = dict,
    ) -> None:
        """``touched`` are the files worked on in this run; the run goes on adding to it. ``clock`` gives seconds.

        ``fillings`` tells how far other models are.
        """
        self._clock = clock
        self._fillings = fillings
        self._store = store
        self._touched = touched
        self._on_progress = on_progress
        self._rates: dict[Stage, _Rate] = {}
        self._counts: _Counts | None = None
        self._counted_s = float("-inf")
        self._count_cost_s = 0.0
        self._sent_s = float("-inf")
        self._worked_s = 0.0
        self._begun_s: dict[Stage, float] = {}
        self.overlaps = False  # whether reading and encoding run beside each other; set by whoever runs them
        self.scanning = False  # set by whoever scans

    def time(self, stage: Stage, steps: int, work: Callable[[], None]) -> None:
        """Do the work and learn the stage's rate from it, without the time of other stages' work inside it."""
        started, inner = self._clock(), self._worked_s
        try:
            work()
        finally:
            own_s = self._clock() - started - (self._worked_s - inner)
            self._worked_s += own_s
            self._rates.setdefault(stage, _Rate()).add(steps, own_s)

    def begun(self, stage: Stage) -> None:
        """The stage is being worked on, beside others; from now on, unless it was said before."""
        self._begun_s.setdefault(stage, self._clock())

    def ended(self, stage: Stage, steps: int) -> None:
        """So many steps have ended since the stage was begun, or since the last that ended."""
        begun_s = self._begun_s.pop(stage, None)
        if begun_s is not None:
            self._rates.setdefault(stage, _Rate()).add(steps, self._clock() - begun_s)

    def pass_over(self, work: Callable[[], None]) -> None:
        """Do other work in the middle of a stage's own, whose rate does not count it."""
        started, inner = self._clock(), self._worked_s
        work()
        self._worked_s = inner + self._clock() - started

    def show(
        self,
        stage: Stage | None,
        current: str | None,
        can_do: list[Stage],
        *,
        at_once: bool = False,
        paused: PauseReason | None = None,
        short: Shortage | None = None,
    ) -> None:
        """Send where the run is. ``at_once`` counts afresh and sends even if something was sent just now."""
        now = self._clock()
        if self._on_progress is None or (not at_once and now - self._sent_s < SEND_S):
            return
        if at_once or now - self._counted_s > max(_COUNT_S, _COUNT_SHARE * self._count_cost_s) or self._counts is None:
            self._counts = self._count(can_do)
            self._counted_s = self._clock()
            self._count_cost_s = self._counted_s - now
        counts = self._counts
        rate = self._rates[stage].per_s if stage in self._rates else None
        self._sent_s = self._clock()
        self._on_progress(
            Progress(
                stage=stage,
                done=counts.done,
                total=counts.total,
                current=current,
                per_s=rate or 0.0,
                left_s=self._left_s(counts.left, can_do) if stage is not None else None,
                failed=counts.failed,
                waiting=waiting(counts.left, can_do),
                filling=counts.filling,
                scanning=self.scanning,
                paused=paused,
                short=short,
            )
        )

    def _count(self, can_do: list[Stage]) -> _Counts:
        jobs = self._store.jobs
        unfinished = jobs.unfinished(can_do)
        done = len(self._touched - unfinished)
        return _Counts(jobs.left(), done, done + len(unfinished), jobs.failed_files(), self._fillings())

    def _left_s(self, left: dict[Stage, int], can_do: list[Stage]) -> float | None:
        """The time for what is left in the stages whose rate is known; None before any is."""
        parts = {
            stage: count / rate
            for stage, count in left.items()
            if stage in can_do and stage in self._rates and (rate := self._rates[stage].per_s) is not None
        }
        if not parts:
            return None
        reading_s = parts.pop(Stage.CONTENT, 0.0)
        encoding_s = sum(parts.pop(stage, 0.0) for stage in (Stage.TEXT, Stage.PHOTO))
        both_s = max(reading_s, encoding_s) if self.overlaps else reading_s + encoding_s
        return both_s + sum(parts.values())


def waiting(left: dict[Stage, int], can_do: list[Stage]) -> dict[ModelRole, int]:
    """The files that wait for a model, by its role."""
    return {role: left[stage] for stage, role in MODEL_STAGES.items() if stage not in can_do and left.get(stage)}
