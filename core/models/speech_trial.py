"""Whether a converted speech model may stand for the reference: the same words, and sooner. Pure.

The two are compared on the user's own recordings, window by window, and not with a sample that is shipped: how much
rounding costs depends on the language, the voices and the noise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from core.models.transcription import COMPRESSION_RATIO_LIMIT, Heard
from core.models.whisper_conversion import Arithmetic

# Two to three minutes of speech: rounding that spoils one word in fifty shows by then, and it is soon over.
WORDS_TO_JUDGE = 200
WORD_ERROR_LIMIT = 0.02  # of the reference's words: about what two runs of sampling differ by
GAIN_WANTED = 1.1  # times the reference's pace; below, a second form of the model is not worth its place on the disk
DEATHS_LIMIT = 3  # processes that ended between loading a form and its first window

# As whisper.tokenizer: languages that put no spaces between words. There every letter counts as a word.
UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})

_WORD = re.compile(r"\w+")
_LETTER = re.compile(r"\w")


class Verdict(StrEnum):
    ON_TRIAL = "on trial"
    KEPT = "kept"
    REFUSED = "refused"


@dataclass(frozen=True)
class SpeechTrial:
    """How one form did so far, on windows that both heard greedily."""

    arithmetic: Arithmetic
    words: int = 0  # of the reference
    errors: int = 0  # words substituted, left out or put in
    reference_s: float = 0.0
    converted_s: float = 0.0
    begun: int = 0  # times that it was loaded since it last answered
    failure: str = ""  # why it cannot be used at all

    @property
    def word_error_rate(self) -> float:
        return self.errors / max(1, self.words)

    @property
    def gain(self) -> float:
        """Times the reference's pace."""
        return self.reference_s / self.converted_s if self.converted_s else 0.0

    @property
    def verdict(self) -> Verdict:
        """Refused as soon as it cannot pass any more; kept once enough was heard."""
        if self.failure or self.begun >= DEATHS_LIMIT:
            return Verdict.REFUSED
        if self.errors > WORD_ERROR_LIMIT * max(self.words, WORDS_TO_JUDGE):
            return Verdict.REFUSED
        if self.words < WORDS_TO_JUDGE or not self.converted_s:
            return Verdict.ON_TRIAL
        return Verdict.KEPT if self.gain >= GAIN_WANTED else Verdict.REFUSED

    def heard(
        self, reference: Sequence[Heard], converted: Sequence[Heard], language: str, times_s: tuple[float, float]
    ) -> SpeechTrial:
        """The trial after one more window, which took the reference and the converted form ``times_s``.

        A window in which the reference did not keep its greedy decoding says nothing: it drew its words by chance.
        Zeros for ``times_s`` leave the pace as it was.
        """
        if any(segment.temperature > 0 for segment in reference):
            return self
        wanted = words_of(reference, language)
        return replace(
            self,
            words=self.words + len(wanted),
            errors=self.errors + word_errors(wanted, words_of(converted, language)),
            reference_s=self.reference_s + times_s[0],
            converted_s=self.converted_s + times_s[1],
        )

    def summary(self) -> str:
        """One line for a person."""
        if self.failure:
            return f"{self.arithmetic}: {self.failure}"
        if self.begun >= DEATHS_LIMIT:
            return f"{self.arithmetic}: its process died {self.begun} times"
        told = f"{self.errors} of {self.words} words differ, {self.gain:.1f} times as fast"
        return f"{self.arithmetic}, {self.verdict}: {told}"


def words_of(heard: Iterable[Heard], language: str) -> list[str]:
    """Words in lower case without punctuation, or letters where a language puts no spaces between words."""
    text = " ".join(segment.text for segment in heard if segment.compression_ratio <= COMPRESSION_RATIO_LIMIT)
    return (_LETTER if language in UNSPACED else _WORD).findall(text.lower())


def word_errors(wanted: Sequence[str], found: Sequence[str]) -> int:
    """Fewest substitutions, insertions and deletions that make one of the other (Levenshtein)."""
    costs = np.arange(len(found) + 1)
    for place, word in enumerate(wanted, 1):
        kept = costs[:-1] + np.array([word != other for other in found], dtype=np.int64)
        best = np.concatenate([[place], np.minimum(kept, costs[1:] + 1)])
        # An insertion may follow another: the least of all cheaper beginnings, each one further away by one.
        steps = np.arange(len(best))
        costs = np.minimum.accumulate(best - steps) + steps
    return int(costs[-1])
