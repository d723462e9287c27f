"""Speech to text with times, through silero-vad and openai-whisper."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from core.errors import UnreadableError
from core.models.failures import load_failure, one_line
from core.models.installed import InstalledModel
from core.models.transcription import (
    COMPRESSION_RATIO_LIMIT,
    LOG_PROBABILITY_LIMIT,
    NO_SPEECH_LIMIT,
    TEMPERATURES,
    Heard,
    Samples,
    WindowTranscriber,
)
from core.models.voice_activity import speech_regions
from core.models.windows import Window, merge_regions

if TYPE_CHECKING:
    from whisper.model import Whisper

logger = logging.getLogger(__name__)


class WhisperTranscriber(WindowTranscriber):
    """A ``Transcriber`` over one Whisper checkpoint in OpenAI's format: the reference.

    Source: Radford et al. 2022 (Whisper); windows by the Silero voice-activity detector, so that silence is neither
    decoded nor filled with invented text.
    """

    def __init__(
        self, model: InstalledModel, expected: Sequence[str] = (), *, temperatures: Sequence[float] = TEMPERATURES
    ) -> None:
        """Loads the model. Raises ``ModelError``."""
        super().__init__(model.name, expected)
        self._temperatures = tuple(temperatures)
        self._whisper = load_whisper(model.folder / model.manifest.weights)

    @property
    def languages(self) -> Sequence[str]:
        from whisper.tokenizer import LANGUAGES

        return list(LANGUAGES) if self._whisper.is_multilingual else ["en"]

    def language_probabilities(self, samples: Samples) -> Mapping[str, float]:
        import whisper

        mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(samples), n_mels=self._whisper.dims.n_mels)
        with torch.inference_mode():
            _, probabilities = whisper.detect_language(self._whisper, mel)
        return dict(probabilities)

    def hear(self, samples: Samples, language: str) -> list[Heard]:
        import whisper

        result = whisper.transcribe(
            self._whisper,
            samples,
            verbose=None,
            language=language,
            temperature=self._temperatures,
            compression_ratio_threshold=COMPRESSION_RATIO_LIMIT,
            logprob_threshold=LOG_PROBABILITY_LIMIT,
            no_speech_threshold=NO_SPEECH_LIMIT,
            condition_on_previous_text=False,
            fp16=False,
        )
        return [
            Heard(
                segment["start"],
                segment["end"],
                segment["text"],
                segment["compression_ratio"],
                segment["temperature"],
            )
            for segment in result["segments"]
        ]


def find_speech(samples: Samples) -> list[Window]:
    """Windows of a recording in which somebody speaks, by Silero's detector; empty for silence and music."""
    return merge_regions(speech_regions(samples), len(samples))


def map_samples(pcm: Path) -> Samples:
    """Raw little-endian float32 samples, mapped rather than read: an hour is 230 MB.

    Raises ``UnreadableError`` when the file is missing or not a whole number of samples.
    """
    try:
        size = pcm.stat().st_size
        if size == 0:
            return np.zeros(0, np.float32)
        # Copy-on-write, because torch refuses to promise anything about read-only memory.
        return np.memmap(pcm, dtype="<f4", mode="c")
    except (OSError, ValueError) as error:
        raise UnreadableError(f"the decoded sound cannot be read: {one_line(error)}", path=pcm) from error


def load_whisper(checkpoint: Path) -> Whisper:
    """A Whisper model in evaluation mode. Raises ``ModelError``.

    ``whisper.load_model`` unpickles with ``weights_only=True``, which builds tensors and plain containers only.
    """
    import whisper

    try:
        return whisper.load_model(str(checkpoint), device="cpu").eval()
    except Exception as error:
        raise load_failure("whisper", error, checkpoint) from error
