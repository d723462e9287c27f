"""Retrieval quality on Cranfield: the whole pipeline with the shipped text encoder, and the gate."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.engine import Engine
from core.types import Query
from tests.quality.cranfield import (
    DOCUMENTS,
    MAIN_GAIN,
    QUERIES,
    Collection,
    open_index,
    rankings,
    read_collection,
    scores,
    strangers,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def collection(corpora: Path) -> Collection:
    return read_collection(corpora / "cranfield")


@pytest.fixture(scope="module")
def engine(collection: Collection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_index(tmp_path_factory.mktemp("cranfield"), collection)
    yield engine
    engine.close()


def test_the_collection_is_whole(collection: Collection, engine: Engine) -> None:
    assert (len(collection.documents), len(collection.queries)) == (DOCUMENTS, QUERIES)
    assert engine.status().files == DOCUMENTS
    assert engine.failures() == []


def test_fused_ranking_behind_the_gate(collection: Collection, engine: Engine) -> None:
    ranked = rankings(engine, collection, include_gated=False)
    assert statistics.mean(scores(ranked, collection, MAIN_GAIN)) >= 0.42


def test_the_gate_answers_what_it_can_and_nothing_else(collection: Collection, engine: Engine, corpora: Path) -> None:
    answered = [bool(engine.search(Query(text)).hits) for text in collection.queries]
    assert statistics.mean(answered) >= 0.99
    foreign = [bool(engine.search(Query(text)).hits) for text in strangers(corpora, QUERIES)]
    assert statistics.mean(foreign) <= 0.08
