"""The arithmetic over vectors in memory against NumPy's own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core.search import kernels

FINITE_HALVES = arrays.arrays(
    np.float16, arrays.array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.floats(-1, 1, width=16)
)


@pytest.fixture(params=["numkong", "numpy"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the library of kernels, and as on a platform without it."""
    if request.param == "numpy":
        monkeypatch.setattr(kernels, "_numkong", lambda: None)
    else:
        pytest.importorskip("numkong")
    return str(request.param)


def rows(count: int, dim: int) -> np.ndarray:
    made = np.random.default_rng(count).standard_normal((count, dim)).astype(np.float32)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


@given(FINITE_HALVES)
def test_widening_is_exact_and_narrowing_its_inverse(halves: np.ndarray) -> None:
    wide = kernels.widen(halves)
    assert wide.dtype == np.float32
    assert np.array_equal(wide, halves.astype(np.float32))
    assert np.array_equal(kernels.narrow(wide), halves)


def test_narrowing_rounds_to_nearest(library: str) -> None:
    values = rows(50, 40)
    assert np.array_equal(kernels.narrow(values), values.astype(np.float16))


@pytest.mark.parametrize(("count", "dim"), [(0, 16), (1, 384), (5000, 384), (20_001, 33)])
def test_dot_products(library: str, count: int, dim: int) -> None:
    halves, query = rows(count, dim).astype(np.float16), rows(3, dim)[2]
    found = kernels.dots(halves, query)
    assert found.shape == (count,)
    assert found == pytest.approx(halves.astype(np.float32) @ query, abs=5e-4)


@pytest.mark.parametrize(("count", "dim"), [(0, 16), (9000, 384), (300, 33)])
def test_bits_that_differ(library: str, count: int, dim: int) -> None:
    centre = np.full(dim, 0.01, np.float32)
    bits, query = kernels.sign_bits(rows(count, dim), centre), kernels.sign_bits(rows(3, dim)[:1], centre)[0]
    wanted = ((rows(count, dim) > centre) != (rows(3, dim)[0] > centre)).sum(axis=1)
    assert np.array_equal(kernels.hammings(bits, query), wanted)


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.floats(-1, 1, width=32), st.sampled_from([0.5, -np.inf])), max_size=400),
    st.integers(1, 60),
    st.integers(2, 8),
    st.integers(1, 40),
)
def test_blocks_hold_every_value_once_the_best_first(
    values: list[float], first: int, growth: int, repeats: int
) -> None:
    scores = np.tile(np.array(values, np.float32), repeats)
    blocks = list(kernels.descending(scores, first, growth))
    joined = np.concatenate([np.empty(0, np.int64), *blocks])
    assert sorted(joined) == np.flatnonzero(scores > -np.inf).tolist()
    assert all(block.size for block in blocks)
    assert all(scores[one].min() > scores[two].max() for one, two in pairwise(blocks))
    if len(blocks) > 1:
        assert blocks[0].size >= first
