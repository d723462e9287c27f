"""Drives that go and come: real file systems, mounted where the system lets a test do so and unmounted at its end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.config import folders_under
from core.errors import FolderError
from core.filesystem import filesystem_id
from core.store.store import Store
from core.types import Stage
from core.watch import presence
from core.watch.departures import Consent
from core.watch.scan import reconcile_roots
from core.watch.usable import usable_folder
from tests.core.test_scan import add_root, finish_reading, names, root_row, scan, write

MANY = presence.HELD_MANY + 10


def allowed(*command: str | Path) -> bool:
    return subprocess.run([*command], check=False, capture_output=True).returncode == 0


@pytest.fixture
def drive(tmp_path: Path, folder: Path):
    """Mounts things on the root: ``drive("ext4-image")`` or ``drive(None)`` for a file system in memory."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root mounts file systems, and only Linux does it like this")
    mounted: list[Path] = []

    def mount(image: Path | None) -> None:
        command = ["mount", "-t", "tmpfs", "none", folder] if image is None else ["mount", "-o", "loop", image, folder]
        if not allowed(*command):
            pytest.skip("the system does not let this process mount")
        mounted.append(folder)

    def unmount() -> None:
        subprocess.run(["umount", mounted.pop()], check=True)

    mount.unmount = unmount  # type: ignore[attr-defined]
    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", place], check=False)


def image_of(path: Path) -> Path:
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not installed")
    with path.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", path], check=True, capture_output=True)
    return path


def rows(store: Store, folder: Path) -> dict[bytes, tuple[int, int | None]]:
    known = store.files.known(root_row(store, folder).id)
    contents = store.files.rows([file.id for file in known.values()])
    return {path: (file.id, contents[file.id].content_id) for path, file in known.items()}


def rows_of_new(store: Store, folder: Path, *paths: str) -> dict[bytes, tuple[int, int | None]]:
    """Write these files, watch the folder and read them; ``rows`` then."""
    write(folder, *paths)
    add_root(store, folder)
    scan(store, folder)
    finish_reading(store)
    return rows(store, folder)


def test_a_drive_that_is_unplugged_and_plugged_in_again_costs_nothing(store: Store, folder: Path, drive) -> None:
    drive(None)
    before = rows_of_new(store, folder, *(f"{number}.txt" for number in range(MANY)))
    saved = folder.with_name("saved")
    shutil.copytree(folder, saved, copy_function=shutil.copy2)
    drive.unmount()
    report = scan(store, folder)  # the empty mount point
    assert (report.offline, report.removed) == (True, 0)
    assert root_row(store, folder).offline
    assert rows(store, folder) == before
    drive(None)
    shutil.copytree(saved, folder, copy_function=shutil.copy2, dirs_exist_ok=True)
    report = scan(store, folder)
    assert (report.offline, report.added, report.removed) == (False, 0, 0)
    assert not root_row(store, folder).offline
    assert rows(store, folder) == before


def test_a_drive_with_few_files_is_known_by_its_file_system(store: Store, folder: Path, tmp_path: Path, drive) -> None:
    if filesystem_id(os.fsencode(tmp_path)) is None:
        pytest.skip("the file system below has no identity that lasts")
    image = image_of(tmp_path / "drive.img")
    drive(image)
    before = rows_of_new(store, folder, "a.txt", "b.txt")
    drive.unmount()
    assert scan(store, folder).offline  # two files are few, but the place is on another file system now
    assert rows(store, folder) == before
    drive(image)
    report = scan(store, folder)
    assert (report.offline, report.differs) == (False, False)
    assert rows(store, folder) == before
    assert store.jobs.ready(Stage.CONTENT) == 0


def test_another_drive_in_its_place_is_not_taken_for_it(store: Store, folder: Path, tmp_path: Path, drive) -> None:
    one, other = image_of(tmp_path / "one.img"), image_of(tmp_path / "other.img")
    drive(one)
    before = rows_of_new(store, folder, *(f"{number}.txt" for number in range(MANY)))
    drive.unmount()
    drive(other)
    write(folder, "guest.txt")
    report = scan(store, folder)
    assert (report.offline, report.added, report.removed) == (True, 0, 0)
    assert rows(store, folder) == before
    assert "guest.txt" not in names(store, folder)
    drive.unmount()
    drive(one)
    assert not scan(store, folder).differs
    assert rows(store, folder) == before


def test_files_that_moved_to_a_new_drive_are_taken_for_themselves(
    store: Store, folder: Path, tmp_path: Path, drive
) -> None:
    old, new = image_of(tmp_path / "old.img"), image_of(tmp_path / "new.img")
    drive(old)
    before = rows_of_new(store, folder, *(f"{number}.txt" for number in range(MANY)))
    saved = folder.with_name("saved")
    shutil.copytree(folder, saved, copy_function=shutil.copy2, ignore=shutil.ignore_patterns("lost+found"))
    drive.unmount()
    drive(new)
    shutil.copytree(saved, folder, copy_function=shutil.copy2, dirs_exist_ok=True)
    report = scan(store, folder)
    assert (report.offline, report.added, report.removed, report.changed) == (False, 0, 0, MANY)
    assert rows(store, folder) == before  # hashed, since their inodes are others, and no more


def test_a_file_system_without_a_number_that_held_few_files_is_missed(store: Store, folder: Path, drive) -> None:
    drive(None)
    write(folder, "a.txt", "b.txt")
    add_root(store, folder)
    scan(store, folder)
    finish_reading(store)
    before = rows(store, folder)
    drive.unmount()
    if filesystem_id(os.fsencode(folder)) is None:
        pytest.skip("the file system below has no identity that lasts")
    assert scan(store, folder).offline  # the empty mount point
    assert rows(store, folder) == before


def test_a_yes_does_not_reach_a_drive_that_is_away(store: Store, folder: Path, drive) -> None:
    drive(None)
    write(folder, *(f"{number}.txt" for number in range(MANY)))
    add_root(store, folder)
    scan(store, folder)
    drive.unmount()
    if filesystem_id(os.fsencode(folder)) is None:
        pytest.skip("the file system below has no identity that lasts")
    consent = Consent({os.fsencode(folder): None})
    report = reconcile_roots(store, [root_row(store, folder)], consent=consent)
    assert (report.offline, report.removed) == (True, 0)


def test_a_view_into_the_kernel_is_not_walked(store: Store, folder: Path, drive) -> None:
    write(folder, "jail/a.txt")
    (folder / "jail" / "proc").mkdir()
    place = folder / "jail" / "proc"
    if not allowed("mount", "-t", "proc", "none", place):
        pytest.skip("the system does not let this process mount")
    try:
        add_root(store, folder)
        report = scan(store, folder)
        with pytest.raises(FolderError, match="view into the system"):
            usable_folder(place / "self", folders_under(folder.with_name("home")))
    finally:
        subprocess.run(["umount", place], check=True)
    assert report.seen == 1
    assert names(store, folder) == {"jail/a.txt"}
