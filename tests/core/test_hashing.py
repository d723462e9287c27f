"""Hashing what a path holds now, which may be another thing than what was scanned."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path

import pytest
from blake3 import blake3

from core.index.hashing import UnsettledError, hash_file
from core.watch.walk import stamp_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX links, pipes and devices")


@pytest.fixture
def opened() -> list[str]:
    """Every path that this process opens while the test runs."""
    paths: list[str] = []
    watching = True

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open":
            paths.append(os.fsdecode(arguments[0]) if isinstance(arguments[0], (str, bytes)) else "")

    sys.addaudithook(note)
    yield paths
    watching = False


def test_a_file_is_hashed_under_the_stamp_that_it_had(tmp_path: Path, opened: list[str]) -> None:
    path = tmp_path / "a.txt"
    path.write_text("words")
    digest, stamp = hash_file(os.fsencode(path))
    assert digest == blake3(b"words").digest()
    assert stamp == stamp_of(path.lstat())
    assert os.fspath(path) in opened


@pytest.mark.parametrize("what", ["fifo", "socket", "link", "folder", "device"])
def test_what_took_a_files_place_is_never_opened(
    tmp_path: Path, what: str, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    path = tmp_path / "taken"
    if what == "fifo":
        os.mkfifo(path)
    elif what == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("taken")
    elif what == "link":
        (tmp_path / "other.txt").write_text("secret")
        path.symlink_to(tmp_path / "other.txt")
    elif what == "folder":
        path.mkdir()
    else:
        try:
            os.mknod(path, 0o20600, os.makedev(1, 5))  # /dev/zero: read without end
        except PermissionError:
            pytest.skip("only root makes devices")
    with pytest.raises(UnsettledError):
        hash_file(os.fsencode(path))
    assert os.fspath(path) not in opened


def test_a_folder_that_became_a_link_leads_nowhere(tmp_path: Path, opened: list[str]) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.txt").write_text("secret")
    folder = tmp_path / "root" / "sub"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("words")
    hash_file(os.fsencode(folder / "a.txt"))
    shutil.rmtree(folder)
    folder.symlink_to(outside, target_is_directory=True)
    opened.clear()
    with pytest.raises(UnsettledError):
        hash_file(os.fsencode(folder / "a.txt"))
    assert not any(path.endswith("a.txt") for path in opened)
