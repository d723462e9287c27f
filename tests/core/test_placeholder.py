"""Files whose bytes are in the cloud are listed by name, never opened, and read once they are on this computer."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import SkippedError
from core.extract.filetype import open_regular
from core.extract.media_types import guess_kind
from core.extract.placeholder import IN_THE_CLOUD, in_the_cloud, is_recalled, stands_for
from core.types import Kind
from core.watch import walk
from tests.library import Library
from tests.openings import noted_openings

RECALL_ON_DATA_ACCESS, RECALL_ON_OPEN, OFFLINE, SPARSE = 0x400000, 0x40000, 0x1000, 0x200
SF_DATALESS, UF_HIDDEN = 0x40000000, 0x8000


class Status:
    """What ``stat`` says, with what another system would add."""

    def __init__(self, status: os.stat_result, **also: int) -> None:
        self._status = status
        self.__dict__.update(also)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._status, name)


@pytest.fixture
def opened() -> Iterator[set[bytes]]:
    with noted_openings() as paths:
        yield paths


@pytest.mark.parametrize(
    ("also", "recalled"),
    [
        ({"st_file_attributes": RECALL_ON_DATA_ACCESS}, True),
        ({"st_file_attributes": RECALL_ON_OPEN | SPARSE}, True),
        ({"st_file_attributes": OFFLINE}, True),
        ({"st_file_attributes": SPARSE}, False),
        ({"st_flags": SF_DATALESS | UF_HIDDEN}, True),
        ({"st_flags": UF_HIDDEN}, False),
        ({}, False),
    ],
)
def test_what_the_system_marks_is_recalled(tmp_path: Path, also: dict[str, int], recalled: bool) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x" * 10_000)
    status: Any = Status(path.stat(), **also)
    assert is_recalled(status) is recalled
    assert in_the_cloud(os.fsencode(path), status) is recalled


@pytest.mark.parametrize(
    ("stub", "meant"),
    [
        (b".holiday.jpg.icloud", b"holiday.jpg"),
        (b"holiday.jpg.icloud", None),
        (b"holiday.jpg.nextcloud", b"holiday.jpg"),
        (b"caf\xe9.JPG.OwnCloud", b"caf\xe9.JPG"),
        (b".nextcloud", None),
        (b"holiday.jpg", None),
    ],
)
def test_stubs_stand_for_files(stub: bytes, meant: bytes | None) -> None:
    assert stands_for(stub) == meant


def test_a_stub_is_of_its_files_kind() -> None:
    assert guess_kind("holiday.jpg.nextcloud") is Kind.PHOTO
    assert guess_kind(".talk.mp3.icloud") is Kind.AUDIO


@pytest.mark.parametrize("name", ["boat.txt.nextcloud", "boat.txt.owncloud", ".boat.txt.icloud"])
def test_a_stub_is_listed_and_not_opened_until_the_file_is_there(
    library: Library, opened: set[bytes], name: str
) -> None:
    stub = library.text(name, " ")
    opened.clear()
    report = library.run()
    assert (report.files, report.skipped, report.failed) == (1, 1, 0)
    (listed,) = library.store.jobs.failures()
    assert listed.reason == IN_THE_CLOUD
    assert library.named("boat") == 1
    assert library.costs == (0, 0, 0)
    assert os.fsencode(stub) not in opened
    stub.unlink()
    library.text("boat.txt", "the red boat")
    library.run()
    assert library.worded("boat") == ["boat.txt"]


def test_a_large_file_of_a_stubs_name_is_a_file(library: Library) -> None:
    library.text("notes.nextcloud", "a boat " * 1_000)
    library.run()
    assert library.worded("boat") == ["notes.nextcloud"]


@pytest.mark.skipif(sys.platform != "linux", reason="extended attributes of Linux's clients")
@pytest.mark.parametrize(
    ("attribute", "value"), [("user.nextcloud.hydrate_exec", b"nextcloud"), ("user.openvfs.state", b"dehydrated")]
)
def test_a_marked_file_is_listed_and_not_opened_until_it_is_there(
    library: Library, opened: set[bytes], attribute: str, value: bytes
) -> None:
    path = library.text("boat.txt", " ")
    try:
        os.setxattr(path, attribute, value)
    except OSError:
        pytest.skip("no extended attributes here")
    opened.clear()
    assert library.run().skipped == 1
    assert library.named("boat") == 1
    assert os.fsencode(path) not in opened
    with pytest.raises(SkippedError, match=IN_THE_CLOUD):
        open_regular(path)
    os.removexattr(path, attribute)
    path.write_text("the red boat")
    library.run()
    assert library.worded("boat") == ["boat.txt"]


def test_a_file_that_goes_to_the_cloud_stays_found_and_costs_nothing_when_it_is_back(
    library: Library, opened: set[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = library.text("boat.txt", "the red boat")
    fresh = library.text("house.txt", "a house")
    away: set[bytes] = {os.fsencode(fresh)}
    real_lstat, real_status = os.lstat, walk._status

    def marked(path: bytes, status: os.stat_result) -> Any:
        is_away = path in away and stat.S_ISREG(status.st_mode)
        return Status(status, st_file_attributes=RECALL_ON_DATA_ACCESS) if is_away else status

    # What Windows says of a file that is in the cloud, at the two places where a scan and a reader ask.
    monkeypatch.setattr(walk, "_status", lambda entry: marked(entry.path, real_status(entry)))
    monkeypatch.setattr(os, "lstat", lambda path, **options: marked(os.fsencode(path), real_lstat(path, **options)))
    opened.clear()
    report = library.run()
    assert (report.indexed, report.skipped) == (1, 1)
    assert os.fsencode(path) in opened  # so that it would have been seen
    assert os.fsencode(fresh) not in opened
    away.add(os.fsencode(path))
    opened.clear()
    library.forget_counts()
    # Only something that a scan sees makes it look: the clock of the file, which clients keep, does not move here.
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))
    library.run()
    assert library.worded("boat") == ["boat.txt"]
    assert opened.isdisjoint({os.fsencode(path), os.fsencode(fresh)})
    away.clear()
    report = library.run()
    assert report.skipped == 0
    assert library.worded("boat") == ["boat.txt"]
    assert library.worded("house") == ["house.txt"]
    assert library.reader.extracted == [os.fsencode(fresh)]  # the other is known by its content
