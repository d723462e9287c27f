"""Spoken sentences of the demo world: a closed grammar, read aloud by espeak-ng.

The grammar is small enough to be written out whole, so a sentence is held out of
training by a hash of its text and a voice by its name: both splits stay the same
whatever is drawn, and whoever draws it.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from tests.demo.espeak import SpeechUnavailableError
from tests.demo.vocabulary import COLOURS, COUNTS, PLACES, THINGS, TIMES

SAMPLE_RATE = 16_000
"""Samples per second of everything that is synthesised here; what Whisper reads."""

_PROGRAM = "espeak-ng"
_PROGRAM_SAMPLE_RATE = 22_050
_WAV_HEADER_BYTES = 44  # written before the length is known, so the sizes inside it mean nothing

# Nouns that sound unlike one another, each of few tokens in Whisper's vocabulary.
_SPOKEN_NOUNS = (
    *("boat", "mountain", "rabbit", "elephant", "butterfly", "umbrella"),
    *("guitar", "balloon", "bicycle", "banana", "lighthouse", "train"),
)
_SPOKEN_COLOURS = ("red", "blue", "green", "yellow", "purple", "black", "white")

SUBJECTS = {
    **{word: noun.en for noun in THINGS if noun.en in _SPOKEN_NOUNS for word in (noun.en, noun.plural)},
    **{colour: colour for colour in _SPOKEN_COLOURS},
}
"""The words that tell what a sentence is about: things, each with its singular, and colours."""

_ACCENTS = ("en-gb", "en-us", "en-gb-x-rp", "en-gb-x-gbcwmd", "en-gb-scotland", "en-029", "en-us-nyc", "en-gb-x-gbclan")
_VARIANTS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5")
_HELD_OUT_ACCENTS = frozenset({"en-gb-x-gbclan"})
_HELD_OUT_VARIANTS = frozenset({"m5", "f4"})
_SPEEDS_WPM = (130, 210)
_PITCHES = (30, 70)

# A frame belongs to the speech when it is within 40 dB of the loudest one.
_FRAME = SAMPLE_RATE // 100
_SPEECH_RATIO = 0.01
_MARGIN_S = 0.05


@dataclass(frozen=True)
class Voice:
    """One setting of espeak-ng: an accent, a variant of the voice, words a minute and pitch (0-99)."""

    accent: str
    variant: str
    speed_wpm: int = 170
    pitch: int = 50

    @property
    def name(self) -> str:
        """What espeak-ng calls it."""
        return f"{self.accent}+{self.variant}"

    @property
    def held_out(self) -> bool:
        """Whether no training utterance has this accent or this variant."""
        return self.accent in _HELD_OUT_ACCENTS or self.variant in _HELD_OUT_VARIANTS


@dataclass(frozen=True)
class Utterance:
    """A spoken sentence.

    `samples` are float32, mono, 16 kHz, in [-1, 1]; `start_s` and `end_s` are where the
    speech itself begins and ends in them, 0.05 s inside the array's edges. `cut_s` is how
    much of the synthesiser's output lay before the array's beginning (negative: after it).
    """

    text: str
    voice: Voice
    samples: NDArray[np.float32]
    start_s: float
    end_s: float
    cut_s: float


def available() -> bool:
    """Whether the espeak-ng program is installed."""
    return shutil.which(_PROGRAM) is not None


def words(text: str) -> list[str]:
    """The words of a sentence as word error rates count them: lower case, no punctuation."""
    return re.findall(r"[a-z]+", text.lower())


@functools.cache
def all_sentences() -> tuple[str, ...]:
    """Every sentence of the grammar, in a fixed order."""
    return tuple(f"{line[0].upper()}{line[1:]}." for line in _lines())


def training_sentences() -> list[str]:
    """The sentences that training may draw from."""
    return [text for text in all_sentences() if not _held_out(text)]


def held_out_sentences() -> list[str]:
    """The tenth of the sentences that training never hears."""
    return [text for text in all_sentences() if _held_out(text)]


@functools.cache
def vocabulary() -> tuple[str, ...]:
    """Every word of the grammar, sorted."""
    return tuple(sorted(set(itertools.chain.from_iterable(words(text) for text in all_sentences()))))


def draw_voice(rng: np.random.Generator, *, held_out: bool) -> Voice:
    """A random voice at a random speed and pitch, from the training voices or from those held out."""
    while True:
        voice = Voice(
            accent=str(rng.choice(_ACCENTS)),
            variant=str(rng.choice(_VARIANTS)),
            speed_wpm=int(rng.integers(*_SPEEDS_WPM, endpoint=True)),
            pitch=int(rng.integers(*_PITCHES, endpoint=True)),
        )
        if voice.held_out == held_out:
            return voice


def synthesise(text: str, voice: Voice) -> Utterance:
    """Speak `text`: the same samples every time.

    Raises SpeechUnavailableError where espeak-ng is missing or fails.
    """
    # A process for each sentence, because the library's output depends on what it has said before.
    command = [_PROGRAM, "-v", voice.name, "-s", str(voice.speed_wpm), "-p", str(voice.pitch), "--stdout", text]
    try:
        output = subprocess.run(command, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise SpeechUnavailableError(f"espeak-ng could not speak: {error}") from error
    return trim(text, voice, np.frombuffer(output[_WAV_HEADER_BYTES:], dtype="<i2"))


def trim(text: str, voice: Voice, pcm: NDArray[np.int16]) -> Utterance:
    """An utterance of the synthesiser's own samples (22,050 a second), less the silence around it."""
    samples = _resample(pcm)
    start, end = _speech_bounds(samples)
    margin = round(_MARGIN_S * SAMPLE_RATE)
    return Utterance(
        text,
        voice,
        samples=np.pad(samples[start:end], margin),
        start_s=margin / SAMPLE_RATE,
        end_s=(margin + end - start) / SAMPLE_RATE,
        cut_s=(start - margin) / SAMPLE_RATE,
    )


def _lines() -> Iterator[str]:
    nouns = [(noun.en, noun.plural) for noun in THINGS if noun.en in _SPOKEN_NOUNS]
    colours = ["", *(f"{word.en} " for word in COLOURS if word.en in _SPOKEN_COLOURS)]
    several = [word.en for word in COUNTS if word.en != "one"]
    times = ["", *(f" {word.en}" for word in TIMES)]
    for (one, many), colour, place, time in itertools.product(nouns, colours, PLACES, times):
        where = f"{place.en}{time}"
        for opening in ("look at", "remember", "we saw", "we found"):
            yield f"{opening} the {colour}{one} {where}"
        yield f"the {colour}{one} is {where}"
        if colour:  # without one, "a" would have to become "an" before a vowel
            yield f"there is a {colour}{one} {where}"
        for count, verb in itertools.product(several, ("we saw", "we found", "there are")):
            yield f"{verb} {count} {colour}{many} {where}"


def _held_out(text: str) -> bool:
    return hashlib.blake2b(text.encode(), digest_size=1).digest()[0] % 10 == 0


def _resample(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm[np.newaxis]), format="s16", layout="mono")
    frame.sample_rate = _PROGRAM_SAMPLE_RATE
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray()[0] for part in parts]).astype(np.float32)


def _speech_bounds(samples: NDArray[np.float32]) -> tuple[int, int]:
    """First and last sample (exclusive) of the speech, to a hundredth of a second."""
    whole = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    loudness = np.sqrt(np.square(whole).mean(axis=1))
    loud = np.flatnonzero(loudness > _SPEECH_RATIO * loudness.max())
    return int(loud[0]) * _FRAME, (int(loud[-1]) + 1) * _FRAME
