"""Every target on what was once found, on what is made to hurt, and on ordinary files; without atheris."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz import hostile
from tests.fuzz.mutate import Blind
from tests.fuzz.rules import INPUT_BYTES, Broken, check_extraction, judge
from tests.fuzz.targets import TARGETS

FINDINGS = Path(__file__).with_name("findings")


def kept(target: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((FINDINGS / target).glob("*"))}


def test_findings_belong_to_targets() -> None:
    assert {path.name for path in FINDINGS.iterdir()} <= set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_that_was_found_is_found_again(target: str) -> None:
    """What once hung would run into the time limit that every test has."""
    run = TARGETS[target].open()
    inputs = {**kept(target), **hostile.inputs(target)}
    inputs |= {f"seed {number}": seed for number, seed in enumerate(TARGETS[target].seeds())}
    inputs |= {f"{name}, cut": data[: len(data) // 2] for name, data in list(inputs.items())[:20]}
    assert inputs
    for name, data in inputs.items():
        finding = judge(run, data, timed=False)
        assert finding is None, f"{name}: {finding.detail}"


@pytest.mark.parametrize("target", TARGETS)
def test_mutations_stay_within_their_bounds_and_repeat(target: str) -> None:
    """Whatever a mutator makes is no longer than asked, and the same again from the same seed; targets bear it."""
    chosen = TARGETS[target]
    run = chosen.open()
    seeds = [seed for seed in chosen.seeds() if len(seed) <= INPUT_BYTES][:3]
    for number in range(30):
        seed = seeds[number % len(seeds)]
        made = chosen.mutate(seed, INPUT_BYTES, random.Random(number), blind(number))
        assert made == chosen.mutate(seed, INPUT_BYTES, random.Random(number), blind(number))
        assert len(made) <= INPUT_BYTES
        finding = judge(run, made, timed=False)
        assert finding is None, finding.detail


def blind(seed: int) -> Blind:
    """Stands in for atheris' mutation: one byte becomes another."""
    chance = random.Random(seed)

    def mutate(data: bytes, most: int) -> bytes:
        changed = bytearray(data[:most] or b"\0")
        changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)

    return mutate


def test_the_rules_find_what_breaks_them() -> None:
    from core.types import Extraction, Kind, Locator, Metadata, Passage

    def text(words: str, **facts: object) -> Extraction:
        passages = (Passage(words, Locator(offset=0)),)
        return Extraction(Kind.DOCUMENT, "text/plain", Metadata(**facts), passages)  # type: ignore[arg-type]

    check_extraction(text("red boat", title="Boats", taken_at="2024-01-31", pages=3), 100)
    for broken in (
        text("word " * 201 + "x"),
        text("a\x07b"),
        text(" a"),
        text("a", title="two\nlines"),
        text("a", pages=2**31),
        text("x" * 100_000),
    ):
        with pytest.raises(Broken):
            check_extraction(broken, 100)
    with pytest.raises(UnicodeEncodeError):
        check_extraction(text("a\ud800"), 100)

    def fails(data: bytes) -> None:
        data.decode("ascii")

    finding = judge(fails, b"\xff")
    assert finding is not None
    assert finding.signature.startswith("UnicodeDecodeError")
    assert judge(fails, b"a") is None
