"""What a log line may hold, who may read it, and taking it out again."""

from __future__ import annotations

import logging
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import log
from core.config import Folders, folders_under
from core.errors import UnreadableError

ours = logging.getLogger("core.somewhere")
theirs = logging.getLogger("library.somewhere")

SECRET = "the letter to my doctor"
PATH_BYTES = st.binary(min_size=1, max_size=40).map(lambda name: name.replace(b"\0", b"").replace(b"/", b"") or b"x")


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return folders_under(tmp_path)


@pytest.fixture
def written(folders: Folders) -> Iterator[Path]:
    """The log, at the level at which most is said."""
    handler = log.log_to_file(folders, "window", logging.DEBUG)
    yield folders.logs / "window.log"
    log.stop_logging_to(handler)


def choke() -> None:
    raise ValueError(f"cannot parse {SECRET}")


def test_of_an_exception_type_and_frames_are_kept(written: Path) -> None:
    try:
        choke()
    except ValueError as error:
        ours.exception("a file was not read")
        ours.warning("the same by the way: %s", error)
    text = written.read_text("utf-8")
    assert SECRET not in text
    assert "a file was not read: ValueError [" in text and " choke]" in text
    assert "by the way: ValueError" in text
    assert len(text.splitlines()) == 2


def test_what_an_exception_was_raised_from_is_told_as_sparingly(written: Path) -> None:
    try:
        try:
            choke()
        except ValueError as error:
            raise UnreadableError("damaged", path=b"/photos/a.jpg") from error
    except UnreadableError:
        ours.exception("not read")
    text = written.read_text("utf-8")
    assert SECRET not in text
    assert "UnreadableError ‹/photos/a.jpg›: damaged" in text and "; from ValueError" in text


def test_an_os_error_names_its_file_and_its_reason(written: Path) -> None:
    ours.warning("no: %s", FileNotFoundError(2, "No such file", "/photos/a.jpg"))
    assert "no: ‹/photos/a.jpg›: No such file" in written.read_text("utf-8")


def test_of_another_library_only_the_place_is_kept(written: Path) -> None:
    theirs.warning("parsed %s", SECRET)
    theirs.error(f"parsed {SECRET}")
    theirs.info("parsed %s", SECRET)
    lines = written.read_text("utf-8").splitlines()
    assert len(lines) == 2
    assert all("library.somewhere: at test_log:" in line and SECRET not in line for line in lines)


def test_the_stream_of_verbose_keeps_to_the_same_rules(capsys: pytest.CaptureFixture[str]) -> None:
    handler = log.log_to_stream(sys.stderr)
    try:
        theirs.error("parsed %s", SECRET)
        ours.debug("opened %s", "/photos/a.jpg")
    finally:
        log.stop_logging_to(handler)
    said = capsys.readouterr().err
    assert SECRET not in said
    assert "opened ‹/photos/a.jpg›" in said


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_the_owner_alone_can_read_it_also_when_rotated(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_MAX_BYTES", 2_000)
    before = os.umask(0)
    handler = log.log_to_file(folders, "window")
    try:
        for number in range(200):
            ours.info("line %d", number)
    finally:
        os.umask(before)
        log.stop_logging_to(handler)
    found = log.log_files(folders)
    assert len(found) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}
    assert stat.S_IMODE(folders.logs.stat().st_mode) == 0o700


def test_a_log_made_readable_is_closed_again(folders: Folders) -> None:
    folders.logs.mkdir()
    (folders.logs / "window.log").touch(0o644)
    log.stop_logging_to(log.log_to_file(folders, "window"))
    assert stat.S_IMODE((folders.logs / "window.log").stat().st_mode) == 0o600


def test_a_full_disk_is_said_once_and_says_nothing_else(folders: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    folders.logs.mkdir()
    (folders.logs / "window.log").symlink_to("/dev/full")
    handler = log.PrivateFile(folders.logs / "window.log")
    for _ in range(3):
        handler.handle(ours.makeRecord("core", logging.INFO, "", 1, SECRET, (), None))
    said = capsys.readouterr().err
    assert said.count("cannot be written: No space left on device") == 1
    assert SECRET not in said


@settings(deadline=None, max_examples=40)
@given(folder=PATH_BYTES, name=PATH_BYTES)
def test_forgetting_takes_every_line_about_a_folder_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, folder: bytes, name: bytes
) -> None:
    folders = folders_under(tmp_path_factory.mktemp("logs"))
    handler = log.log_to_file(folders, "window")
    prefix = b"/Pictures/" + folder
    path = prefix + b"/" + name
    ours.warning("first")
    ours.warning("cannot look into %s: %s", os.fsdecode(path), "permission denied")
    ours.warning("%r and %r", path, os.fsdecode(path))
    ours.warning("%s", UnreadableError("damaged", path=path))
    ours.warning("root %s", os.fsdecode(prefix))
    ours.warning("gone: %s", FileNotFoundError(2, "No such file", os.fsdecode(path)))
    ours.warning("another: %s", "/Other/" + "x" * 50)
    assert log.forget(folders, prefix) == 5
    ours.warning("last")  # by the handler that was open all the while
    log.stop_logging_to(handler)
    lines = (folders.logs / "window.log").read_text("utf-8").splitlines()
    kept = [line.partition("core.somewhere: ")[2] for line in lines]
    assert kept == ["first", "another: ‹/Other/" + "x" * 50 + "›", "last"]


def test_a_neighbour_whose_name_begins_alike_is_kept(folders: Folders, written: Path) -> None:
    ours.warning("root %s", "/Pictures/Alps2")
    ours.warning("root %s", "/Pictures/Alps-old")
    ours.warning("root %s", "/Pictures/Alps")
    assert log.forget(folders, b"/Pictures/Alps/") == 1
    assert "Alps2" in written.read_text("utf-8") and "Alps-old" in written.read_text("utf-8")


def test_rotated_logs_are_forgotten_too(folders: Folders) -> None:
    folders.logs.mkdir()
    for name in ("window.log", "window.log.1", "index.log.2"):
        (folders.logs / name).write_text("a line about /Pictures/Alps/a.jpg\nanother\n", "utf-8")
    assert log.forget(folders, b"/Pictures/Alps") == 3
    assert {path.read_text("utf-8") for path in log.log_files(folders)} == {"another\n"}


def test_a_name_cannot_pass_for_the_end_of_a_path(written: Path) -> None:
    ours.warning("gone: %s", "/a/x› and ‹y")
    ours.warning("said: %s", "not a path ‹/etc›")
    first, second = written.read_text("utf-8").splitlines()
    assert first.count("‹") == first.count("›") == 1
    assert first.endswith("gone: ‹/a/x\\u203a and \\u2039y›")
    assert "‹" not in second
