"""The seam between the engine and its models: what an encoder and a transcriber promise.

The engine talks to ``Encoders`` and ``Speech`` only; the implementations behind them run in child
processes (``core.models.host``), and tests put fakes here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.cancel import CancelToken
from core.config import Settings
from core.types import EmbeddingSpace, Matrix, SpeechSpan

SAMPLE_RATE_HZ = 16_000  # what Whisper and the voice-activity detector hear


class ImageEncoder(Protocol):
    """Pictures and words in one space, such as CLIP."""

    @property
    def space(self) -> EmbeddingSpace: ...

    def encode_images(self, jpegs: Sequence[bytes]) -> Matrix:
        """Upright JPEG previews to float32 unit rows of shape (n, dim)."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Words to float32 unit rows of shape (n, dim) in the images' space."""
        ...


class TextEncoder(Protocol):
    """Passages and queries in one space."""

    @property
    def space(self) -> EmbeddingSpace: ...

    def encode_passages(self, texts: Sequence[str]) -> Matrix:
        """Texts to be found, to float32 unit rows of shape (n, dim)."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        """Texts that search, to float32 unit rows of shape (n, dim). E5 models prefix the two differently."""
        ...


class Transcriber(Protocol):
    """Speech to text with times."""

    def transcribe(
        self, samples: NDArray[np.float32], *, on_window: Callable[[int, int], None], cancel: CancelToken
    ) -> list[SpeechSpan]:
        """Mono samples at ``SAMPLE_RATE_HZ``, shape (n,), to spans in order of time.

        ``on_window(done, total)`` is called after each voice-activity window. Raises ``Cancelled`` between windows.
        """
        ...


class QueryEncoders(Protocol):
    """What answering a query needs of the encoders: spaces, and words into them.

    ``space`` names the model that encodes, of those that are installed: None the one in use. While another model
    fills its space, queries are answered in that of the one before. Every ``encode_*`` raises ``ModelMissingError``
    when there is no such model, ``ModelError`` when it cannot be used, ``ChildError`` when its process dies twice on
    the same input.
    """

    def photo_space(self) -> EmbeddingSpace | None:
        """The space of the photo model in use, without loading it; None when there is none."""
        ...

    def text_space(self) -> EmbeddingSpace | None: ...

    def serves(self, space: EmbeddingSpace) -> bool:
        """Whether a model that encodes into the space is installed, in use or not; none where its role has no model."""
        ...

    def encode_photo_texts(self, texts: Sequence[str], space: EmbeddingSpace | None = None) -> Matrix:
        """Words into the photo space (the CLIP text tower). Goes before waiting batches of the indexer."""
        ...

    def encode_queries(self, texts: Sequence[str], space: EmbeddingSpace | None = None) -> Matrix:
        """Goes before waiting batches of the indexer."""
        ...


class Encoders(QueryEncoders, Protocol):
    """What the indexer and the searcher see of the encoder child."""

    def encode_images(
        self, jpegs: Sequence[bytes], cancel: CancelToken | None = None, space: EmbeddingSpace | None = None
    ) -> Matrix: ...

    def encode_passages(
        self, texts: Sequence[str], cancel: CancelToken | None = None, space: EmbeddingSpace | None = None
    ) -> Matrix: ...

    def reload(self, settings: Settings) -> bool:
        """Look again which models are in use: one may have been installed or chosen. True when that changed.

        Cheap. Called between batches only, so that a vector asked for after ``photo_space`` is of that space.
        """
        ...

    def drop_idle(self) -> None:
        """End the child if it has had nothing to do for a while; it starts again when needed."""
        ...

    def close(self) -> None: ...


class Speech(Protocol):
    """What the indexer sees of the speech child."""

    def model(self) -> str | None:
        """``name@weights_id`` of the speech model in use, None when there is none."""
        ...

    def transcribe(
        self, pcm: Path, *, on_window: Callable[[int, int], None] | None = None, cancel: CancelToken | None = None
    ) -> list[SpeechSpan]:
        """A raw little-endian float32 file of mono samples at ``SAMPLE_RATE_HZ`` to spans.

        Raises ``ModelMissingError``, ``ModelError``, ``ChildError`` as ``Encoders`` does, and ``Cancelled``.
        """
        ...

    def reload(self, settings: Settings) -> bool: ...

    def drop_idle(self) -> None: ...

    def close(self) -> None: ...
