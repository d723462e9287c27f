"""The engine's side of the model children: ``EncoderHost`` and ``SpeechHost``.

Both resolve which models are in use when they are made and at ``reload``, and not in between: a vector that was
asked for after ``photo_space()`` is of that space. The engine calls ``reload`` between batches, when a model was
installed or chosen.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from core import cpu
from core.cancel import CancelToken
from core.child import Serve
from core.config import Settings
from core.errors import ModelMissingError
from core.models.base import SAMPLE_RATE_HZ
from core.models.catalogue import Catalogue
from core.models.installed import InstalledModel, active_model
from core.models.messages import (
    Encode,
    FindSpeech,
    ModelRef,
    Task,
    Transcribe,
    Transcript,
    Vectors,
    Windows,
)
from core.models.model_child import DEADLINE_S, IDLE_S, ModelChild
from core.models.prepared import prepared_folder
from core.models.worker import serve_models
from core.types import EmbeddingSpace, Matrix, ModelRole, SpeechSpan

logger = logging.getLogger(__name__)

# Below the window (0), so that it stays smooth, and above the sandbox and the speech child (10), because queries
# are encoded in the same process as the indexer's batches and somebody waits for them.
ENCODER_NICENESS = 5
SPEECH_NICENESS = 10

# A waiting query waits for one of these, about half a second on two cores.
TEXTS_PER_REQUEST = 16
PICTURES_PER_REQUEST = 8


class EncoderHost:
    """``Encoders`` over one child that holds the photo and the text encoder, each loaded when first needed.

    Thread-safe: the indexer and the searcher share it, one request at a time, queries first.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        catalogue: Catalogue | None = None,
        serve: Serve = serve_models,
        idle_s: float = IDLE_S,
    ) -> None:
        self._catalogue = catalogue
        self._child = ModelChild("encoder", serve, ENCODER_NICENESS, idle_s)
        self._models: dict[ModelRole, InstalledModel | None] = {}
        self._refs: dict[ModelRole, ModelRef] = {}
        self.reload(settings)

    def reload(self, settings: Settings) -> bool:
        """Look again which models are installed and chosen; True when one in use is another now.

        Takes under a millisecond. A new model is loaded when it is first asked.
        """
        roles = (ModelRole.PHOTO, ModelRole.TEXT)
        models = {role: active_model(settings, role, self._catalogue) for role in roles}
        changed = models != self._models
        self._models = models
        # With what was prepared for them in the meantime: the child takes that over, and the space stays the same.
        self._refs = {
            role: ModelRef.of(model, prepared_folder(settings, model)) for role, model in models.items() if model
        }
        self._child.use_threads(cpu.threads(settings.cpu_share))
        return changed

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._child.pid

    def ref(self, role: ModelRole) -> ModelRef | None:
        """The model in use for a role with vectors and what was prepared for it, None when there is none."""
        return self._refs.get(role)

    def photo_space(self) -> EmbeddingSpace | None:
        return self._space(ModelRole.PHOTO)

    def text_space(self) -> EmbeddingSpace | None:
        return self._space(ModelRole.TEXT)

    def encode_images(self, jpegs: Sequence[bytes], cancel: CancelToken | None = None) -> Matrix:
        model = self._model(ModelRole.PHOTO)
        ref = self._refs[ModelRole.PHOTO]
        parts = [
            self._child.ask(
                Encode(ref, Task.PICTURES, pictures=list(jpegs[start : start + PICTURES_PER_REQUEST])),
                Vectors,
                ModelRole.PHOTO,
                cancel=cancel,
            ).matrix()
            for start in range(0, len(jpegs), PICTURES_PER_REQUEST)
        ]
        return _stack(parts, model.space.dim)

    def encode_photo_texts(self, texts: Sequence[str]) -> Matrix:
        return self._encode_texts(ModelRole.PHOTO, Task.PHOTO_TEXTS, texts, query=True)

    def encode_passages(self, texts: Sequence[str], cancel: CancelToken | None = None) -> Matrix:
        # Sorted by length over all of them, because a batch costs as much as its longest text.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors = self._encode_texts(ModelRole.TEXT, Task.PASSAGES, [texts[index] for index in order], cancel=cancel)
        matrix = np.empty_like(vectors)
        matrix[order] = vectors
        return matrix

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        return self._encode_texts(ModelRole.TEXT, Task.QUERIES, texts, query=True)

    def drop_idle(self) -> None:
        self._child.drop_idle()

    def close(self) -> None:
        self._child.close()

    def _encode_texts(
        self,
        role: ModelRole,
        task: Task,
        texts: Sequence[str],
        *,
        query: bool = False,
        cancel: CancelToken | None = None,
    ) -> Matrix:
        model = self._model(role)
        ref = self._refs[role]
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]  # lone surrogates have no UTF-8
        parts = [
            self._child.ask(
                Encode(ref, task, texts=clean[start : start + TEXTS_PER_REQUEST]),
                Vectors,
                role,
                query=query,
                cancel=cancel,
            ).matrix()
            for start in range(0, len(clean), TEXTS_PER_REQUEST)
        ]
        return _stack(parts, model.space.dim)

    def _space(self, role: ModelRole) -> EmbeddingSpace | None:
        model = self._models[role]
        return None if model is None else model.space

    def _model(self, role: ModelRole) -> InstalledModel:
        return _require(self._models[role], role)


