"""Where the index may lie: on a disk of this computer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from core import filesystem
from core.config import folders_under
from core.errors import IndexPlaceError
from core.store.store import Store

MOUNTS = """22 1 8:1 / / rw - ext4 /dev/sda1 rw
40 22 0:50 / {nfs} rw,relatime shared:1 - nfs4 server:/export rw
41 22 0:51 / {guest} rw,relatime - virtiofs shared rw
"""


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of mounts as the kernel would print it: nothing here can mount a network drive."""
    if sys.platform != "linux":
        pytest.skip("Linux's table of mounts")
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS.format(nfs=tmp_path / "nfs", guest=tmp_path / "guest"))
    lines = table.read_bytes().splitlines()
    assert lines
    real_open = open

    def opened(path: object, *arguments: object, **options: object) -> object:
        return real_open(table if path == "/proc/self/mountinfo" else path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(filesystem, "open", opened, raising=False)
    return tmp_path


def test_a_network_drive_is_refused(mounts: Path) -> None:
    folders = folders_under(mounts / "nfs" / "home")
    folders.create()
    with pytest.raises(IndexPlaceError, match=r"network drive \(nfs4\).*FINDLING_HOME"):
        Store(folders)
    assert not folders.index.exists()


@pytest.mark.parametrize("place", ["guest", "local"])
def test_a_disk_of_the_computer_is_not(mounts: Path, place: str) -> None:
    folders = folders_under(mounts / place / "home")
    folders.create()
    Store(folders).close()
    assert folders.index.exists()
