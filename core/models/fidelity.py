"""Whether a faster form of a model may take the place of the float32 one: the gate, and the choice behind it.

A form that passes shares the embedding space of the reference, so a query encoded by one finds vectors made by another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from core.models.specs import Backend, Tower, Trial
from core.types import Matrix

MIN_COSINE = 0.999  # mean, to the float32 vectors of the same inputs
MIN_OVERLAP = 0.97  # mean share of the ten nearest that stay among the ten nearest
DEPTH = 10
MIN_SAMPLE = 50  # below this the nearest ten say little, since a fifth and more of the sample is among them
MAX_SAMPLE = 500

# Another order of the same float32 sums: measured below 1e-6 on unit rows, and 1e-4 leaves every order of hits alone.
EXACT_ATOL = 1e-4


@dataclass(frozen=True)
class Fidelity:
    """How near a form's vectors are to the reference's."""

    cosine: float  # mean over the rows
    overlap: float | None  # None when the sample is smaller than ``MIN_SAMPLE``
    worst: float  # the largest difference of any number


def judge(reference: Matrix, candidate: Matrix, gallery: Matrix | None = None) -> Fidelity:
    """Compare unit rows of shape (n, dim) of the same n inputs.

    The nearest are looked for among the rows of ``gallery``, or, without one, among the other rows of the same form, as
    they would be in a library that was encoded by it. Raises ``ValueError`` when the shapes differ or nothing is there.
    """
    if reference.shape != candidate.shape or not len(reference):
        raise ValueError(f"rows of shape {candidate.shape} cannot be compared with {reference.shape}")
    cosine = float(np.mean(np.sum(reference * candidate, axis=1)))
    worst = float(np.max(np.abs(reference - candidate)))
    if not np.isfinite([cosine, worst]).all():
        return Fidelity(0.0, 0.0, float("inf"))  # a form that overflows gives no vectors
    if min(len(reference), len(reference if gallery is None else gallery)) < MIN_SAMPLE:
        return Fidelity(cosine, None, worst)
    if gallery is None:
        return Fidelity(cosine, _overlap(_scores(reference), _scores(candidate)), worst)
    return Fidelity(cosine, _overlap(reference @ gallery.T, candidate @ gallery.T), worst)


def passes(backend: Backend, fidelity: Fidelity) -> bool:
    """Whether vectors of this form may stand beside the reference's.

    On a sample that is too small for the gate only the same arithmetic by another library may, and only when every
    number agrees.
    """
    if fidelity.overlap is None:
        return backend is Backend.OPENVINO_FP32 and fidelity.worst <= EXACT_ATOL
    return fidelity.cosine >= MIN_COSINE and fidelity.overlap >= MIN_OVERLAP


def choose(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """The trials with the fastest that passed marked as kept, one of each tower."""
    trials = tuple(replace(trial, kept=False) for trial in trials)
    best: dict[Tower, Trial] = {}
    for trial in trials:
        if trial.passed and trial.rate is not None:
            held = best.get(trial.tower)
            if held is None or held.rate is None or trial.rate > held.rate:
                best[trial.tower] = trial
    return tuple(replace(trial, kept=best.get(trial.tower) is trial) for trial in trials)


def _scores(rows: Matrix) -> Matrix:
    scores = rows @ rows.T
    np.fill_diagonal(scores, -np.inf)  # nothing is its own neighbour
    return scores


def _overlap(reference: Matrix, candidate: Matrix) -> float:
    ours, theirs = (np.argpartition(-scores, DEPTH, axis=1)[:, :DEPTH] for scores in (reference, candidate))
    return float(np.mean([len(np.intersect1d(*pair)) for pair in zip(ours, theirs, strict=True)])) / DEPTH
