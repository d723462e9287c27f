"""The towers of a prepared model: texts and pictures to vectors through OpenVINO, without torch or transformers.

Importing torch with open_clip takes seconds and about 1 GB; what is here answers a first query in under a second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import ModelError
from core.models.installed import InstalledModel
from core.models.prepared import TOKENISER, Prepared, read_prepared, require_unchanged
from core.models.runtime import Graph, has_openvino
from core.models.specs import PictureSpec, Tower
from core.models.tokenise import Ids, Tokeniser, batches_by_length
from core.types import EmbeddingSpace, Matrix, ModelRole

logger = logging.getLogger(__name__)

# As many texts of similar length as this many tokens make one batch: the matrices of a batch then stay in the cache.
TOKENS_PER_BATCH = 1024
PICTURES_PER_BATCH = 8
# OpenVINO compiles a graph anew for every shape of its inputs and keeps what it made, half a megabyte and more for
# each: over 50,000 texts it grew by 160 MB. Widths in steps of 8 leave few shapes, at the same processor time.
OPENVINO_STEP = 8

Run = Callable[..., Matrix]


class TextTower:
    """Texts to unit rows through one tower, whatever runs it."""

    def __init__(
        self, space: EmbeddingSpace, tokeniser: Tokeniser, run: Run, *, step: int = 1, budget: int = TOKENS_PER_BATCH
    ) -> None:
        """``step`` as ``Tokeniser.pad`` takes it."""
        self.space = space
        self._step = step
        self._tokeniser = tokeniser
        self._run = run
        self._budget = budget

    def encode(self, texts: Sequence[str]) -> Matrix:
        """float32 unit rows of shape (n, dim), in the order of the texts. Raises ``ModelError`` for another width."""
        matrix = np.zeros((len(texts), self.space.dim), np.float32)
        if not texts:
            return matrix
        rows = self._tokeniser.rows(texts)
        lengths = [self._tokeniser.spec.context if self._tokeniser.spec.fixed else len(row) for row in rows]
        for places in batches_by_length(lengths, self._budget):
            matrix[places] = checked(self._run(*self._padded(rows, places)), self.space)
        return matrix

    def _padded(self, rows: Sequence[list[int]], places: Sequence[int]) -> tuple[Ids, Ids]:
        return self._tokeniser.pad([rows[place] for place in places], self._step)


class PictureTower:
    """JPEG previews to unit rows through one tower, whatever runs it."""

    def __init__(self, space: EmbeddingSpace, spec: PictureSpec, run: Run, batch: int = PICTURES_PER_BATCH) -> None:
        self.space = space
        self._spec = spec
        self._run = run
        self._batch = batch

    def encode(self, jpegs: Sequence[bytes]) -> Matrix:
        """float32 unit rows of shape (n, dim). Raises ``UnreadableError`` and, for another width, ``ModelError``."""
        from core.models.pictures import pixels_of  # the query child draws nothing and leaves Pillow unloaded

        matrix = np.zeros((len(jpegs), self.space.dim), np.float32)
        for start in range(0, len(jpegs), self._batch):
            pixels = pixels_of(jpegs[start : start + self._batch], self._spec)
            matrix[start : start + self._batch] = checked(self._run(pixels), self.space)
        return matrix


class QueryTower:
    """Queries to the space in which a prepared model's vectors lie. For one thread at a time."""

    def __init__(self, tower: TextTower, prefix: str) -> None:
        self._tower = tower
        self._prefix = prefix

    @property
    def space(self) -> EmbeddingSpace:
        return self._tower.space

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Texts that search, to float32 unit rows of shape (n, dim)."""
        return self._tower.encode([self._prefix + text for text in texts])


def query_tower(model: InstalledModel, prepared: Path, *, threads: int = 0) -> QueryTower | None:
    """Load the tower that encodes queries from the folder that ``models prepare`` made for the model.

    None when the model was not prepared, when what is there belongs to other weights, another OpenVINO or another
    machine, when one of the files was changed, and when the model's tokenizer needs torch: the model's own library
    encodes the queries then. ``threads`` 0 leaves their number to OpenVINO. The model's weights are not read.
    """
    manifest = read_prepared(prepared, model)
    if manifest is None or not has_openvino():
        return None
    try:
        require_unchanged(prepared, manifest)
        tower = Tower.PASSAGES if model.role is ModelRole.TEXT else Tower.WORDS
        texts = text_tower(model, prepared, manifest, tower, threads=threads, latency=True)
    except ModelError as error:
        logger.warning("the prepared files of %s are not used: %s", model.name, error)
        return None
    if texts is None:
        return None
    query = QueryTower(texts, model.manifest.query_prefix)
    query.encode(["a"])  # the first run sets memory and kernels up: 30 ms that no query waits for
    return query


def text_tower(
    model: InstalledModel, folder: Path, prepared: Prepared, tower: Tower, *, threads: int, latency: bool = False
) -> TextTower | None:
    """A text tower on its prepared graph; None where there is no graph or no tokeniser. Raises ``ModelError``."""
    graph = prepared.graph(tower)
    if graph is None or prepared.tokeniser is None:
        return None
    name, bf16 = graph
    tokeniser = Tokeniser(prepared.tokeniser, folder / TOKENISER)
    run = Graph(folder / name, threads=threads, latency=latency, bf16=bf16)
    return TextTower(model.space, tokeniser, run, step=OPENVINO_STEP)


def picture_tower(model: InstalledModel, folder: Path, prepared: Prepared, *, threads: int) -> PictureTower | None:
    """The picture tower on its prepared graph; None where there is no graph. Raises ``ModelError``."""
    graph = prepared.graph(Tower.PICTURES)
    if graph is None or prepared.pictures is None:
        return None
    name, bf16 = graph
    return PictureTower(model.space, prepared.pictures, Graph(folder / name, threads=threads, bf16=bf16))


def checked(rows: Any, space: EmbeddingSpace) -> Matrix:
    """Raises ``ModelError`` when the rows are not of the space's width."""
    matrix = np.asarray(rows, np.float32)
    if matrix.ndim != 2 or matrix.shape[1] != space.dim:
        raise ModelError(f'"{space.model}" gives vectors of shape {matrix.shape[1:]} instead of {space.dim}')
    return matrix
