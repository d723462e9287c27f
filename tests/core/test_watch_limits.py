"""Limits of the system's watching, reached for real in processes of their own: what is said, and what still works."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from core.watch.limits import Refusal, why_root_refused, why_some_refused

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folders(tmp_path / "root")


def make_folders(folder: Path) -> Path:
    for name in "abcdef":
        (folder / name / "in").mkdir(parents=True)
    return folder


def limited(kind: str, folder: Path, *prefix: str) -> dict[str, Any]:
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "tests.core.limited_watch", kind, str(folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def in_namespace(kind: str, folder: Path) -> dict[str, Any]:
    """In a user namespace, whose limits of inotify are its own; skipped where none may be made."""
    prefix = ("unshare", "--user", "--map-root-user")
    if not shutil.which("unshare") or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("user namespaces are not allowed here")
    if subprocess.run(
        [*prefix, "sh", "-c", "echo 100 > /proc/sys/user/max_inotify_watches"], capture_output=True, check=False
    ).returncode:
        pytest.skip("the limits of a user namespace cannot be set here")
    return limited(kind, folder, *prefix)


def test_folders_beyond_the_limit_are_looked_through_and_the_rest_is_watched(folder: Path) -> None:
    found = in_namespace("watches", folder)
    # A root and twelve folders; four may be watched, and twice the nine others and the four make 22.
    assert "9 folders in it are looked through about every minute" in found["note"]
    assert "(4) is used up" in found["note"]
    assert (
        "echo user.max_inotify_watches=32 | sudo tee /etc/sysctl.d/60-findling-watches.conf "
        "&& sudo sysctl -p /etc/sysctl.d/60-findling-watches.conf"
    ) in found["note"]
    assert found["root_file_told"]
    assert found["later"]["rescan"] == []
    assert len(found["later"]["trees"]) >= 4
    assert found["cured_note"] is None
    assert found["cured_told"] == [True] * 6


def test_without_an_instance_the_root_is_scanned_until_there_is_one(folder: Path) -> None:
    found = in_namespace("instances", folder)
    assert "(0)" in found["note"]
    assert "user.max_inotify_instances=" in found["note"]
    assert "60-findling-instances.conf" in found["note"]
    assert found["later"] == {"trees": [], "rescan": ["."]}
    assert found["cure"]["rescan"] == ["."]  # what happened before it was watched
    assert found["cured_note"] is None
    assert found["cured_told"]


def test_without_free_file_descriptors_the_root_is_scanned_until_there_are_some(folder: Path) -> None:
    found = limited("files", folder)
    assert "as many files open as it may" in found["note"]
    assert "ulimit -n 4096" in found["note"]
    assert found["later"] == {"trees": [], "rescan": ["."]}
    assert found["cured_note"] is None
    assert found["cured_told"]


def test_a_closed_folder_is_named_and_watched_as_soon_as_it_is_opened() -> None:
    with tempfile.TemporaryDirectory() as place:  # not pytest's, whose folders are closed to others
        folder = make_folders(Path(place).resolve() / "root")
        if os.geteuid() == 0:
            for path in [folder.parent, folder, *folder.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)
        found = limited("permission", folder)
        assert found["note"] == f"no permission to look into b. To allow it: chmod u+rx {folder}/b"
    assert found["elsewhere_told"]
    assert found["later"] == {"trees": ["b"], "rescan": []}
    assert found["cured_note"] is None
    assert found["cured_told"]


def test_the_number_in_the_cure_fits_the_number_of_folders() -> None:
    error = OSError(errno.ENOSPC, "inotify watch limit reached")
    limit = int(Path("/proc/sys/fs/inotify/max_user_watches").read_text())
    own = int(Path("/proc/sys/user/max_inotify_watches").read_text())
    for folders in (1, 1_000, 3_000_000):
        told = why_root_refused(error, folders)
        number = int(told.split("watches=")[1].split(" ")[0])
        assert min(limit, own) + folders <= number <= 4 * (min(limit, own) + folders)
        assert number.bit_count() == 1


def test_all_reasons_are_told_in_one_line() -> None:
    refused = {
        b"/r/closed": Refusal(errno.EACCES),
        b"/r/shut it": Refusal(errno.EACCES),
        b"/r/many": Refusal(errno.ENOSPC, 7),
        b"/r/odd": Refusal(errno.EINVAL),
    }
    told = why_some_refused(refused, b"/r")
    assert told is not None
    assert "\n" not in told
    assert "7 folders in it are" in told
    assert "no permission to look into closed and 1 folder more" in told
    assert "1 folder in it is looked through about every minute, not watched: the system does not watch them" in told
    assert why_some_refused({}, b"/r") is None
