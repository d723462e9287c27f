"""What every transcriber does alike: windows in order, one language for a recording, spans moved to their place.

The libraries that hear (``core.models.speech``, ``core.models.fast_speech``) differ in how a window becomes segments
and in nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.cancel import CancelToken
from core.models.base import SAMPLE_RATE_HZ
from core.models.windows import Window
from core.types import SpeechSpan

Samples = NDArray[np.float32]

# What whisper's own command line uses: greedy first, then sampling where the text repeats itself or is improbable.
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
COMPRESSION_RATIO_LIMIT = 2.4  # text that gzip shrinks more than this repeats itself
LOG_PROBABILITY_LIMIT = -1.0  # mean per token; below it the decoding has failed
NO_SPEECH_LIMIT = 0.6  # probability of the no-speech token above which a failed decoding is silence


@dataclass(frozen=True)
class Heard:
    """One segment of a window, with times in seconds from the start of the window."""

    start_s: float
    end_s: float
    text: str
    compression_ratio: float
    temperature: float  # 0 for greedy decoding; above, the text was drawn by chance


class WindowTranscriber(ABC):
    """A ``Transcriber`` that reads one window of at most ``windows.WINDOW_S`` at a time.

    Text is not carried from one window to the next (``condition_on_previous_text=False``), which keeps one bad window
    from spoiling those after it.
    """

    def __init__(self, name: str, expected: Sequence[str] = ()) -> None:
        """``expected`` are the spoken languages to choose among; empty for all that the model knows."""
        self.name = name
        self._expected = tuple(expected)
        self._notes: list[str] = []

    @property
    @abstractmethod
    def languages(self) -> Sequence[str]:
        """ISO 639-1 codes of what the model can write down."""

    @abstractmethod
    def language_probabilities(self, samples: Samples) -> Mapping[str, float]:
        """How probable each language is in a window."""

    @abstractmethod
    def hear(self, samples: Samples, language: str) -> list[Heard]:
        """The segments of a window, failed decodings that look like silence left out."""

    def take_notes(self) -> list[str]:
        """What a person may want to know of how it hears, since this was last asked."""
        notes, self._notes = self._notes, []
        return notes

    def transcribe(
        self, samples: Samples, *, on_window: Callable[[int, int], None], cancel: CancelToken
    ) -> list[SpeechSpan]:
        from core.models.speech import find_speech

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
        languages = self.languages
        known = [code for code in expected if code in languages] if len(languages) > 1 else list(languages)
        if len(known) == 1:
            return known[0]
        probabilities = self.language_probabilities(np.array(samples[slice(*window)]))
        return max(known or probabilities, key=lambda code: probabilities.get(code, 0.0))

    def transcribe_window(self, samples: Samples, window: Window, language: str) -> list[SpeechSpan]:
        """Spans of one window, with times from the start of the recording; empty when nothing was said."""
        return spans_of(self.hear(np.array(samples[slice(*window)]), language), window)  # a copy: they may be mapped


def spans_of(heard: Iterable[Heard], window: Window) -> list[SpeechSpan]:
    """Segments of a window to spans of the recording.

    Text that still repeats itself at the last temperature is made up, not heard: it is dropped.
    """
    start, end = window
    offset_s, length_s = start / SAMPLE_RATE_HZ, (end - start) / SAMPLE_RATE_HZ
    spans = []
    for segment in heard:
        text = segment.text.strip()
        if not text or segment.compression_ratio > COMPRESSION_RATIO_LIMIT:
            continue
        # Whisper may place the last time in the silence that pads its 30 s.
        start_s, end_s = min(segment.start_s, length_s), min(segment.end_s, length_s)
        if end_s > start_s:
            spans.append(SpeechSpan(round(offset_s + start_s, 2), round(offset_s + end_s, 2), text))
    return spans
