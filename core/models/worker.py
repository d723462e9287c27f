"""What the model children run: load the model that a request names, answer, keep it for the next request.

Nothing heavy is imported before ``serve_models`` has put the process offline and quiet: the hub's client reads its
switches at import.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from core.models.base import ImageEncoder, TextEncoder
from core.models.catalogue import Form
from core.models.installed import InstalledModel, check_unchanged
from core.models.messages import (
    CompileAhead,
    Compiled,
    Encode,
    Failed,
    FindSpeech,
    Inspect,
    Inspected,
    Judge,
    Judged,
    ModelRef,
    Reply,
    Request,
    Survey,
    Surveyed,
    Task,
    Transcribe,
    Transcript,
    Tried,
    Try,
    Vectors,
    Windows,
    pack,
    unpack_request,
)
from core.models.runtime import block_telemetry
from core.models.threads import use_allotted_threads

if TYPE_CHECKING:
    from core.models.transcription import WindowTranscriber
    from core.models.trials import Trials

M = TypeVar("M")

OFFLINE_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",  # its threads would compete with torch's
}


def serve_models(connection: Connection) -> None:
    """Answer requests until the pipe closes (``EOFError``)."""
    os.environ.update(OFFLINE_ENVIRONMENT)
    block_telemetry()
    keep_quiet()
    worker = ModelWorker()
    while True:
        data = connection.recv_bytes()
        try:
            reply = worker.answer(unpack_request(data))
        except Exception as error:  # noqa: BLE001 - the boundary: whatever it is crosses the pipe as a typed reply
            reply = Failed.of(error)
        connection.send_bytes(pack(reply))


def keep_quiet() -> None:
    """Send what libraries log and warn nowhere: this process shares the terminal with the command line."""
    logging.getLogger().addHandler(logging.NullHandler())
    logging.disable(logging.CRITICAL)  # also those that bring a handler of their own, as torch does
    warnings.simplefilter("ignore")


class _Kept(Generic[M]):
    """The models of a role that are loaded: two at most, so that queries for the one that search is still in and the
    indexer's batches for the next one do not load them in turns. Its process ends when one is idle for long.
    """

    MOST = 2

    def __init__(self, load: Callable[[InstalledModel, Path | None], M]) -> None:
        self._load = load
        self._models: dict[ModelRef, M] = {}  # the one that was asked last comes last

    def get(self, ref: ModelRef) -> M:
        """Raises ``ModelError``."""
        model = self._models.pop(ref, None)
        if model is None:
            # Gone before the new one takes its memory: what is the same model prepared anew, or was asked longest ago.
            for known in [one for one in self._models if one.folder == ref.folder]:
                del self._models[known]
            while len(self._models) >= self.MOST:
                del self._models[next(iter(self._models))]
            model = self._load(ref.resolve(), ref.prepared_folder)
        self._models[ref] = model
        return model


class ModelWorker:
    """Holds the loaded models."""

    def __init__(self) -> None:
        self._photo: _Kept[ImageEncoder] = _Kept(_load_photo_encoder)
        self._text: _Kept[TextEncoder] = _Kept(_load_text_encoder)
        self._speech: tuple[ModelRef, WindowTranscriber] | None = None
        self._trials: tuple[tuple[ModelRef, bytes], Trials] | None = None

    def answer(self, request: Request) -> Reply:
        """Raises ``ModelError`` when the model cannot be loaded; anything else from a library passes through."""
        match request:
            case Encode():
                return self._encode(request)
            case FindSpeech():
                from core.models.speech import find_speech, map_samples

                use_allotted_threads()
                return Windows(find_speech(map_samples(_path(request.pcm))))
            case Transcribe():
                return self._transcribe(request)
            case Inspect():
                return self._inspect(request.model)
            case Survey():
                trials = self._trials_of(request)
                return Surveyed(trials.backends(), trials.tokeniser, trials.pictures)
            case Try():
                return Tried(self._trials_of(request).rate(request.tower, request.backend, request.seconds))
            case Judge():
                return Judged(self._trials_of(request).fidelity(request.tower, request.backend))
            case CompileAhead():
                self._trials_of(request).compile_ahead(request.tower, request.backend)
                return Compiled()

    def _encode(self, request: Encode) -> Vectors:
        match request.task:
            case Task.PICTURES:
                return Vectors.of(self._photo.get(request.model).encode_images(request.pictures))
            case Task.PHOTO_TEXTS:
                return Vectors.of(self._photo.get(request.model).encode_texts(request.texts))
            case Task.PASSAGES:
                return Vectors.of(self._text.get(request.model).encode_passages(request.texts))
            case Task.QUERIES:
                return Vectors.of(self._text.get(request.model).encode_queries(request.texts))

    def _transcribe(self, request: Transcribe) -> Transcript:
        from core.models.speech import map_samples

        transcriber = self._transcriber(request.model)
        samples = map_samples(_path(request.pcm))
        language = request.language or transcriber.language_of(samples, request.window, request.expected)
        spans = transcriber.transcribe_window(samples, request.window, language)
        return Transcript(spans, language, transcriber.take_notes())

    def _inspect(self, ref: ModelRef) -> Inspected:
        """What a model that is about to be installed turns out to be."""
        model = ref.resolve()
        use_allotted_threads()
        match model.manifest.form:
            case Form.OPEN_CLIP:
                from core.models.clip import measure_dim as measure_photo_dim

                return Inspected(measure_photo_dim(model))
            case Form.SENTENCE_TRANSFORMERS:
                from core.models.text import measure_dim as measure_text_dim

                return Inspected(measure_text_dim(model))
            case Form.WHISPER:
                from core.models.speech import load_whisper

                load_whisper(model.folder / model.manifest.weights)
                return Inspected(None)

    def _trials_of(self, request: Survey | Try | Judge | CompileAhead) -> Trials:
        key = (request.model, request.work)
        if self._trials is None or self._trials[0] != key:
            from core.models.trials import Trials

            self._trials = None
            self._trials = (key, Trials(_ready(request.model), _path(request.work)))
        return self._trials[1]

    def _transcriber(self, ref: ModelRef) -> WindowTranscriber:
        if self._speech is None or self._speech[0] != ref:
            from core.models.speech_forms import open_transcriber

            self._speech = None  # the old one is gone before the new one takes its memory
            self._speech = (ref, open_transcriber(_ready(ref)))
        return self._speech[1]


def _load_photo_encoder(model: InstalledModel, prepared: Path | None) -> ImageEncoder:
    from core.models.encoders import image_encoder

    return image_encoder(model, prepared)


def _load_text_encoder(model: InstalledModel, prepared: Path | None) -> TextEncoder:
    from core.models.encoders import text_encoder

    return text_encoder(model, prepared)


def _ready(ref: ModelRef) -> InstalledModel:
    """The model with its files checked and torch set up. Raises ``ModelError``."""
    model = ref.resolve()
    check_unchanged(model)
    use_allotted_threads()
    return model


def _path(encoded: bytes) -> Path:
    return Path(os.fsdecode(encoded))