class SpeechHost:
    """``Speech`` over one child that holds the voice-activity detector and Whisper.

    The engine's side asks for one window after another, so that a cancel falls between two of them, progress is
    exact, and a death costs one window.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        catalogue: Catalogue | None = None,
        serve: Serve = serve_models,
        idle_s: float = IDLE_S,
    ) -> None:
        self._catalogue = catalogue
        self._child = ModelChild("speech", serve, SPEECH_NICENESS, idle_s)
        self._languages: tuple[str, ...] = ()
        self._model: InstalledModel | None = None
        self.reload(settings)

    def reload(self, settings: Settings) -> bool:
        """As ``EncoderHost.reload``; the languages to expect are taken over too."""
        model = active_model(settings, ModelRole.SPEECH, self._catalogue)
        changed = model != self._model
        self._model, self._languages = model, settings.languages
        self._child.use_threads(cpu.threads(settings.cpu_share))
        return changed

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._child.pid

    def model(self) -> str | None:
        return None if self._model is None else f"{self._model.name}@{self._model.weights_id}"

    def transcribe(
        self, pcm: Path, *, on_window: Callable[[int, int], None] | None = None, cancel: CancelToken | None = None
    ) -> list[SpeechSpan]:
        ref = ModelRef.of(_require(self._model, ModelRole.SPEECH))
        path = os.fsencode(pcm)
        deadline_s = DEADLINE_S + _detection_allowance_s(pcm)
        windows = self._child.ask(
            FindSpeech(path), Windows, ModelRole.SPEECH, cancel=cancel, deadline_s=deadline_s
        ).windows
        expected = list(self._languages)
        language: str | None = None
        spans: list[SpeechSpan] = []
        for done, window in enumerate(windows, 1):
            request = Transcribe(ref, path, window, language, expected)
            transcript = self._child.ask(request, Transcript, ModelRole.SPEECH, cancel=cancel)
            for note in transcript.notes:
                logger.info("speech: %s", note)
            language = transcript.language
            spans += transcript.spans
            if on_window is not None:
                on_window(done, len(windows))
        return spans

    def drop_idle(self) -> None:
        self._child.drop_idle()

    def close(self) -> None:
        self._child.close()


def _detection_allowance_s(pcm: Path) -> float:
    """More time for the voice-activity detector, which reads a recording in one go.

    A tenth of the recording's length: on a busy core it was measured at 27 times as fast as the sound.
    """
    try:
        return pcm.stat().st_size / (4 * SAMPLE_RATE_HZ) / 10
    except OSError:
        return 0.0  # the child tells what is wrong with the file


def _require(model: InstalledModel | None, role: ModelRole) -> InstalledModel:
    if model is None:
        raise ModelMissingError(f'no {role} model is installed; "findling models list" shows what can be fetched')
    return model


def _stack(parts: list[Matrix], dim: int) -> Matrix:
    return np.concatenate(parts) if parts else np.zeros((0, dim), np.float32)
