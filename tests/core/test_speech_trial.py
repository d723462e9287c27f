"""When a converted speech model may stand for the reference."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.models.speech_trial import (
    DEATHS_LIMIT,
    WORDS_TO_JUDGE,
    SpeechTrial,
    Verdict,
    word_errors,
    words_of,
)
from core.models.transcription import Heard
from core.models.whisper_conversion import Arithmetic
from tests.demo.evaluate_whisper import alignment

FASTER = (2.0, 1.0)
WORDS = [str(number) for number in range(WORDS_TO_JUDGE)]


def said(*words: str, compression_ratio: float = 1.2, temperature: float = 0.0) -> list[Heard]:
    return [Heard(0.0, 5.0, " ".join(words), compression_ratio, temperature)]


def trial() -> SpeechTrial:
    return SpeechTrial(Arithmetic.INT8)


def test_it_stays_on_trial_until_enough_was_heard() -> None:
    begun = trial()
    assert begun.verdict is Verdict.ON_TRIAL
    halfway = begun.heard(said(*WORDS[:100]), said(*WORDS[:100]), "en", FASTER)
    assert halfway.verdict is Verdict.ON_TRIAL
    assert halfway.heard(said(*WORDS[100:]), said(*WORDS[100:]), "en", FASTER).verdict is Verdict.KEPT


@pytest.mark.parametrize(("wrong", "verdict"), [(4, Verdict.KEPT), (5, Verdict.REFUSED)])
def test_two_words_in_a_hundred_may_differ(wrong: int, verdict: Verdict) -> None:
    found = ["wrong"] * wrong + WORDS[wrong:]
    assert trial().heard(said(*WORDS), said(*found), "en", FASTER).verdict is verdict


def test_it_is_refused_as_soon_as_it_cannot_pass() -> None:
    lost = trial().heard(said(*WORDS[:10]), said(*WORDS[5:10]), "en", FASTER)
    assert lost.words == 10
    assert lost.verdict is Verdict.REFUSED


def test_words_made_up_in_a_silence_count() -> None:
    assert trial().heard([], said("thanks", "for", "watching"), "en", FASTER).errors == 3


def test_being_right_is_not_enough() -> None:
    assert trial().heard(said(*WORDS), said(*WORDS), "en", (1.0, 0.95)).verdict is Verdict.REFUSED


def test_windows_that_were_decoded_by_chance_say_nothing() -> None:
    before = trial()
    assert before.heard(said("one", "two", temperature=0.4), said("three"), "en", FASTER) == before


def test_repetitions_that_nobody_is_shown_are_left_out() -> None:
    looped = said("and", "and", "and", compression_ratio=4.0)
    assert words_of(looped, "en") == []
    assert trial().heard(looped, [], "en", FASTER).errors == 0


def test_what_fails_or_dies_is_refused() -> None:
    assert replace(trial(), failure="no memory").verdict is Verdict.REFUSED
    assert replace(trial(), begun=DEATHS_LIMIT - 1).verdict is Verdict.ON_TRIAL
    assert replace(trial(), begun=DEATHS_LIMIT).verdict is Verdict.REFUSED


def test_case_and_punctuation_do_not_count_and_chinese_is_compared_by_letter() -> None:
    assert words_of(said("The boat,", "comes home!"), "en") == ["the", "boat", "comes", "home"]
    assert words_of(said("我们看见，两只船。"), "zh") == list("我们看见两只船")


def test_a_line_tells_a_person_how_it_stands() -> None:
    kept = trial().heard(said(*WORDS), said("other", *WORDS[1:]), "en", FASTER)
    assert kept.summary() == "int8, kept: 1 of 200 words differ, 2.0 times as fast"
    assert "no memory" in replace(kept, failure="no memory").summary()


sentences = st.lists(st.sampled_from("abc"), max_size=8)


@given(sentences, sentences)
def test_word_errors_are_the_cost_of_the_best_alignment(wanted: list[str], found: list[str]) -> None:
    assert word_errors(wanted, found) == len(alignment(wanted, found))
    assert word_errors(wanted, found) == word_errors(found, wanted)
