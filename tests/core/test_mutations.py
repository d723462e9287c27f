"""Valid files of every format, cut, altered and misnamed, through the real sandbox: each costs no more than itself."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.extract.sandbox import Sandbox
from tests.reliability.mutations import altered, read, variants
from tests.reliability.samples import misnamed, write_samples

REASON = re.compile(r"[^\n/\\]{8,110}")
JARGON = re.compile(r"Error|Exception|Traceback|\.py|0x|None\b|\bav\.|errno", re.IGNORECASE)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return list(write_samples(tmp_path_factory.mktemp("samples")))


@pytest.fixture(scope="module")
def reader() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def test_the_samples_can_be_read(samples: list[Path], reader: Sandbox) -> None:
    assert {sample.name: reason for sample in samples if (reason := read(reader, sample)) is not None} == {}


def expect_survived(samples: list[Path], reader: Sandbox, rounds: int, seed: int) -> None:
    losses = reader.losses
    for sample in samples:
        whole = sample.read_bytes()
        try:
            for name, data in variants(whole, rounds, seed):
                sample.write_bytes(data)
                reason = read(reader, sample)
                assert reason is None or (REASON.fullmatch(reason) and not JARGON.search(reason)), (sample.name, name)
                assert reader.losses == losses, f"{sample.name}, {name}: {reason}"
        finally:
            sample.write_bytes(whole)


def test_what_is_cut_or_altered_is_read_or_refused(samples: list[Path], reader: Sandbox) -> None:
    expect_survived(samples, reader, rounds=1, seed=0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_is_altered_in_many_ways_is_read_or_refused(samples: list[Path], reader: Sandbox) -> None:
    expect_survived(samples, reader, rounds=60, seed=1)


def test_a_wrong_name_costs_nothing(samples: list[Path], reader: Sandbox, tmp_path: Path) -> None:
    losses = reader.losses
    for path in misnamed(tmp_path, samples):
        reason = read(reader, path)
        assert reason is None or not JARGON.search(reason), path.name
    assert reader.losses == losses


@pytest.mark.parametrize(
    ("name", "seeds"),
    [("a.wma", range(1000, 1030)), ("a.avif", range(1000, 1060))],
)
def test_what_a_decoder_says_in_its_own_way_is_put_plainly(
    samples: list[Path], reader: Sandbox, tmp_path: Path, name: str, seeds: range
) -> None:
    """FFmpeg's reader asked for places before the file's beginning; the AVIF decoder raised what no other does."""
    whole = next(sample for sample in samples if sample.name == name).read_bytes()
    for seed in seeds:
        path = tmp_path / name
        path.write_bytes(altered(whole, random.Random(seed)))
        assert "unexpected form" not in (read(reader, path) or ""), seed
