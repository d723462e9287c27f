"""Measure a demo Whisper: `python -m tests.demo.evaluate_whisper CHECKPOINT [--count N]`.

Prints a JSON object. Sentences that training never heard are read by voices that it knows
(`new_sentences`), and sentences and voices are both new (`new_voices`). Each one is decoded
as the application decodes a window: `whisper.load_model` and `whisper.transcribe`, greedily.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import whisper

from tests.demo import speech
from tests.demo.whisper_data import FRAMES_PER_S, STAMP_S, tokenizer

_LEAD_S = (0.1, 0.5)
_TAIL_S = (0.1, 0.5)


@dataclass
class Score:
    """What was heard over a set of utterances; errors of time are absolute, in seconds."""

    word_errors: int = 0
    words: int = 0
    start_errors_s: list[float] = field(default_factory=list)
    end_errors_s: list[float] = field(default_factory=list)
    confusions: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def word_error_rate(self) -> float:
        """Substitutions, insertions and deletions per word spoken."""
        return self.word_errors / max(1, self.words)

    def summary(self) -> dict[str, Any]:
        """The figures that `main` prints."""
        times = {"start_error_s": self.start_errors_s, "end_error_s": self.end_errors_s}
        return {
            "word_error_rate": round(self.word_error_rate, 4),
            "words": self.words,
            **{
                name: {
                    "median": round(float(np.median(errors)), 3),
                    "p90": round(float(np.quantile(errors, 0.9)), 3),
                    "max": round(max(errors), 3),
                }
                for name, errors in times.items()
            },
            "confusions": [f"{said} -> {heard}" for (said, heard), _ in self.confusions.most_common(8)],
        }


def alignment(said: Sequence[str], heard: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs that differ in a least-cost (Levenshtein) alignment; "" stands for a word not there."""
    costs = np.zeros((len(said) + 1, len(heard) + 1), dtype=int)
    costs[:, 0], costs[0] = range(len(said) + 1), range(len(heard) + 1)
    for i, spoken in enumerate(said, 1):
        for j, found in enumerate(heard, 1):
            costs[i, j] = min(costs[i - 1, j - 1] + (spoken != found), costs[i - 1, j] + 1, costs[i, j - 1] + 1)
    pairs, i, j = [], len(said), len(heard)
    while i or j:
        if i and j and costs[i, j] == costs[i - 1, j - 1] + (said[i - 1] != heard[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((said[i], heard[j]))
        elif i and costs[i, j] == costs[i - 1, j] + 1:
            i -= 1
            pairs.append((said[i], ""))
        else:
            j -= 1
            pairs.append(("", heard[j]))
    return [pair for pair in reversed(pairs) if pair[0] != pair[1]]


def draw_utterances(count: int, seed: int, *, new_voices: bool) -> list[speech.Utterance]:
    """Held-out sentences, spoken by voices known to training or by those held out."""
    rng = np.random.default_rng(seed)
    texts = rng.choice(speech.held_out_sentences(), size=count, replace=False)
    return [speech.synthesise(str(text), speech.draw_voice(rng, held_out=new_voices)) for text in texts]


def evaluate(model: whisper.Whisper, utterances: Sequence[speech.Utterance], seed: int = 0) -> Score:
    """Transcribe each utterance between stretches of silence, and compare words and times."""
    rng = np.random.default_rng(seed)
    score = Score()
    for utterance in utterances:
        lead, tail = (round(rng.uniform(*bounds) * speech.SAMPLE_RATE) for bounds in (_LEAD_S, _TAIL_S))
        samples = np.pad(utterance.samples, (lead, tail))
        with torch.inference_mode():
            result = whisper.transcribe(
                model, samples, language="en", temperature=0.0, condition_on_previous_text=False, fp16=False
            )
        said = speech.words(utterance.text)
        differing = alignment(said, speech.words(result["text"]))
        score.word_errors += len(differing)
        score.words += len(said)
        score.confusions.update(differing)
        heard_s = stamped_bounds_s(result["segments"])
        shift_s = lead / speech.SAMPLE_RATE
        score.start_errors_s.append(abs(heard_s[0] - utterance.start_s - shift_s))
        score.end_errors_s.append(abs(heard_s[1] - utterance.end_s - shift_s))
    return score


def stamped_bounds_s(segments: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """The first and the last timestamp that the model put out, in seconds; zeros where it heard nothing.

    Not the times of the segments: whisper.transcribe lets a lone segment begin with its window.
    """
    begin = tokenizer().timestamp_begin
    stamps_s = [
        segment["seek"] / FRAMES_PER_S + (token - begin) * STAMP_S
        for segment in segments
        for token in segment["tokens"]
        if token >= begin
    ]
    return (stamps_s[0], stamps_s[-1]) if stamps_s else (0.0, 0.0)


def main() -> None:
    """Parse the command line and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--count", type=int, default=200, help="utterances of each kind")
    parser.add_argument("--seed", type=int, default=1000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = whisper.load_model(str(options.checkpoint), device="cpu").eval()
    report: dict[str, Any] = {"checkpoint_bytes": options.checkpoint.stat().st_size, "utterances": options.count}
    for name, new_voices in (("new_sentences", False), ("new_voices", True)):
        utterances = draw_utterances(options.count, options.seed, new_voices=new_voices)
        report[name] = evaluate(model, utterances).summary()
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
