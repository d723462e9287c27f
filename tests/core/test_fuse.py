"""Weighted reciprocal rank fusion: its rules, over any lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.search.fuse import RANK_CONSTANT, RankedList, fuse

ranked_lists = st.lists(
    st.builds(
        RankedList,
        st.lists(st.integers(1, 30), unique=True, max_size=12),
        st.floats(0.1, 4.0, allow_nan=False),
    ),
    max_size=6,
)


def test_the_formula() -> None:
    scores = fuse([RankedList([7, 8], 2.0), RankedList([8], 0.5)])
    assert scores[7] == pytest.approx(2.0 / (RANK_CONSTANT + 1))
    assert scores[8] == pytest.approx(2.0 / (RANK_CONSTANT + 2) + 0.5 / (RANK_CONSTANT + 1))


@given(ranked_lists, st.randoms())
def test_the_order_of_the_lists_does_not_matter(lists: list[RankedList], random) -> None:
    shuffled = list(lists)
    random.shuffle(shuffled)
    assert fuse(shuffled) == fuse(lists)


@given(ranked_lists)
def test_what_is_in_a_list_is_in_the_answer_and_nothing_else(lists: list[RankedList]) -> None:
    scores = fuse(lists)
    assert set(scores) == {file_id for ranked in lists for file_id in ranked.file_ids}
    assert all(score > 0 for score in scores.values())


@given(ranked_lists, st.data())
def test_a_better_rank_never_costs(lists: list[RankedList], data: st.DataObject) -> None:
    long_enough = [at for at, ranked in enumerate(lists) if len(ranked.file_ids) >= 2]
    if not long_enough:
        return
    at = data.draw(st.sampled_from(long_enough))
    place = data.draw(st.integers(1, len(lists[at].file_ids) - 1))
    moved = list(lists[at].file_ids)
    moved[place - 1], moved[place] = moved[place], moved[place - 1]
    risen = moved[place - 1]
    better = [*lists[:at], RankedList(moved, lists[at].weight), *lists[at + 1 :]]
    assert fuse(better)[risen] >= fuse(lists)[risen]


@given(st.lists(st.integers(1, 50), unique=True, min_size=2))
def test_one_list_keeps_its_order(file_ids: list[int]) -> None:
    scores = fuse([RankedList(file_ids)])
    assert sorted(scores, key=lambda file_id: -scores[file_id]) == file_ids
