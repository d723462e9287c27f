"""The watcher on the real disk, with the real watchdog. Waits are limits, never measures."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.watch import watcher as module
from core.watch.settle import Settled
from core.watch.watcher import BURST, Hints, Watcher

LIMIT_S = 30.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def watcher():
    watcher = Watcher(quiet_s=0.2)
    yield watcher
    watcher.close()


def gather(watcher: Watcher, enough: Callable[[Settled, frozenset[bytes]], bool]) -> tuple[Settled, frozenset[bytes]]:
    """Poll until what has come together is enough."""
    paths: frozenset[bytes] = frozenset()
    trees: frozenset[bytes] = frozenset()
    rescan: frozenset[bytes] = frozenset()
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        hints = watcher.poll()
        paths, trees, rescan = paths | hints.settled.paths, trees | hints.settled.trees, rescan | hints.rescan
        if enough(Settled(paths, trees), rescan):
            return Settled(paths, trees), rescan
        time.sleep(0.05)
    raise AssertionError(f"only {paths}, {trees}, {rescan}")


def covers(settled: Settled, path: Path) -> bool:
    encoded = os.fsencode(path)
    return encoded in settled.paths or any(
        encoded == tree or encoded.startswith(tree + os.fsencode(os.sep)) for tree in settled.trees
    )


def test_a_new_changed_and_deleted_file_is_a_hint(watcher: Watcher, folder: Path) -> None:
    path = folder / "a.txt"
    watcher.follow([os.fsencode(folder)])
    path.write_text("one")
    gather(watcher, lambda settled, _: covers(settled, path))
    path.write_text("two")
    gather(watcher, lambda settled, _: covers(settled, path))
    path.unlink()
    gather(watcher, lambda settled, _: covers(settled, path))


def test_a_move_hints_at_both_ends(watcher: Watcher, folder: Path) -> None:
    old, new = folder / "old.txt", folder / "sub" / "new.txt"
    old.write_text("x")
    new.parent.mkdir()
    watcher.follow([os.fsencode(folder)])
    old.rename(new)
    gather(watcher, lambda settled, _: covers(settled, old) and covers(settled, new))


def test_a_moved_folder_hints_at_both_trees(watcher: Watcher, folder: Path) -> None:
    (folder / "old" / "deep").mkdir(parents=True)
    (folder / "old" / "deep" / "a.txt").write_text("x")
    watcher.follow([os.fsencode(folder)])
    (folder / "old").rename(folder / "new")
    gather(
        watcher,
        lambda settled, _: (
            covers(settled, folder / "old" / "deep" / "a.txt") and covers(settled, folder / "new" / "deep" / "a.txt")
        ),
    )


@pytest.mark.skipif(os.name != "posix", reason="needs names that are not Unicode")
def test_names_that_are_not_utf8_come_through(watcher: Watcher, folder: Path) -> None:
    path = os.fsencode(folder) + b"/caf\xe9.txt"
    watcher.follow([os.fsencode(folder)])
    with open(path, "wb") as file:  # noqa: PTH123 - a bytes path
        file.write(b"x")
    gather(watcher, lambda settled, _: path in settled.paths)


def test_reading_a_file_is_no_event(watcher: Watcher, folder: Path) -> None:
    (folder / "a.txt").write_text("x")
    watcher.follow([os.fsencode(folder)])
    (folder / "a.txt").read_text()
    (folder / "marker.txt").write_text("x")
    settled, _ = gather(watcher, lambda settled, _: covers(settled, folder / "marker.txt"))
    assert not covers(settled, folder / "a.txt")


def test_what_is_passed_over_is_no_event(folder: Path) -> None:
    for name in ("node_modules/deep", "own", "plain"):
        (folder / name).mkdir(parents=True)
    watcher = Watcher(quiet_s=0.2, ignore={os.fsencode(folder / "own")})
    watcher.follow([os.fsencode(folder)])
    for name in ("node_modules/deep", "own", "plain"):
        (folder / name / "a.txt").write_text("x")
    settled, _ = gather(watcher, lambda settled, _: covers(settled, folder / "plain" / "a.txt"))
    assert settled.paths == {os.fsencode(folder / "plain" / "a.txt")}
    watcher.close()


def test_a_root_that_is_no_longer_followed_is_silent(watcher: Watcher, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    watcher.follow([os.fsencode(folder), os.fsencode(other)])
    watcher.follow([os.fsencode(other)])
    (folder / "a.txt").write_text("x")
    (other / "b.txt").write_text("x")
    settled, _ = gather(watcher, lambda settled, _: covers(settled, other / "b.txt"))
    assert not covers(settled, folder / "a.txt")


def test_a_root_deleted_and_made_again_is_scanned_and_watched_again(watcher: Watcher, folder: Path) -> None:
    root = os.fsencode(folder)
    watcher.follow([root])
    shutil.rmtree(folder)
    gather(watcher, lambda _, rescan: root in rescan)
    folder.mkdir()
    gather(watcher, lambda _, rescan: root in rescan)
    (folder / "a.txt").write_text("x")
    gather(watcher, lambda settled, _: covers(settled, folder / "a.txt"))


def test_a_root_exchanged_for_another_folder_is_scanned(watcher: Watcher, folder: Path) -> None:
    root = os.fsencode(folder)
    other = folder.with_name("other")
    other.mkdir()
    watcher.follow([root])
    folder.rename(folder.with_name("away"))
    other.rename(folder)
    gather(watcher, lambda _, rescan: root in rescan)
    (folder / "b.txt").write_text("x")
    gather(watcher, lambda settled, _: covers(settled, folder / "b.txt"))


def test_a_burst_leads_to_a_scan_and_another_when_it_is_over(watcher: Watcher, folder: Path) -> None:
    root = os.fsencode(folder)
    watcher.follow([root])
    for number in range(2 * BURST):
        (folder / f"{number}.txt").touch()
    gather(watcher, lambda _, rescan: root in rescan)
    gather(watcher, lambda _, rescan: root in rescan)
    assert not watcher.poll()


def test_scans_of_a_burst_keep_their_distance(watcher: Watcher, folder: Path) -> None:
    root = os.fsencode(folder)
    for number in range(2 * BURST):
        (folder / f"{number}.txt").touch()
    watcher.follow([root])
    watcher.scanned(root, 1e9)
    for number in range(2 * BURST):
        (folder / f"{number}.txt").unlink()
    (folder / "marker.txt").touch()
    rescans: set[bytes] = set()
    deadline = time.monotonic() + 3.0
    while time.monotonic() < deadline:
        rescans |= watcher.poll().rescan
        time.sleep(0.05)
    assert rescans == set()


def test_an_observer_that_died_is_started_again(watcher: Watcher, folder: Path) -> None:
    root = os.fsencode(folder)
    watcher.follow([root])
    observer = watcher._watches[root]._observer
    assert observer is not None
    observer.stop()
    observer.join()
    gather(watcher, lambda _, rescan: root in rescan)
    (folder / "a.txt").write_text("x")
    gather(watcher, lambda settled, _: covers(settled, folder / "a.txt"))


def test_where_watching_is_refused_the_root_is_scanned_on_a_timer(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Refusing(module.Observer):  # type: ignore[misc]
        def start(self) -> None:
            raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr(module, "Observer", Refusing)
    now = [0.0]
    watcher = Watcher(clock=lambda: now[0])
    watcher.follow([os.fsencode(folder)])
    assert "max_user_watches" in caplog.text
    scans = 0
    for second in range(200):
        now[0] = float(second)
        scans += bool(watcher.poll().rescan)
    assert scans == 3
    watcher.close()


def test_nothing_is_nothing() -> None:
    assert not Hints(Settled(), frozenset())
