"""How much of a disk is left to others, and what a full one is told as."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NoRoomError, StorageError
from core.room import RoomWatch, disk_trouble, margin_bytes, require, shortage, size_in_words


@given(st.integers(1, 10**16), st.integers(1, 10**16))
def test_the_margin_grows_with_the_disk_and_leaves_most_of_it_to_use(one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert margin_bytes(small) <= margin_bytes(large) <= 5_000_000_000
    assert margin_bytes(large) <= large / 10


@pytest.mark.parametrize(
    ("total", "margin"),
    [(1_000_000_000, 100_000_000), (16_000_000_000, 500_000_000), (100e9, 2_000_000_000), (4e12, 5_000_000_000)],
)
def test_the_margin_of_usual_disks(total: float, margin: int) -> None:
    assert margin_bytes(int(total)) == margin


def test_what_needs_more_than_there_is_names_the_folder_and_both_sizes(tmp_path: Path) -> None:
    require(tmp_path, 0, "nothing")
    with pytest.raises(NoRoomError, match=r"a copy of the index needs 1000000\.0 GB, and only .* are free") as caught:
        require(tmp_path, 10**15, "a copy of the index")
    assert str(caught.value).startswith(str(tmp_path))


def test_a_folder_that_is_gone_is_not_short_of_room(tmp_path: Path) -> None:
    require(tmp_path / "gone", 10**15, "anything")
    assert shortage([tmp_path / "gone"]) is None


def test_disks_are_looked_at_a_few_times_a_second_and_not_more(tmp_path: Path) -> None:
    class Counted(type(tmp_path)):  # type: ignore[misc] # the system's kind of path
        looks = 0

        def __fspath__(self) -> str:
            Counted.looks += 1
            return super().__fspath__()

    now = 0.0
    watch = RoomWatch([Counted(tmp_path)], clock=lambda: now)
    for _ in range(1000):
        watch.shortage()
        now += 0.001
    assert 2 <= Counted.looks <= 10


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_a_quota_and_a_limit_are_told_apart(tmp_path: Path, number: int) -> None:
    said = str(disk_trouble(OSError(number, "no"), tmp_path / "settings", "the settings could not be saved"))
    word = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "quota", errno.EFBIG: "ulimit -f"}[number]
    assert word in said
    assert said.startswith(f"{tmp_path / 'settings'}: the settings could not be saved")
    assert isinstance(disk_trouble(OSError(number, "no"), tmp_path, ""), NoRoomError)


def test_other_errors_of_a_disk_keep_their_reason(tmp_path: Path) -> None:
    error = disk_trouble(OSError(errno.EIO, "Input/output error"), tmp_path, "it could not be written")
    assert isinstance(error, StorageError)
    assert str(error) == f"{tmp_path}: it could not be written: Input/output error"


def test_sizes_in_words() -> None:
    assert [size_in_words(size) for size in (0, 1500, 312_000_000, 1_540_000_000)] == [
        "0 kB", "2 kB", "312 MB", "1.5 GB",
    ]  # fmt: skip
