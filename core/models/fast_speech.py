"""Speech to text through faster-whisper (CTranslate2), from a checkpoint that was converted on this computer.

Optional: ``findling[fast-speech]``. Nothing here reaches for the network: the model is a folder with its tokenizer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from core.errors import ModelError
from core.models.base import SAMPLE_RATE_HZ
from core.models.failures import one_line
from core.models.transcription import (
    COMPRESSION_RATIO_LIMIT,
    LOG_PROBABILITY_LIMIT,
    NO_SPEECH_LIMIT,
    TEMPERATURES,
    Heard,
    Samples,
    WindowTranscriber,
)
from core.models.whisper_conversion import Arithmetic, read_dimensions

HEARD_S = 30  # what Whisper always reads; a shorter window is padded


def has_fast_speech() -> bool:
    """Whether the optional libraries are installed, found without importing them."""
    return all(find_spec(name) is not None for name in ("faster_whisper", "ctranslate2"))


class FastTranscriber(WindowTranscriber):
    """A ``Transcriber`` over a checkpoint that ``whisper_conversion`` converted.

    It decodes as the reference does: greedily, with the same limits, the same temperatures where they are not kept,
    and one candidate for each. Where all temperatures fail, faster-whisper takes the most probable text that does not
    repeat itself, the reference the last.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        arithmetic: Arithmetic,
        expected: Sequence[str] = (),
        *,
        threads: int,
        temperatures: Sequence[float] = TEMPERATURES,
    ) -> None:
        """Loads the converted model. Raises ``ModelError``."""
        super().__init__(name, expected)
        self._temperatures = list(temperatures)
        try:
            from faster_whisper import WhisperModel

            dims = read_dimensions(folder)
            self._whisper = WhisperModel(
                str(folder), device="cpu", compute_type=arithmetic.value, cpu_threads=threads, local_files_only=True
            )
        except Exception as error:
            raise ModelError(f"the converted model cannot be loaded: {one_line(error)}", path=folder) from error
        # faster-whisper takes 448 for granted. A text ends after half as many tokens, as the reference's does.
        self._whisper.max_length = dims.n_text_ctx

    @property
    def languages(self) -> Sequence[str]:
        return list(self._whisper.supported_languages)

    def language_probabilities(self, samples: Samples) -> Mapping[str, float]:
        # Padded as sound, as the reference does: faster-whisper's own detection pads the spectrogram.
        padded = np.zeros(HEARD_S * SAMPLE_RATE_HZ, np.float32)
        padded[: len(samples)] = samples[: len(padded)]
        encoded = self._whisper.encode(self._whisper.feature_extractor(padded, padding=0))
        (probabilities,) = self._whisper.model.detect_language(encoded)
        return {token.strip("<|>"): probability for token, probability in probabilities}

    def hear(self, samples: Samples, language: str) -> list[Heard]:
        segments, _ = self._whisper.transcribe(
            samples,
            language=language,
            beam_size=1,
            best_of=1,
            temperature=self._temperatures,
            compression_ratio_threshold=COMPRESSION_RATIO_LIMIT,
            log_prob_threshold=LOG_PROBABILITY_LIMIT,
            no_speech_threshold=NO_SPEECH_LIMIT,
            condition_on_previous_text=False,
            vad_filter=False,
        )
        return [
            Heard(segment.start, segment.end, segment.text, segment.compression_ratio, segment.temperature or 0.0)
            for segment in segments
        ]
