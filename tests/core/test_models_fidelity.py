"""The gate, the choice behind it, and batches by length: pure rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.models.fidelity import MIN_SAMPLE, Fidelity, choose, judge, passes
from core.models.specs import Backend, Tower, Trial
from core.models.tokenise import batches_by_length


def unit_rows(count: int, seed: int, dim: int = 32) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def shaken(rows: np.ndarray, by: float) -> np.ndarray:
    moved = rows + by * unit_rows(len(rows), seed=99, dim=rows.shape[1])
    return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)


def test_the_same_rows_are_faithful() -> None:
    rows = unit_rows(200, seed=1)
    found = judge(rows, rows.copy())
    assert found.cosine == pytest.approx(1)
    assert found.overlap == 1
    assert found.worst == 0


def test_the_further_a_form_is_off_the_less_of_the_ten_nearest_stays() -> None:
    rows = unit_rows(300, seed=1)
    near, far = judge(rows, shaken(rows, 0.02)), judge(rows, shaken(rows, 0.3))
    assert near.overlap is not None
    assert far.overlap is not None
    assert 1 > near.overlap > far.overlap
    assert 1 > near.cosine > far.cosine


def test_a_rotation_keeps_neighbours_and_is_no_replacement_all_the_same() -> None:
    rows = unit_rows(100, seed=1)
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(32, 32)))
    found = judge(rows, (rows @ turn).astype(np.float32))
    assert found.overlap is not None
    assert found.overlap >= 0.97
    assert not passes(Backend.OPENVINO_INT8, found)


def test_queries_are_compared_by_what_they_find() -> None:
    gallery, queries = unit_rows(MIN_SAMPLE, seed=1), unit_rows(60, seed=2)
    assert judge(queries, queries, gallery).overlap == 1
    assert judge(queries, queries, gallery[:-1]).overlap is None, "too few to find among"


def test_a_form_that_overflows_fails() -> None:
    rows = unit_rows(80, seed=1)
    broken = rows.copy()
    broken[3] = np.nan
    assert not passes(Backend.TORCH_BF16, judge(rows, broken))


def test_nothing_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="compared"):
        judge(unit_rows(0, seed=1), unit_rows(0, seed=1))
    with pytest.raises(ValueError, match="compared"):
        judge(unit_rows(3, seed=1), unit_rows(4, seed=1))


@pytest.mark.parametrize(
    ("backend", "cosine", "overlap", "worst", "expected"),
    [
        (Backend.OPENVINO_INT8, 0.999, 0.97, 0.1, True),
        (Backend.OPENVINO_INT8, 0.9989, 1.0, 0.1, False),
        (Backend.OPENVINO_INT8, 1.0, 0.969, 0.1, False),
        (Backend.OPENVINO_INT8, 1.0, None, 0.0, False),
        (Backend.OPENVINO_FP32, 1.0, None, 1e-6, True),
        (Backend.OPENVINO_FP32, 1.0, None, 1e-2, False),
    ],
)
def test_the_gate(backend: Backend, cosine: float, overlap: float | None, worst: float, expected: bool) -> None:
    assert passes(backend, Fidelity(cosine, overlap, worst)) is expected


trials = st.lists(
    st.builds(
        Trial,
        tower=st.sampled_from(Tower),
        backend=st.sampled_from(Backend),
        rate=st.none() | st.floats(0.1, 1000),
        passed=st.booleans(),
        kept=st.booleans(),
    ),
    max_size=12,
)


@given(trials)
def test_the_fastest_that_passed_is_kept_one_of_each_tower(found: list[Trial]) -> None:
    chosen = choose(found)
    for tower in Tower:
        rates = [trial.rate for trial in found if trial.tower is tower and trial.passed and trial.rate is not None]
        kept = [trial for trial in chosen if trial.tower is tower and trial.kept]
        assert [trial.rate for trial in kept] == ([max(rates)] if rates else [])
        assert all(trial.passed for trial in kept)


@given(st.lists(st.integers(1, 512), max_size=60), st.integers(1, 2048))
def test_batches_hold_every_text_once_and_keep_to_their_budget(lengths: list[int], budget: int) -> None:
    batches = list(batches_by_length(lengths, budget))
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[place] for place in batch)
        assert len(batch) == 1 or longest * len(batch) <= budget
    in_order = [lengths[place] for batch in batches for place in batch]
    assert in_order == sorted(lengths)
