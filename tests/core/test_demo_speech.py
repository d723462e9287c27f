"""The demo world's speech: its grammar, its recordings, and the Whisper that was trained on it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.demo import evaluate_whisper, speech, vocabulary

DEMO = Path(__file__).parents[2] / "resources" / "demo"
CHECKPOINT = DEMO / "models" / "demo-whisper" / "demo-whisper.pt"

needs_espeak = pytest.mark.skipif(not speech.available(), reason="the espeak-ng program is not installed")


def recorded_files() -> list[dict[str, Any]]:
    return tomllib.loads((DEMO / "recordings.toml").read_text(encoding="utf-8"))["file"]


def test_the_grammar_has_a_closed_vocabulary_of_the_demo_world() -> None:
    spoken = speech.vocabulary()
    assert len(spoken) >= 40
    world = {noun.en for noun in vocabulary.THINGS} | {noun.plural for noun in vocabulary.THINGS}
    assert {word for word in spoken if word in speech.SUBJECTS} <= world | {word.en for word in vocabulary.COLOURS}
    assert all(4 <= len(speech.words(text)) <= 11 for text in speech.all_sentences())


def test_sentences_held_out_are_no_training_sentences() -> None:
    held_out, training = set(speech.held_out_sentences()), set(speech.training_sentences())
    assert not held_out & training
    assert held_out | training == set(speech.all_sentences())
    assert 0.08 < len(held_out) / len(training) < 0.14


@given(seed=st.integers(0, 2**32 - 1), held_out=st.booleans())
def test_voices_are_drawn_from_the_side_asked_for(seed: int, held_out: bool) -> None:
    assert speech.draw_voice(np.random.default_rng(seed), held_out=held_out).held_out is held_out


@needs_espeak
def test_an_utterance_is_the_same_every_time_and_its_bounds_hold_the_speech() -> None:
    voice = speech.Voice("en-gb", "m3")
    first, second = (speech.synthesise("We saw two red boats on the sea.", voice) for _ in range(2))
    assert np.array_equal(first.samples, second.samples)
    start, end = (round(bound_s * speech.SAMPLE_RATE) for bound_s in (first.start_s, first.end_s))
    assert 1.5 < first.end_s - first.start_s < 4
    assert not first.samples[:start].any()
    assert not first.samples[end:].any()
    assert np.abs(first.samples[start:end]).max() > 0.1


@needs_espeak
def test_faster_speech_is_shorter() -> None:
    voices = [speech.Voice("en-us", "f2", speed_wpm) for speed_wpm in (130, 210)]
    slow, fast = (speech.synthesise("The train is in the city.", voice) for voice in voices)
    assert len(fast.samples) < 0.8 * len(slow.samples)


@pytest.mark.parametrize(
    ("said", "heard", "differing"),
    [
        ("we saw a boat", "we saw a boat", []),
        ("we saw a boat", "we saw a train", [("boat", "train")]),
        ("we saw a boat", "we saw boat", [("a", "")]),
        ("we saw", "we never saw", [("", "never")]),
        ("", "noise", [("", "noise")]),
    ],
)
def test_words_are_aligned_at_least_cost(said: str, heard: str, differing: list[tuple[str, str]]) -> None:
    assert evaluate_whisper.alignment(said.split(), heard.split()) == differing


def test_recordings_say_only_sentences_held_out_and_each_of_another_subject() -> None:
    texts = [sentence["text"] for entry in recorded_files() for sentence in entry.get("sentence", [])]
    assert len(texts) >= 40
    assert set(texts) <= set(speech.held_out_sentences())
    subjects = [frozenset(speech.SUBJECTS[w] for w in speech.words(text) if w in speech.SUBJECTS) for text in texts]
    assert len(set(subjects)) == len(subjects)


@pytest.mark.parametrize("entry", recorded_files(), ids=lambda entry: Path(entry["path"]).name)
def test_a_recording_sounds_where_its_index_says(entry: dict[str, Any]) -> None:
    with av.open(str(DEMO / "library" / entry["path"])) as container:
        assert container.metadata.get("title") == entry.get("title")
        assert bool(container.streams.video) == ("scene" in entry)
        if "sentence" not in entry:
            assert not container.streams.audio
            return
        resampler = av.AudioResampler(format="flt", layout="mono", rate=speech.SAMPLE_RATE)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    silent = np.ones(len(samples), dtype=bool)
    slack_s = 0.1  # encoders delay and smear
    for sentence in entry["sentence"]:
        bounds_s = (sentence["start_s"] - slack_s, sentence["end_s"] + slack_s)
        said = slice(*(round(bound_s * speech.SAMPLE_RATE) for bound_s in bounds_s))
        assert np.abs(samples[said]).max() > 0.1
        silent[said] = False
    assert np.abs(samples[silent]).max() < 0.05


@pytest.fixture(scope="module")
def model() -> Any:
    import whisper

    return whisper.load_model(str(CHECKPOINT), device="cpu").eval()


def test_the_checkpoint_is_a_small_multilingual_one(model: Any) -> None:
    assert CHECKPOINT.stat().st_size < 16_000_000
    assert model.is_multilingual
    assert model.num_languages == 99


@needs_espeak
@pytest.mark.parametrize("new_voices", [False, True], ids=["known voices", "new voices"])
def test_new_sentences_are_written_down_with_their_times(model: Any, new_voices: bool) -> None:
    utterances = evaluate_whisper.draw_utterances(10, seed=77, new_voices=new_voices)
    score = evaluate_whisper.evaluate(model, utterances)
    assert score.words > 60
    assert score.word_error_rate <= 0.1, score.confusions
    assert max(score.start_errors_s) <= 0.5
    assert max(score.end_errors_s) <= 0.5


@needs_espeak
def test_the_language_is_recognised_as_english(model: Any) -> None:
    import whisper

    (utterance,) = evaluate_whisper.draw_utterances(1, seed=78, new_voices=True)
    mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(utterance.samples))
    _, probabilities = model.detect_language(mel)
    assert max(probabilities, key=probabilities.get) == "en"
