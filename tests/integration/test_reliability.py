"""The small variants of ``python -m tests.reliability``: kills by a seed, and disks that are really full."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.reliability import disk
from tests.reliability.kills import KillLoop

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="sessions, mounts and limits as Linux has them")


@needs_linux
@pytest.mark.timeout(600)
def test_ten_kills_lose_nothing(tmp_path: Path) -> None:
    tally = KillLoop(tmp_path, seed=4).run(10)
    assert tally.kills.total() == 10


@needs_linux
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    tally = KillLoop(tmp_path, seed=5).run(200)
    assert tally.kills.total() == 200


@needs_linux
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "case", ["full_before_the_run", "full_for_settings", "read_only_disk", "the_output", "a_report"]
)
def test_a_full_disk_is_told_and_waited_for(case: str) -> None:
    _run(case)


@needs_linux
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("case", [one.__name__ for one in disk.all_cases()])
def test_every_kind_of_write_on_a_full_disk(case: str) -> None:
    _run(case)


def _run(case: str) -> None:
    if not disk.can_mount():
        pytest.skip("nobody may mount here (unshare -rm)")
    assert disk.run_inside([case]) == 0
