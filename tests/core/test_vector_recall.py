"""What comparing sign bits first costs in recall, on real vectors."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from core.config import Settings, folders_under
from core.models.host import EncoderHost
from core.search import matrix
from core.search.matrix import Growing, View
from core.search.snapshot import Chunk, hold
from core.store.vectors import Mark, VectorRows
from core.types import EmbeddingSpace, Matrix
from tests.quality.cranfield import read_collection

SENTENCES = 2000
QUERIES = 100
NEAREST = 50
# A sixteenth of what libraries that are asked by their bits get. Recall hangs on it, hardly on the number of rows.
CANDIDATES = 512


@pytest.fixture(scope="module")
def vectors(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Matrix, Matrix]:
    """Cranfield's sentences and queries by the shipped text encoder."""
    collection = read_collection(corpora / "cranfield")
    sentences = [
        sentence.strip()
        for text in collection.documents.values()
        for sentence in re.split(r"(?<=[.?!])\s+", text)
        if len(sentence.split()) > 4
    ]
    folders = folders_under(tmp_path_factory.mktemp("home"))
    folders.create()
    encoders = EncoderHost(Settings(folders))
    try:
        return encoders.encode_passages(sentences[:SENTENCES]), encoders.encode_queries(collection.queries[:QUERIES])
    finally:
        encoders.close()


@pytest.mark.slow
@pytest.mark.timeout(900)  # the encoder at 20 sentences a second on a busy machine
def test_bits_find_nearly_all_of_the_nearest(vectors: tuple[Matrix, Matrix], monkeypatch: pytest.MonkeyPatch) -> None:
    rows, queries = vectors
    monkeypatch.setattr(matrix, "_EXACT_ROWS", 0)
    monkeypatch.setattr(matrix, "_CANDIDATES", CANDIDATES)
    ids = np.arange(len(rows), dtype=np.int64)
    stored = VectorRows(ids, ids, ids, np.zeros(len(rows), dtype=bool), rows)
    space = EmbeddingSpace("minilm", "1", rows.shape[1], "1")
    base, columns = hold([Chunk.of(stored)], space)
    view = View(space, Mark(len(rows), 0), base, columns, Growing(np.empty((0, rows.shape[1]), np.float16)))
    recalls = []
    for query in queries:
        first = []
        for block in view.scored(query).best_first(None):
            first.extend(zip(block.cosines.tolist(), block.positions.tolist(), strict=True))
            if len(first) >= CANDIDATES:
                break
        by_bits = {position for _, position in sorted(first, reverse=True)[:NEAREST]}
        exact = np.argsort(-(rows @ query))[:NEAREST].tolist()
        recalls.append(len(by_bits.intersection(exact)) / NEAREST)
    assert np.mean(recalls) >= 0.98
