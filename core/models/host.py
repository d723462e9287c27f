"""The engine's side of the model children: ``EncoderHost`` and ``SpeechHost``.

Both resolve which models are in use when they are made and at ``reload``, and not in between: a vector that was
asked for after ``photo_space()`` is of that space. The engine calls ``reload`` between batches, when a model was
installed or chosen. Other models that are installed encode too where their space is named: queries are answered in the
space of the model before until the one in use has filled its own.
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
from core.models.installed import InstalledModel, active_among, active_model, installed_models
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

_ENCODING = (ModelRole.PHOTO, ModelRole.TEXT)


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
        self._refs: dict[EmbeddingSpace, ModelRef] = {}
        self.reload(settings)

    def reload(self, settings: Settings) -> bool:
        """Look again which models are installed and chosen; True when one in use is another now.

        Takes under a millisecond. A new model is loaded when it is first asked.
        """
        installed = [model for model in installed_models(settings, self._catalogue) if model.role in _ENCODING]
        models = {role: active_among(installed, settings, role) for role in _ENCODING}
        changed = models != self._models
        # With what was prepared for them in the meantime: the child takes that over, and the space stays the same.
        self._refs = {
            model.space: ModelRef.of(model, prepared_folder(settings, model))
            for model in installed
            if models[model.role] is not None  # a demo model that was not chosen is none
        }
        self._models = models
        self._child.use_threads(cpu.threads(settings.cpu_share))
        return changed

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._child.pid

    def refs(self, role: ModelRole) -> list[ModelRef]:
        """The models of a role that are installed, the one in use first, each with what was prepared for it.

        Empty where none is in use.
        """
        active = self._models[role]
        if active is None:
            return []
        refs = self._refs
        others = [ref for space, ref in refs.items() if ref.manifest.role is role and space != active.space]
        return [refs[active.space], *others]

    def photo_space(self) -> EmbeddingSpace | None:
        return self._space(ModelRole.PHOTO)

    def text_space(self) -> EmbeddingSpace | None:
        return self._space(ModelRole.TEXT)

    def serves(self, space: EmbeddingSpace) -> bool:
        return space in self._refs

    def encode_images(
        self, jpegs: Sequence[bytes], cancel: CancelToken | None = None, space: EmbeddingSpace | None = None
    ) -> Matrix:
        space, ref = self._of(ModelRole.PHOTO, space)
        parts = [
            self._child.ask(
                Encode(ref, Task.PICTURES, pictures=list(jpegs[start : start + PICTURES_PER_REQUEST])),
                Vectors,
                ref.weights_id,
                cancel=cancel,
            ).matrix()
            for start in range(0, len(jpegs), PICTURES_PER_REQUEST)
        ]
        return _stack(parts, space.dim)

    def encode_photo_texts(self, texts: Sequence[str], space: EmbeddingSpace | None = None) -> Matrix:
        return self._encode_texts(self._of(ModelRole.PHOTO, space), Task.PHOTO_TEXTS, texts, query=True)

    def encode_passages(
        self, texts: Sequence[str], cancel: CancelToken | None = None, space: EmbeddingSpace | None = None
    ) -> Matrix:
        model = self._of(ModelRole.TEXT, space)
        # Sorted by length over all of them, because a batch costs as much as its longest text.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors = self._encode_texts(model, Task.PASSAGES, [texts[index] for index in order], cancel=cancel)
        matrix = np.empty_like(vectors)
        matrix[order] = vectors
        return matrix

    def encode_queries(self, texts: Sequence[str], space: EmbeddingSpace | None = None) -> Matrix:
        return self._encode_texts(self._of(ModelRole.TEXT, space), Task.QUERIES, texts, query=True)

    def drop_idle(self) -> None:
        self._child.drop_idle()

    def close(self) -> None:
        self._child.close()

    def _encode_texts(
        self,
        model: tuple[EmbeddingSpace, ModelRef],
        task: Task,
        texts: Sequence[str],
        *,
        query: bool = False,
        cancel: CancelToken | None = None,
    ) -> Matrix:
        space, ref = model
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]  # lone surrogates have no UTF-8
        parts = [
            self._child.ask(
                Encode(ref, task, texts=clean[start : start + TEXTS_PER_REQUEST]),
                Vectors,
                ref.weights_id,
                query=query,
                cancel=cancel,
            ).matrix()
            for start in range(0, len(clean), TEXTS_PER_REQUEST)
        ]
        return _stack(parts, space.dim)

    def _space(self, role: ModelRole) -> EmbeddingSpace | None:
        model = self._models[role]
        return None if model is None else model.space

    def _of(self, role: ModelRole, space: EmbeddingSpace | None) -> tuple[EmbeddingSpace, ModelRef]:
        """The model of a space; None names the one in use. Raises ``ModelMissingError``."""
        if space is None:
            space = _require(self._models[role], role).space
        ref = self._refs.get(space)
        if ref is None:
            raise ModelMissingError(f'"{space.model}" is not installed any more')
        return space, ref


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
        return None if self._model is None else self._model.name_and_weights

    def transcribe(
        self, pcm: Path, *, on_window: Callable[[int, int], None] | None = None, cancel: CancelToken | None = None
    ) -> list[SpeechSpan]:
        ref = ModelRef.of(_require(self._model, ModelRole.SPEECH))
        path = os.fsencode(pcm)
        deadline_s = DEADLINE_S + _detection_allowance_s(pcm)
        windows = self._child.ask(
            FindSpeech(path), Windows, ref.weights_id, cancel=cancel, deadline_s=deadline_s
        ).windows
        expected = list(self._languages)
        language: str | None = None
        spans: list[SpeechSpan] = []
        for done, window in enumerate(windows, 1):
            request = Transcribe(ref, path, window, language, expected)
            transcript = self._child.ask(request, Transcript, ref.weights_id, cancel=cancel)
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
