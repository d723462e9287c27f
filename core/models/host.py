"""The engine's side of the model children: ``EncoderHost`` and ``SpeechHost``.

Both resolve which models are in use when they are made and at ``reload``, and not in between: a vector that was
asked for after ``photo_space()`` is of that space. The engine calls ``reload`` between batches, when a model was
installed or chosen.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from core.cancel import CancelToken
from core.child import Child, ChildDied, Serve
from core.config import Settings
from core.errors import Cancelled, ChildError, ModelMissingError
from core.models.base import SAMPLE_RATE_HZ
from core.models.catalogue import Catalogue
from core.models.installed import InstalledModel, active_model
from core.models.messages import (
    Encode,
    FindSpeech,
    ModelRef,
    R,
    Request,
    Task,
    Transcribe,
    Transcript,
    Vectors,
    Windows,
    pack,
    unpack_reply,
)
from core.models.worker import serve_models
from core.types import EmbeddingSpace, Matrix, ModelRole, SpeechSpan

logger = logging.getLogger(__name__)

# Loading again costs 5 s of imports; the child holds about 1 GB. Two minutes let a person who searches, reads and
# searches again keep it, and give the memory back when they turn to something else.
IDLE_S = 120.0

# One batch takes about a second and a first load from a cold disk a minute; a child silent for longer hangs.
DEADLINE_S = 600.0

# How long a cancelled request may finish by itself, which keeps the loaded model, before its child is ended.
GRACE_S = 2.0

# Below the window (0), so that it stays smooth, and above the sandbox and the speech child (10), because queries
# are encoded in the same process as the indexer's batches and somebody waits for them.
ENCODER_NICENESS = 5
SPEECH_NICENESS = 10

# A waiting query waits for one of these, about half a second on two cores.
TEXTS_PER_REQUEST = 16
PICTURES_PER_REQUEST = 8


class _Gate:
    """A lock for which the indexer steps back as long as a query waits."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._busy = False
        self._queries_waiting = 0

    @contextlib.contextmanager
    def hold(self, *, query: bool, cancel: CancelToken | None = None) -> Iterator[None]:
        """Raises ``Cancelled`` while waiting."""
        with self._condition:
            self._queries_waiting += query
            try:
                while self._busy or (self._queries_waiting and not query):
                    if cancel is not None:
                        cancel.raise_if_cancelled()
                    self._condition.wait(0.1)
            finally:
                self._queries_waiting -= query
            self._busy = True
        try:
            yield
        finally:
            with self._condition:
                self._busy = False
                self._condition.notify_all()

    @contextlib.contextmanager
    def hold_if_free(self) -> Iterator[bool]:
        """Hold it only if nobody does or waits; says whether."""
        with self._condition:
            free = not self._busy and not self._queries_waiting
            if free:
                self._busy = True
        try:
            yield free
        finally:
            if free:
                with self._condition:
                    self._busy = False
                    self._condition.notify_all()


class _GraceToken(CancelToken):
    """Cancelled ``GRACE_S`` after the token it follows."""

    def __init__(self, followed: CancelToken) -> None:
        super().__init__()
        self._followed = followed
        self._since_s: float | None = None

    @property
    def cancelled(self) -> bool:
        if not self._followed.cancelled:
            return False
        now = time.monotonic()
        if self._since_s is None:
            self._since_s = now
        return now - self._since_s >= GRACE_S


class _ModelChild:
    """One model child with its gate, its one retry and its end when idle."""

    def __init__(self, name: str, serve: Serve, niceness: int, idle_s: float) -> None:
        self._child = Child(name, serve, niceness=niceness)
        self._gate = _Gate()
        self._idle_s = idle_s
        self._closed = False

    @property
    def pid(self) -> int | None:
        return self._child.pid

    def ask(
        self,
        request: Request,
        reply: type[R],
        *,
        query: bool = False,
        cancel: CancelToken | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> R:
        """Send one request and wait for its answer, starting a dead child once more.

        Raises what the child answers, ``ChildError`` when it dies twice or hangs, ``Cancelled``.
        """
        message = pack(request)
        with self._gate.hold(query=query, cancel=cancel):
            answer = self._call(message, cancel, deadline_s)
        if cancel is not None:
            cancel.raise_if_cancelled()
        return unpack_reply(answer, reply)

    def _call(self, message: bytes, cancel: CancelToken | None, deadline_s: float) -> bytes:
        grace = None if cancel is None else _GraceToken(cancel)
        for last in (False, True):
            if self._closed:
                raise Cancelled
            try:
                return self._child.call(message, deadline_s, grace)
            except ChildDied as error:
                if self._closed:
                    raise Cancelled from error
                if last:
                    raise ChildError(f"the model's process died twice on the same input ({error})") from error
                logger.warning("the model's process died (%s); it is started once more", error)
        raise AssertionError("unreachable")

    def drop_idle(self) -> None:
        with self._gate.hold_if_free() as free:
            if free and self._child.running and time.monotonic() - self._child.last_used_s >= self._idle_s:
                logger.debug("ending the idle child %s", self._child.name)
                self._child.close()

    def close(self) -> None:
        self._closed = True
        self._child.close()


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
        self._child = _ModelChild("encoder", serve, ENCODER_NICENESS, idle_s)
        self._models: dict[ModelRole, InstalledModel | None] = {}
        self.reload(settings)

    def reload(self, settings: Settings) -> bool:
        """Look again which models are installed and chosen; True when one in use is another now.

        Takes under a millisecond. A new model is loaded when it is first asked.
        """
        roles = (ModelRole.PHOTO, ModelRole.TEXT)
        models = {role: active_model(settings, role, self._catalogue) for role in roles}
        changed = models != self._models
        self._models = models
        return changed

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._child.pid

    def model(self, role: ModelRole) -> InstalledModel | None:
        """The model in use for a role with vectors, None when there is none."""
        return self._models[role]

    def photo_space(self) -> EmbeddingSpace | None:
        return self._space(ModelRole.PHOTO)

    def text_space(self) -> EmbeddingSpace | None:
        return self._space(ModelRole.TEXT)

    def encode_images(self, jpegs: Sequence[bytes], cancel: CancelToken | None = None) -> Matrix:
        model = self._model(ModelRole.PHOTO)
        ref = ModelRef.of(model)
        parts = [
            self._child.ask(
                Encode(ref, Task.PICTURES, pictures=list(jpegs[start : start + PICTURES_PER_REQUEST])),
                Vectors,
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
        ref = ModelRef.of(model)
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]  # lone surrogates have no UTF-8
        parts = [
            self._child.ask(
                Encode(ref, task, texts=clean[start : start + TEXTS_PER_REQUEST]), Vectors, query=query, cancel=cancel
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
        self._child = _ModelChild("speech", serve, SPEECH_NICENESS, idle_s)
        self._languages: tuple[str, ...] = ()
        self._model: InstalledModel | None = None
        self.reload(settings)

    def reload(self, settings: Settings) -> bool:
        """As ``EncoderHost.reload``; the languages to expect are taken over too."""
        model = active_model(settings, ModelRole.SPEECH, self._catalogue)
        changed = model != self._model
        self._model, self._languages = model, settings.languages
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
        windows = self._child.ask(FindSpeech(path), Windows, cancel=cancel, deadline_s=deadline_s).windows
        expected = list(self._languages)
        language: str | None = None
        spans: list[SpeechSpan] = []
        for done, window in enumerate(windows, 1):
            request = Transcribe(ref, path, window, language, expected)
            transcript = self._child.ask(request, Transcript, cancel=cancel)
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
