"""Speech to text with times, through silero-vad and openai-whisper."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from core.cancel import CancelToken
from core.errors import UnreadableError
from core.models.base import SAMPLE_RATE_HZ
from core.models.failures import load_failure, one_line
from core.models.installed import InstalledModel
from core.models.windows import WINDOW_S, Window, merge_regions
from core.types import SpeechSpan

if TYPE_CHECKING:
    from whisper.model import Whisper

logger = logging.getLogger(__name__)

Samples = NDArray[np.float32]

# What whisper's own command line uses: greedy first, then sampling where the text repeats itself or is improbable.
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
COMPRESSION_RATIO_LIMIT = 2.4  # text that gzip shrinks more than this repeats itself
LOG_PROBABILITY_LIMIT = -1.0  # mean per token; below it the decoding has failed
NO_SPEECH_LIMIT = 0.6  # probability of the no-speech token above which a failed decoding is silence


class WhisperTranscriber:
    """A ``Transcriber`` over one Whisper checkpoint in OpenAI's format.

    Source: Radford et al. 2022 (Whisper); windows by the Silero voice-activity detector, so that silence is neither
    decoded nor filled with invented text. Text is not carried from one window to the next
    (``condition_on_previous_text=False``), which keeps one bad window from spoiling those after it.
    """

    def __init__(self, model: InstalledModel, expected: Sequence[str] = ()) -> None:
        """Loads the model; ``expected`` are the spoken languages to choose among. Raises ``ModelError``."""
        self.name = model.name
        self._expected = tuple(expected)
        self._whisper = load_whisper(model.folder / model.manifest.weights)

    def transcribe(
        self, samples: Samples, *, on_window: Callable[[int, int], None], cancel: CancelToken
    ) -> list[SpeechSpan]:
        windows = find_speech(samples)
        language: str | None = None
        spans: list[SpeechSpan] = []
        for done, window in enumerate(windows, 1):
            cancel.raise_if_cancelled()
            if language is None:
                language = self.language_of(samples, window, self._expected)
            spans += self.transcribe_window(samples, window, language)
            on_window(done, len(windows))
        return spans

    def language_of(self, samples: Samples, window: Window, expected: Sequence[str]) -> str:
        """ISO 639-1 code of the language spoken in a window, the most probable among ``expected`` where given."""
        if not self._whisper.is_multilingual:
            return "en"
        import whisper
        from whisper.tokenizer import LANGUAGES

        known = [code for code in expected if code in LANGUAGES]
        if len(known) == 1:
            return known[0]
        audio = whisper.pad_or_trim(np.array(samples[slice(*window)]))
        mel = whisper.log_mel_spectrogram(audio, n_mels=self._whisper.dims.n_mels)
        with torch.inference_mode():
            _, probabilities = whisper.detect_language(self._whisper, mel)
        return max(known or probabilities, key=lambda code: probabilities.get(code, 0.0))

    def transcribe_window(self, samples: Samples, window: Window, language: str) -> list[SpeechSpan]:
        """Spans of one window, with times from the start of the recording; empty when nothing was said."""
        import whisper

        start, end = window
        offset_s, length_s = start / SAMPLE_RATE_HZ, (end - start) / SAMPLE_RATE_HZ
        result = whisper.transcribe(
            self._whisper,
            np.array(samples[start:end]),  # a copy in memory: the samples are mapped from a file
            verbose=None,
            language=language,
            temperature=TEMPERATURES,
            compression_ratio_threshold=COMPRESSION_RATIO_LIMIT,
            logprob_threshold=LOG_PROBABILITY_LIMIT,
            no_speech_threshold=NO_SPEECH_LIMIT,
            condition_on_previous_text=False,
            fp16=False,
        )
        spans = []
        for segment in result["segments"]:
            text = segment["text"].strip()
            # Whisper itself drops failed decodings that look like silence. Text that still repeats itself at the last
            # temperature is made up, not heard.
            if not text or segment["compression_ratio"] > COMPRESSION_RATIO_LIMIT:
                continue
            # Whisper may place the last time in the silence that pads its 30 s.
            span_start_s, span_end_s = min(segment["start"], length_s), min(segment["end"], length_s)
            if span_end_s > span_start_s:
                spans.append(SpeechSpan(round(offset_s + span_start_s, 2), round(offset_s + span_end_s, 2), text))
        return spans


def find_speech(samples: Samples) -> list[Window]:
    """Windows of a recording in which somebody speaks, by Silero's detector; empty for silence and music."""
    threads = torch.get_num_threads()
    from silero_vad import get_speech_timestamps, load_silero_vad

    try:
        detector = load_silero_vad()
        with torch.inference_mode():
            regions = get_speech_timestamps(
                torch.from_numpy(samples), detector, sampling_rate=SAMPLE_RATE_HZ, max_speech_duration_s=WINDOW_S - 1
            )
    finally:
        torch.set_num_threads(threads)  # importing silero-vad leaves torch with one
    return merge_regions(((region["start"], region["end"]) for region in regions), len(samples))


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
