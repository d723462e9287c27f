"""The gates: rules that hold for any model, and real CLIP vectors where they are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.search.calibrate import (
    Background,
    Gate,
    against_rows,
    inverse_document_frequency,
    joint_probability,
    photo_probability,
    robust_background,
)
from tests.quality.clip_gate import read_vectors, report

numbers = st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=50)


@given(numbers, st.floats(-5, 5), st.floats(0.1, 3))
def test_a_gate_rises_and_opens_at_its_centre(values: list[float], centre: float, width: float) -> None:
    gate = Gate(centre, width)
    ordered = gate.probability(np.array(sorted(values), np.float32))
    assert (np.diff(ordered) >= 0).all()
    assert ((ordered > 0) & (ordered < 1)).all()
    assert gate.probability(np.array([centre], np.float32))[0] == pytest.approx(0.5, abs=1e-3)


@given(st.lists(st.floats(0.1, 0.3), min_size=20, max_size=60), st.floats(0.05, 0.4), st.floats(0.2, 3))
def test_a_standardised_score_does_not_depend_on_where_a_model_puts_its_cosines(
    values: list[float], shift: float, scale: float
) -> None:
    cosines = np.array([*values, 0.05, 0.5], np.float32)
    moved = (cosines * scale + shift).astype(np.float32)
    plain = robust_background(cosines)
    if plain.std < 1e-3:  # nothing to standardise by
        return
    assert robust_background(moved).standardise(moved) == pytest.approx(plain.standardise(cosines), rel=0.02, abs=0.02)


def test_a_few_matches_do_not_move_the_background() -> None:
    random = np.random.default_rng(0)
    noise = random.normal(0.19, 0.02, 1000).astype(np.float32)
    with_matches = np.concatenate([noise, np.full(50, 0.3, np.float32)])
    assert robust_background(with_matches).mean == pytest.approx(robust_background(noise).mean, abs=0.003)
    assert robust_background(with_matches).standardise(np.array([0.3], np.float32))[0] > 4


def test_a_prior_speaks_for_a_small_library_and_is_outvoted_by_a_large_one() -> None:
    prior = Background(0.5, 0.1, 10)
    assert robust_background(np.empty(0, np.float32)).with_prior(prior) == prior
    library = robust_background(np.random.default_rng(0).normal(0.2, 0.02, 5000).astype(np.float32))
    joined = library.with_prior(prior)
    assert joined.mean == pytest.approx(library.mean, abs=0.01)
    assert joined.std == pytest.approx(library.std, abs=0.01)


def test_a_segment_that_is_near_to_everything_stands_out_less() -> None:
    random = np.random.default_rng(0)
    bank = random.normal(size=(100, 32)).astype(np.float32)
    bank /= np.linalg.norm(bank, axis=1, keepdims=True)
    hub = bank.mean(axis=0) / np.linalg.norm(bank.mean(axis=0))
    plain = random.normal(size=32).astype(np.float32)
    plain /= np.linalg.norm(plain)
    near_hub, near_plain = against_rows(np.stack([hub, plain]), bank, np.array([0.5, 0.5], np.float32))
    assert near_hub < near_plain


def test_words_that_few_texts_hold_weigh_more_and_unknown_ones_most() -> None:
    unknown, rare, common = inverse_document_frequency(np.array([0, 3, 900]), 1000)
    assert unknown > rare > common > 0


@given(st.floats(-3, 8, width=32), st.floats(-3, 8, width=32))
def test_more_evidence_never_lowers_a_pictures_probability(bank: float, library: float) -> None:
    def one(value: float) -> np.ndarray:
        return np.array([value], np.float32)

    before = photo_probability(one(bank), one(library))
    assert photo_probability(one(bank + 0.5), one(library)) >= before
    assert photo_probability(one(bank), one(library + 0.5)) >= before


@pytest.mark.parametrize("pictures", [101, 20])
def test_real_clip_vectors_pass_where_they_match_and_nowhere_else(corpora: Path, pictures: int) -> None:
    rates = report(read_vectors(corpora / "clip_vectors"), pictures, draws=5)
    assert rates.answered >= 0.85
    assert rates.matches_shown >= 0.75
    assert rates.strangers_answered <= 0.1


def test_several_parts_are_answered_together_only_by_what_is_near_to_each() -> None:
    parts = np.array([[2.2, 9.0, 0.2, -2.0], [2.0, 0.1, 0.2, 4.5]], np.float32)
    total, probability = joint_probability(parts)
    both, *others = probability.tolist()
    assert both > 0.5
    assert max(others) < 0.01
    assert total[0] > total[1] > total[2]
