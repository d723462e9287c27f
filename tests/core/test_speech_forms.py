"""Which library hears: conversion when it is first needed, a trial on the first recordings, and every way back."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import tomlkit

from core.models import speech_forms, speech_trial
from core.models.fast_speech import FastTranscriber
from core.models.installed import InstalledModel
from core.models.speech import WhisperTranscriber
from core.models.speech_forms import (
    ChosenTranscriber,
    forms_folder,
    open_transcriber,
    read_forms,
    speech_backend,
)
from core.models.speech_trial import SpeechTrial, Verdict
from core.models.transcription import Heard
from core.models.whisper_conversion import Arithmetic
from tests.core.demo_speech import installed_whisper, spoken_windows
from tests.core.whisper_shapes import make_whisper_of

pytest.importorskip("faster_whisper")

SILENCE = np.zeros(16_000, np.float32)
SENTENCE = ["we", "saw", "two", "red", "boats", "on", "the", "sea"]


def ticking(reference_s: float, converted_s: float) -> Callable[[], float]:
    """A clock for windows that take both libraries that long."""
    steps = itertools.cycle([0.0, reference_s, converted_s])
    times = itertools.accumulate(steps)
    return lambda: next(times)


FASTER, SLOWER = (2.0, 1.0), (1.0, 2.0)


@pytest.fixture
def small(tmp_path: Path) -> InstalledModel:
    """A model of random weights."""
    return installed_whisper(tmp_path / "models", make_whisper_of(tmp_path / "small.pt", "smallest", tokens=8))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[Any, str]]:
    """What the libraries hear in every window, by the class of the transcriber or the arithmetic of its form."""
    says: dict[Any, str] = {WhisperTranscriber: " ".join(SENTENCE)}

    def hear(transcriber: Any, samples: np.ndarray, language: str) -> list[Heard]:
        text = says.get(type(transcriber), says[WhisperTranscriber])
        return [Heard(0.0, 1.0, text, 1.0, 0.0)]

    monkeypatch.setattr(WhisperTranscriber, "hear", hear)
    monkeypatch.setattr(FastTranscriber, "hear", hear)
    monkeypatch.setattr(speech_trial, "WORDS_TO_JUDGE", 3 * len(SENTENCE))
    yield says


def hear(transcriber: ChosenTranscriber, times: int = 1) -> list[str]:
    return [segment.text for _ in range(times) for segment in transcriber.hear(SILENCE, "en")]


def verdicts(model: InstalledModel) -> dict[Arithmetic, Verdict]:
    return {trial.arithmetic: trial.verdict for trial in read_forms(model).trials}


@pytest.mark.usefixtures("heard")
def test_the_first_recordings_decide_and_the_next_start_keeps_to_it(
    small: InstalledModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    transcriber = ChosenTranscriber(small, clock=ticking(*FASTER))
    assert hear(transcriber, 2) == [" ".join(SENTENCE)] * 2
    assert verdicts(small) == {Arithmetic.INT8: Verdict.ON_TRIAL}
    assert speech_backend(small) == "faster-whisper int8, on trial"
    assert transcriber.take_notes() == []
    hear(transcriber)
    assert transcriber.take_notes() == ["int8, kept: 0 of 24 words differ, 2.0 times as fast"]
    assert transcriber.take_notes() == []
    assert speech_backend(small) == "faster-whisper int8"

    def refuse(path: Path) -> None:
        raise AssertionError("the reference was loaded")

    monkeypatch.setattr("core.models.speech.load_whisper", refuse)
    again = ChosenTranscriber(small)
    assert hear(again) == [" ".join(SENTENCE)]
    assert again.language_of(SILENCE, (0, len(SILENCE)), ["de", "fr"]) in {"de", "fr"}


def test_the_trial_goes_on_where_it_stood(small: InstalledModel, heard: dict[Any, str]) -> None:
    for _ in range(2):
        hear(ChosenTranscriber(small, clock=ticking(*FASTER)))
    assert read_forms(small).trials[0].words == 2 * len(SENTENCE)
    assert read_forms(small).trials[0].gain == 0, "the first window after a start is not timed"
    hear(ChosenTranscriber(small, clock=ticking(*FASTER)), 2)
    assert verdicts(small) == {Arithmetic.INT8: Verdict.KEPT}


def test_on_trial_the_reference_is_believed_and_what_mishears_goes(
    small: InstalledModel, heard: dict[Any, str]
) -> None:
    heard[FastTranscriber] = "we saw ten red goats"
    transcriber = ChosenTranscriber(small, clock=ticking(*FASTER))
    assert hear(transcriber, 4) == [" ".join(SENTENCE)] * 4
    assert verdicts(small) == {Arithmetic.INT8: Verdict.REFUSED, Arithmetic.FLOAT32: Verdict.REFUSED}
    assert [note.split(",")[0] for note in transcriber.take_notes()] == ["int8", "float32"]
    left = [path.name for path in forms_folder(small).iterdir()]
    assert left == ["speech.toml"], "what is not used takes no place"
    assert speech_backend(small) is None
    assert hear(ChosenTranscriber(small)) == [" ".join(SENTENCE)]


def test_what_is_right_but_slow_goes_too(small: InstalledModel, heard: dict[Any, str]) -> None:
    hear(ChosenTranscriber(small, clock=ticking(*SLOWER)), 3)
    assert verdicts(small)[Arithmetic.INT8] is Verdict.REFUSED
    assert read_forms(small).current == SpeechTrial(Arithmetic.FLOAT32, begun=1)


def test_a_library_that_fails_is_given_up_at_once(
    small: InstalledModel, heard: dict[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> list[Heard]:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(FastTranscriber, "hear", fail)
    transcriber = ChosenTranscriber(small)
    assert hear(transcriber, 3) == [" ".join(SENTENCE)] * 3
    assert transcriber.take_notes() == ["int8: out of memory", "float32: out of memory"]


def test_a_form_that_was_kept_may_fail_later(
    small: InstalledModel, heard: dict[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    transcriber = ChosenTranscriber(small, clock=ticking(*FASTER))
    hear(transcriber, 3)

    def fail(*arguments: object) -> list[Heard]:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(FastTranscriber, "hear", fail)
    assert hear(transcriber) == [" ".join(SENTENCE)]
    assert "int8: out of memory" in transcriber.take_notes()


def test_a_library_that_takes_its_process_with_it_is_given_up(small: InstalledModel, heard: dict[Any, str]) -> None:
    """Every start before the last one ended between loading the form and its first window."""
    for _ in range(speech_trial.DEATHS_LIMIT - 1):
        ChosenTranscriber(small)
    assert verdicts(small) == {Arithmetic.INT8: Verdict.ON_TRIAL}
    transcriber = ChosenTranscriber(small)
    assert verdicts(small) == {Arithmetic.INT8: Verdict.REFUSED, Arithmetic.FLOAT32: Verdict.ON_TRIAL}
    assert transcriber.take_notes() == ["int8: its process died 3 times"]


def test_a_checkpoint_that_cannot_be_converted_is_told_once(
    tmp_path: Path, heard: dict[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    checkpoint = make_whisper_of(tmp_path / "odd.pt", "smallest", tokens=8)
    document = torch.load(checkpoint, weights_only=True)
    document["model_state_dict"]["decoder.token_embedding.weight"] = torch.zeros(51870, 32)
    document["dims"]["n_vocab"] = 51870
    torch.save(document, checkpoint)
    model = installed_whisper(tmp_path / "models", checkpoint)
    transcriber = ChosenTranscriber(model)
    assert hear(transcriber) == [" ".join(SENTENCE)]
    assert "a Whisper vocabulary of 51870 is not known" in transcriber.take_notes()[0]
    again = ChosenTranscriber(model)
    assert hear(again) == [" ".join(SENTENCE)]
    assert again.take_notes() == []


def test_a_full_disk_is_no_verdict(
    small: InstalledModel, heard: dict[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(speech_forms, "convert_whisper", fail)
        transcriber = ChosenTranscriber(small)
        assert hear(transcriber) == [" ".join(SENTENCE)]
        assert "No space left" in transcriber.take_notes()[0]
    hear(ChosenTranscriber(small, clock=ticking(*FASTER)), 3)
    assert verdicts(small) == {Arithmetic.INT8: Verdict.KEPT}


@pytest.mark.usefixtures("heard")
def test_files_that_changed_are_made_again(small: InstalledModel) -> None:
    hear(ChosenTranscriber(small))
    model = forms_folder(small) / "int8" / "model.bin"
    made = model.read_bytes()
    model.write_bytes(made[:-1] + bytes([made[-1] ^ 1]))
    hear(ChosenTranscriber(small))
    assert model.read_bytes() == made
    model.unlink()
    hear(ChosenTranscriber(small))
    assert model.read_bytes() == made


@pytest.mark.usefixtures("heard")
def test_files_that_are_as_they_were_are_left(small: InstalledModel, monkeypatch: pytest.MonkeyPatch) -> None:
    hear(ChosenTranscriber(small))
    made = read_forms(small).files
    assert made

    def refuse(*arguments: object) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr(speech_forms, "convert_whisper", refuse)
    hear(ChosenTranscriber(small))
    assert read_forms(small).files == made


@pytest.mark.parametrize("field", ["converter", "weights_id", "libraries", "machine"])
def test_what_was_made_by_or_for_others_is_not_used(small: InstalledModel, field: str) -> None:
    forms = ChosenTranscriber(small).forms
    other = replace(forms, **{field: 99 if field == "converter" else "other"})
    (forms_folder(small) / "speech.toml").write_text(tomlkit.dumps(msgspec.to_builtins(other)), "utf-8")
    assert read_forms(small).trials == ()
    assert ChosenTranscriber(small).forms.trials == forms.trials


def test_what_a_killed_conversion_left_is_cleared(small: InstalledModel) -> None:
    folder = forms_folder(small)
    for name in (".converting-1", "int8"):
        (folder / name).mkdir(parents=True)
        (folder / name / "model.bin").write_bytes(b"half")
    (folder / "speech.toml").write_text("converter = ", "utf-8")
    ChosenTranscriber(small)
    assert sorted(path.name for path in folder.iterdir()) == ["int8", "speech.toml"]
    assert (folder / "int8" / "model.bin").stat().st_size > 1000


def test_without_the_optional_libraries_the_reference_hears(
    small: InstalledModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(open_transcriber(small), ChosenTranscriber)
    monkeypatch.setattr(speech_forms, "has_fast_speech", lambda: False)
    assert isinstance(open_transcriber(small), WhisperTranscriber)


def converted_and_reference(tmp_path: Path) -> tuple[FastTranscriber, WhisperTranscriber]:
    model = installed_whisper(tmp_path / "models")
    ChosenTranscriber(model)
    fast = FastTranscriber(model.name, forms_folder(model) / "int8", Arithmetic.INT8, threads=2)
    return fast, WhisperTranscriber(model)


def compare(tmp_path: Path, count: int | None) -> tuple[int, int]:
    """How many windows of the demo's recordings were heard, and how many of them said the same."""
    fast, reference = converted_and_reference(tmp_path)
    windows = same = 0
    for samples, window in islice(spoken_windows(), count):
        assert fast.language_of(samples, window, []) == reference.language_of(samples, window, []) == "en"
        found, wanted = (which.transcribe_window(samples, window, "en") for which in (fast, reference))
        windows += 1
        same += [span.text for span in found] == [span.text for span in wanted]
        for one, other in zip(found, wanted, strict=True):
            assert one.start_s == pytest.approx(other.start_s, abs=0.05)
            assert one.end_s == pytest.approx(other.end_s, abs=0.05)
    return windows, same


def test_the_trained_model_says_the_same_in_int8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert compare(tmp_path, 8) == (8, 8)


@pytest.mark.slow
def test_the_trained_model_says_the_same_in_all_recordings(tmp_path: Path) -> None:
    windows, same = compare(tmp_path, None)
    assert windows > 50
    assert same == windows
