"""Passages and queries to vectors, through sentence-transformers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ModelError
from core.models.failures import load_failure, one_line
from core.models.installed import InstalledModel
from core.types import EmbeddingSpace, Matrix

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BATCH = 32  # of similar length, since the library sorts by length; larger ones gain nothing on a CPU


class SentenceEncoder:
    """A ``TextEncoder`` over a sentence-transformers folder with safetensors weights.

    Inputs longer than the model reads (256 tokens for MiniLM, 512 for E5) are cut by its tokenizer.
    Source: Reimers and Gurevych 2019 (Sentence-BERT); Wang et al. 2024 for E5 and its two prefixes.
    """

    def __init__(self, model: InstalledModel) -> None:
        """Loads the model. Raises ``ModelError`` when the folder is not one that can be used."""
        self.space: EmbeddingSpace = model.space
        self._query_prefix = model.manifest.query_prefix
        self._passage_prefix = model.manifest.passage_prefix
        self._encoder = load_sentence_transformer(model.folder)
        self._encode(["a"])  # a model that loads and cannot run is found here, by name

    def encode_passages(self, texts: Sequence[str]) -> Matrix:
        return self._encode([self._passage_prefix + text for text in texts])

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        return self._encode([self._query_prefix + text for text in texts])

    def _encode(self, texts: list[str]) -> Matrix:
        if not texts:
            return np.zeros((0, self.space.dim), np.float32)
        vectors = self._encoder.encode(
            texts, batch_size=BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        if vectors.shape[1] != self.space.dim:
            raise ModelError(f'"{self.space.model}" gives {vectors.shape[1]} numbers instead of {self.space.dim}')
        return np.asarray(vectors, np.float32)


def load_sentence_transformer(folder: Path) -> SentenceTransformer:
    """Load the folder without network, remote code or pickles. Raises ``ModelError``."""
    import tqdm  # type: ignore[import-untyped]
    from sentence_transformers import SentenceTransformer

    # Its own lock is a semaphore between processes, made even for a bar that is not shown: a child that is ended while
    # it encodes would leave it behind, with a warning on the terminal.
    tqdm.tqdm.set_lock(threading.RLock())
    try:
        return SentenceTransformer(
            str(folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except Exception as error:
        raise load_failure("sentence-transformers", error, folder) from error


def measure_dim(model: InstalledModel) -> int:
    """Encode a word; the width of its vector. Raises ``ModelError``."""
    encoder = load_sentence_transformer(model.folder)
    try:
        return int(encoder.encode(["a"], show_progress_bar=False).shape[1])
    except Exception as error:
        raise ModelError(f"loads, but cannot encode: {one_line(error)}", path=model.folder) from error
