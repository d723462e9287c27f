"""Training examples for the demo's Whisper: log-mel frames, tokens, and what is said in each frame.

Utterances are spoken once and kept as mel frames; everything that varies from step to
step (pauses, tempo, vocal tract, noise, tone, masks) is applied to the frames.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import whisper
from numpy.typing import NDArray
from whisper.tokenizer import Tokenizer, get_tokenizer

from tests.demo import espeak, speech

logger = logging.getLogger(__name__)

N_MELS = 80
FRAMES_PER_S = 100
STAMP_S = 0.02  # what a timestamp token counts in
DYNAMIC_RANGE = 8.0  # log10 units below the loudest bin at which log_mel_spectrogram cuts off
_FRAMES_PER_STAMP = round(STAMP_S * FRAMES_PER_S)

Mel = NDArray[np.float32]


def tokenizer() -> Tokenizer:
    """The tokenizer of the multilingual models, set to English transcription."""
    return get_tokenizer(True, num_languages=99, language="en", task="transcribe")


@dataclass(frozen=True)
class Spoken:
    """One utterance: `mel` is float16, (frames, 80), log10 power; bounds in frames.

    `said` is uint8, (frames, 2): the phoneme and the word of each frame, 0 for silence.
    """

    text: str
    mel: NDArray[np.float16]
    said: NDArray[np.uint8]
    start: float
    end: float


@dataclass(frozen=True)
class Example:
    """One window before it is padded to 30 s.

    `mel` is float32, (frames, 80), normalised as Whisper does, and `padding` is the value
    of all the frames that fill it up to 30 s. `tokens` is the whole sequence from
    `<|startoftranscript|>` to `<|endoftext|>`. `said` as in `Spoken`.
    """

    mel: Mel
    padding: float
    tokens: list[int]
    said: NDArray[np.uint8]


class Corpus:
    """Utterances spoken by training voices, and the examples that are made from them."""

    def __init__(self, spoken: Sequence[Spoken]) -> None:
        self._spoken = spoken
        self._tokenizer = tokenizer()
        said = np.concatenate([one.said for one in spoken])
        self.n_phonemes, self.n_words = (int(count) + 1 for count in said.max(axis=0))
        self._noise = _white_noise_profile()

    @classmethod
    def load(cls, cache: Path, count: int, seed: int) -> Corpus:
        """Read `count` utterances from `cache`, speaking them first where they are not there yet."""
        path = cache / f"utterances-{count}-{seed}.npz"
        if not path.exists():
            _save(path, _speak(count, seed))
        return cls(_load(path))

    def text_tokens(self) -> list[int]:
        """Ids of all tokens below the timestamps that can occur in an example, sorted."""
        special = [*self._tokenizer.sot_sequence, self._tokenizer.eot, self._tokenizer.no_speech]
        used = {token for text in speech.all_sentences() for token in self._encode(text)}
        return sorted(used.union(special))

    def draw(self, rng: np.random.Generator) -> Example:
        """A window of one sentence, sometimes of two, rarely of none."""
        count = rng.choice(3, p=(0.02, 0.86, 0.12))
        lead = rng.uniform(0, 0.5) if rng.random() < 0.8 else rng.uniform(0.5, 0.9)
        chosen = [self._spoken[i] for i in rng.integers(len(self._spoken), size=count)]
        parts = [_silence(lead)]
        tokens = list(self._tokenizer.sot_sequence)
        position = len(parts[0][0])
        for spoken in chosen:
            mel, said, stretch = _warp(spoken, rng)
            stamps = [round((position + bound * stretch) / _FRAMES_PER_STAMP) for bound in (spoken.start, spoken.end)]
            begin, end = (self._tokenizer.timestamp_begin + stamp for stamp in stamps)
            tokens += [begin, *self._encode(spoken.text), end]
            pause = _silence(rng.uniform(0.3, 2.4))
            parts += [(mel + rng.uniform(-0.4, 0.2), said), pause]
            position += len(mel) + len(pause[0])
        if chosen:
            parts[-1] = _silence(rng.uniform(0, 0.5))
            tokens.append(self._tokenizer.eot)
        else:
            parts.append(_silence(rng.uniform(0.5, 2)))
            tokens = [self._tokenizer.sot, self._tokenizer.no_speech]
        mel, said = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        normalised, floor = _normalise(_colour(mel, self._noise, rng, noisy=not chosen))
        # whisper.transcribe pads the normalised frames with zeros, whisper.pad_or_trim the samples before them.
        padding = 0.0 if rng.random() < 0.75 else floor
        return Example(_mask(normalised, floor, rng), padding, tokens, said)

    def _encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(f" {text}")


def _speak(count: int, seed: int) -> list[Spoken]:
    rng = np.random.default_rng(seed)
    texts = rng.choice(speech.training_sentences(), size=count)
    logger.info("speaking %d utterances", count)
    spoken = []
    phonemes: dict[str, int] = {}
    for text in map(str, texts):
        voice = speech.draw_voice(rng, held_out=False)
        sound = espeak.speak(text, voice.name, speed_wpm=voice.speed_wpm, pitch=voice.pitch)
        utterance = speech.trim(text, voice, sound.pcm)
        # log_mel_spectrogram's scaling is undone: windows have a loudest bin of their own.
        mel = whisper.log_mel_spectrogram(utterance.samples).numpy().T * 4 - 4
        start, end = (bound * FRAMES_PER_S for bound in (utterance.start_s, utterance.end_s))
        said = _label(len(mel), utterance, sound.marks, phonemes)
        spoken.append(Spoken(text, mel.astype(np.float16), said, start, end))
    return spoken


def _label(
    frames: int, utterance: speech.Utterance, marks: Sequence[espeak.Mark], phonemes: dict[str, int]
) -> NDArray[np.uint8]:
    """What is said in each frame; new phonemes are added to `phonemes`.

    espeak-ng reads "on the" as one word, which counts as its first.
    """
    words = {word: index for index, word in enumerate(speech.vocabulary(), start=1)}
    said = np.zeros((frames, 2), dtype=np.uint8)
    for mark in marks:
        frame = max(0, round((mark.start_s - utterance.cut_s) * FRAMES_PER_S))
        if mark.word_at is not None:
            said[frame:, 1] = words[speech.words(utterance.text[mark.word_at :])[0]]
        elif mark.phoneme is not None:
            unit = re.sub(r"[^\w@]|_", "", mark.phoneme)
            said[frame:, 0] = phonemes.setdefault(unit, len(phonemes) + 1) if unit else 0
    said[round(utterance.end_s * FRAMES_PER_S) :] = 0
    return said


def _save(path: Path, spoken: Sequence[Spoken]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"partial-{path.name}")
    np.savez(
        partial,
        text=[one.text for one in spoken],
        mel=np.concatenate([one.mel for one in spoken]),
        said=np.concatenate([one.said for one in spoken]),
        frames=[len(one.mel) for one in spoken],
        bounds=[(one.start, one.end) for one in spoken],
    )
    partial.replace(path)


def _load(path: Path) -> list[Spoken]:
    with np.load(path, allow_pickle=False) as stored:
        ends = np.cumsum(stored["frames"])[:-1]
        mels, said = (np.split(stored[name], ends) for name in ("mel", "said"))
        texts, bounds = stored["text"].tolist(), stored["bounds"].tolist()
    return [Spoken(text, *arrays, *bound) for text, *arrays, bound in zip(texts, mels, said, bounds, strict=True)]


def _white_noise_profile() -> Mel:
    """Log10 power of white noise in each mel band, the loudest one at 0; shape (80,)."""
    filters = whisper.audio.mel_filters("cpu", N_MELS).numpy()
    profile = np.log10(filters.sum(axis=1))
    return profile - profile.max()


def _silence(seconds: float) -> tuple[Mel, NDArray[np.uint8]]:
    frames = round(seconds * FRAMES_PER_S)
    return np.full((frames, N_MELS), -10, dtype=np.float32), np.zeros((frames, 2), dtype=np.uint8)


def _warp(spoken: Spoken, rng: np.random.Generator) -> tuple[Mel, NDArray[np.uint8], float]:
    """Stretch in time (tempo) and frequency (length of the vocal tract); returns also the stretch in time."""
    stretch, tract = rng.uniform(0.88, 1.14), rng.uniform(0.93, 1.07)
    at = np.linspace(0, len(spoken.mel) - 1, max(1, round(len(spoken.mel) * stretch)))
    mel = _interpolate(spoken.mel.astype(np.float32), at)
    bands = np.clip(np.arange(N_MELS) * tract, 0, N_MELS - 1)
    mel = np.ascontiguousarray(_interpolate(mel.T, bands).T)
    return mel, spoken.said[np.round(at).astype(np.intp)], stretch


def _interpolate(rows: Mel, at: NDArray[np.float64]) -> Mel:
    low = at.astype(np.intp)
    high = np.minimum(low + 1, len(rows) - 1)
    weight = (at - low).astype(np.float32)[:, np.newaxis]
    return rows[low] * (1 - weight) + rows[high] * weight


def _colour(mel: Mel, noise_profile: Mel, rng: np.random.Generator, *, noisy: bool) -> Mel:
    """Tilt the tone as another microphone would, and add a bed of noise 25 to 75 dB under the speech."""
    if rng.random() < 0.4:
        mel = mel + np.linspace(*rng.uniform(-0.5, 0.5, size=2), N_MELS, dtype=np.float32)
    if noisy or rng.random() < 0.5:
        level = max(float(mel.max()), -1.0) - rng.uniform(2.5, 7.5)
        tilt = np.linspace(*rng.uniform(-0.7, 0.3, size=2), N_MELS, dtype=np.float32)
        power = rng.standard_gamma(3, size=mel.shape).astype(np.float32) / 3
        noise = np.power(10, level + noise_profile + tilt) * power
        mel = np.log10(np.power(10, mel) + noise)
    return mel


def _normalise(mel: Mel) -> tuple[Mel, float]:
    """The scaling of log_mel_spectrogram, and what zeros become under it."""
    floor = mel.max() - DYNAMIC_RANGE
    return (np.maximum(mel, floor) + 4) / 4, float((floor + 4) / 4)


def _mask(mel: Mel, floor: float, rng: np.random.Generator) -> Mel:
    """Hide a band and a moment (SpecAugment, Park et al. 2019)."""
    if rng.random() < 0.5:
        width = rng.integers(1, 9)
        start = rng.integers(N_MELS - width)
        mel[:, start : start + width] = floor
    if rng.random() < 0.3:
        width = rng.integers(1, 9)
        start = rng.integers(max(1, len(mel) - width))
        mel[start : start + width] = floor
    return mel


def collate(examples: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Bring examples to one even length.

    Returns float32 mel (batch, 80, frames), float32 padding (batch,), and int64 phonemes and
    words of the encoder's states, one for two frames, (batch, frames / 2, 2).
    """
    frames = max(len(example.mel) for example in examples)
    frames += frames % 2
    mel = np.zeros((len(examples), frames, N_MELS), dtype=np.float32)
    said = np.zeros((len(examples), frames, 2), dtype=np.int64)
    padding = np.array([example.padding for example in examples], dtype=np.float32)
    mel += padding[:, np.newaxis, np.newaxis]
    for index, example in enumerate(examples):
        mel[index, : len(example.mel)] = example.mel
        said[index, : len(example.said)] = example.said
    states = torch.from_numpy(np.ascontiguousarray(said[:, ::2]))
    return torch.from_numpy(mel).transpose(1, 2).contiguous(), torch.from_numpy(padding), states
