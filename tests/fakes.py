"""Stand-ins for the models, and only for them: deterministic, fast, and with vectors that mean something.

Texts are bags of hashed words; pictures are histograms of named colours in one space with the colours' names; speech
is looked up by the pitch of a tone. All count what they are asked, so that a test can say "nothing was encoded".
"""

from __future__ import annotations

import hashlib
import io
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.cancel import CancelToken
from core.config import Settings
from core.errors import ChildError, ModelError, ModelMissingError
from core.extract.base import Reader
from core.models.base import SAMPLE_RATE_HZ
from core.types import EmbeddingSpace, Extraction, Matrix, SpeechSpan

TEXT_DIM = 1024  # so wide that two words seldom share a place
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 30, 30),
    "green": (30, 160, 50),
    "blue": (40, 70, 220),
    "yellow": (240, 220, 40),
    "white": (250, 250, 250),
    "black": (10, 10, 10),
    "grey": (128, 128, 128),
    "brown": (120, 75, 40),
}
PHOTO_DIM = 64  # the colours first, then hashed words that are no colour
WINDOW_S = 10.0  # a spoken window of ``FakeSpeech``

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Lower-case words without a plural s, so that "boats" is near "boat"."""
    return [word[:-1] if len(word) > 3 and word.endswith("s") else word for word in _WORD.findall(text.lower())]


def _bucket(word: str, size: int) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "big") % size


def _unit(rows: NDArray[np.float32]) -> Matrix:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows[:, 0] += (lengths[:, 0] == 0).astype(np.float32)  # an empty text still has a direction
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def _turned(rows: Matrix, model: str) -> Matrix:
    """The rows in the axes of a model; those of the first ones are the plain ones."""
    dim = rows.shape[1]
    return rows if model.startswith("fake-") else np.roll(rows, 1 + _bucket(model, dim - 1), axis=1)


class FakeEncoders:
    """``core.models.base.Encoders`` without a model.

    ``poison`` is a piece of text, or of a JPEG's bytes, on which the "child" dies; ``broken`` makes every call fail.
    Each model has axes of its own: a query of one says nothing to the vectors of another. All models are installed
    that are not among ``gone``.
    """

    def __init__(self, *, text: str | None = "fake-text", photo: str | None = "fake-photo") -> None:
        """``text`` and ``photo`` name the models that are installed; None for one that is missing."""
        self.text_model = text
        self.photo_model = photo
        self.passages: list[str] = []
        self.pictures = 0
        self.queries: list[str] = []
        self.batches: list[int] = []
        self.poison: bytes | None = None
        self.broken = False
        self.gone: set[str] = set()
        self.before_batch: Callable[[], None] = lambda: None
        self.closed = False
        self._lock = threading.Lock()

    @property
    def encoded(self) -> int:
        """Passages and pictures that were encoded for the index."""
        return len(self.passages) + self.pictures

    def text_space(self) -> EmbeddingSpace | None:
        return EmbeddingSpace(self.text_model, "w1", TEXT_DIM, "1") if self.text_model else None

    def photo_space(self) -> EmbeddingSpace | None:
        return EmbeddingSpace(self.photo_model, "w1", PHOTO_DIM, "1") if self.photo_model else None

    def serves(self, space: EmbeddingSpace) -> bool:
        in_use = self.text_model if space.dim == TEXT_DIM else self.photo_model
        return in_use is not None and space.model not in self.gone

    def encode_passages(
        self, texts: Sequence[str], cancel: CancelToken | None = None, space: EmbeddingSpace | None = None
    ) -> Matrix:
        model = self._expect(self.text_model, cancel, space)
        self._expect_harmless(text.encode("utf-8", "replace") for text in texts)
        with self._lock:
            self.passages += texts
            self.batches.append(len(texts))
        return self._texts(texts, model)

    def encode_queries(self, texts: Sequence[str], space: EmbeddingSpace | None = None) -> Matrix:
        model = self._expect(self.text_model, None, space)
        self.queries += texts
        return self._texts(texts, model)

    def encode_images(
        self, jpegs: Sequence[bytes], cancel: CancelToken | None = None, space: EmbeddingSpace | None = None
    ) -> Matrix:
        model = self._expect(self.photo_model, cancel, space)
        self._expect_harmless(jpegs)
        with self._lock:
            self.pictures += len(jpegs)
            self.batches.append(len(jpegs))
        return _turned(_unit(np.stack([self._histogram(jpeg) for jpeg in jpegs])), model)

    def encode_photo_texts(self, texts: Sequence[str], space: EmbeddingSpace | None = None) -> Matrix:
        model = self._expect(self.photo_model, None, space)
        rows = np.zeros((len(texts), PHOTO_DIM), np.float32)
        names = list(COLOURS)
        for row, text in zip(rows, texts, strict=True):
            for word in words(text):
                if word in COLOURS:
                    row[names.index(word)] += 1.0
                else:
                    row[len(COLOURS) + _bucket(word, PHOTO_DIM - len(COLOURS))] += 0.1
        return _turned(_unit(rows), model)

    def reload(self, settings: Settings) -> bool:
        return False

    def drop_idle(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def _expect(self, model: str | None, cancel: CancelToken | None, space: EmbeddingSpace | None) -> str:
        model = model if space is None else space.model
        if model is None or model in self.gone:
            raise ModelMissingError("no such model is installed")
        if cancel is not None:
            self.before_batch()
            cancel.raise_if_cancelled()
        if self.broken:
            raise ModelError("the weights are cut")
        return model

    def _expect_harmless(self, inputs: Sequence[bytes] | Iterator[bytes]) -> None:
        if self.poison is not None and any(self.poison in item for item in inputs):
            raise ChildError("ended by SIGSEGV")

    def _texts(self, texts: Sequence[str], model: str) -> Matrix:
        rows = np.zeros((len(texts), TEXT_DIM), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in words(text):
                row[_bucket(word, TEXT_DIM)] += 1.0
        return _turned(_unit(rows), model)

    def _histogram(self, jpeg: bytes) -> NDArray[np.float32]:
        with Image.open(io.BytesIO(jpeg)) as picture:
            small = picture.convert("RGB").resize((16, 16), Image.Resampling.BOX)
        pixels = np.asarray(small, np.float32).reshape(-1, 1, 3)
        palette = np.array(list(COLOURS.values()), np.float32)[None]
        nearest = np.argmin(((pixels - palette) ** 2).sum(axis=2), axis=1)
        row = np.zeros(PHOTO_DIM, np.float32)
        row[: len(COLOURS)] = np.bincount(nearest, minlength=len(COLOURS)) / len(nearest)
        return row


class FakeSpeech:
    """``core.models.base.Speech`` that knows what a tone says: ``sentences`` maps a pitch in Hz to words."""

    def __init__(self, sentences: dict[int, str] | None = None, *, model: str | None = "fake-speech@w1") -> None:
        self.sentences = sentences or {}
        self.model_name = model
        self.windows = 0
        self.transcribed = 0
        self.closed = False
        self.before_window: Callable[[], None] = lambda: None

    def model(self) -> str | None:
        return self.model_name

    def transcribe(
        self, pcm: Path, *, on_window: Callable[[int, int], None] | None = None, cancel: CancelToken | None = None
    ) -> list[SpeechSpan]:
        if self.model_name is None:
            raise ModelMissingError("no speech model is installed")
        samples = np.fromfile(pcm, dtype="<f4")
        step = int(WINDOW_S * SAMPLE_RATE_HZ)
        starts = range(0, len(samples), step)
        spans = []
        for number, start in enumerate(starts, 1):
            self.before_window()
            if cancel is not None:
                cancel.raise_if_cancelled()
            window = samples[start : start + step]
            text = self._heard(window)
            if text is not None:
                spans.append(SpeechSpan(start / SAMPLE_RATE_HZ, (start + len(window)) / SAMPLE_RATE_HZ, text))
            self.windows += 1
            if on_window is not None:
                on_window(number, len(starts))
        self.transcribed += 1
        return spans

    def reload(self, settings: Settings) -> bool:
        return False

    def drop_idle(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def _heard(self, window: NDArray[np.float32]) -> str | None:
        if not self.sentences or not window.size or np.abs(window).max() < 0.01:
            return None
        spectrum = np.abs(np.fft.rfft(window))
        pitch = float(np.argmax(spectrum)) * SAMPLE_RATE_HZ / len(window)
        nearest = min(self.sentences, key=lambda known: abs(known - pitch))
        return self.sentences[nearest] if abs(nearest - pitch) < 15 else None


class CountingReader:
    """A real reader that remembers what it was asked to read."""

    def __init__(self, reader: Reader) -> None:
        self.inner = reader
        self.extracted: list[bytes] = []
        self.decoded: list[bytes] = []
        self.before: Callable[[bytes], None] = lambda _path: None

    @property
    def parallel(self) -> int:
        return self.inner.parallel

    @property
    def reads(self) -> int:
        return len(self.extracted) + len(self.decoded)

    def extract(self, path: bytes, cancel: CancelToken | None = None) -> Extraction:
        self.extracted.append(path)
        self.before(path)
        return self.inner.extract(path, cancel)

    def decode_audio(self, path: bytes, pcm: Path, cancel: CancelToken | None = None) -> float:
        self.decoded.append(path)
        self.before(path)
        return self.inner.decode_audio(path, pcm, cancel)

    def close(self) -> None:
        self.inner.close()
