"""The watcher on the real disk, with the real watchdog. Waits are limits, never measures."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.watch.excluded import excluded_below
from core.watch.observer import Observed
from core.watch.settle import Settled
from core.watch.watcher import BURST, Hints, Watcher

if sys.platform == "linux":
    from core.watch.inotify import Tree

LIMIT_S = 30.0
linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture(params=[False, True], ids=["inotify", "observer"] if sys.platform == "linux" else None)
def watcher(request: pytest.FixtureRequest) -> Iterator[Watcher]:
    """Both ways of watching; the second is the one of macOS and Windows, where there is no first."""
    if sys.platform != "linux" and not request.param:
        pytest.skip("inotify is Linux's")
    watcher = Watcher(quiet_s=0.2, observed=request.param)
    yield watcher
    watcher.close()


def follow(watcher: Watcher, *folders: Path) -> None:
    watcher.follow({os.fsencode(folder): excluded_below(os.fsencode(folder)) for folder in folders})


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
    follow(watcher, folder)
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
    follow(watcher, folder)
    old.rename(new)
    gather(watcher, lambda settled, _: covers(settled, old) and covers(settled, new))


def test_a_moved_folder_hints_at_both_trees(watcher: Watcher, folder: Path) -> None:
    (folder / "old" / "deep").mkdir(parents=True)
    (folder / "old" / "deep" / "a.txt").write_text("x")
    follow(watcher, folder)
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
    follow(watcher, folder)
    with open(path, "wb") as file:  # noqa: PTH123 - a bytes path
        file.write(b"x")
    gather(watcher, lambda settled, _: path in settled.paths)


def test_reading_a_file_is_no_event(watcher: Watcher, folder: Path) -> None:
    (folder / "a.txt").write_text("x")
    follow(watcher, folder)
    (folder / "a.txt").read_text()
    (folder / "marker.txt").write_text("x")
    settled, _ = gather(watcher, lambda settled, _: covers(settled, folder / "marker.txt"))
    assert not covers(settled, folder / "a.txt")


def test_what_is_passed_over_is_no_event(folder: Path) -> None:
    for name in ("node_modules/deep", "own", "plain"):
        (folder / name).mkdir(parents=True)
    watcher = Watcher(quiet_s=0.2, ignore={os.fsencode(folder / "own")})
    follow(watcher, folder)
    for name in ("node_modules/deep", "own", "plain"):
        (folder / name / "a.txt").write_text("x")
    settled, _ = gather(watcher, lambda settled, _: covers(settled, folder / "plain" / "a.txt"))
    assert settled.paths == {os.fsencode(folder / "plain" / "a.txt")}
    watcher.close()


def test_a_root_that_is_no_longer_followed_is_silent(watcher: Watcher, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    follow(watcher, folder, other)
    follow(watcher, other)
    (folder / "a.txt").write_text("x")
    (other / "b.txt").write_text("x")
    settled, _ = gather(watcher, lambda settled, _: covers(settled, other / "b.txt"))
    assert not covers(settled, folder / "a.txt")


def test_a_root_deleted_and_made_again_is_scanned_and_watched_again(watcher: Watcher, folder: Path) -> None:
    root = os.fsencode(folder)
    follow(watcher, folder)
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
    follow(watcher, folder)
    folder.rename(folder.with_name("away"))
    other.rename(folder)
    gather(watcher, lambda _, rescan: root in rescan)
    (folder / "b.txt").write_text("x")
    gather(watcher, lambda settled, _: covers(settled, folder / "b.txt"))


def test_a_burst_leads_to_a_scan_and_another_when_it_is_over(watcher: Watcher, folder: Path) -> None:
    root = os.fsencode(folder)
    follow(watcher, folder)
    for number in range(2 * BURST):
        (folder / f"{number}.txt").touch()
    gather(watcher, lambda _, rescan: root in rescan)
    gather(watcher, lambda _, rescan: root in rescan)
    assert not watcher.poll()


def test_scans_of_a_burst_keep_their_distance(watcher: Watcher, folder: Path) -> None:
    root = os.fsencode(folder)
    for number in range(2 * BURST):
        (folder / f"{number}.txt").touch()
    follow(watcher, folder)
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


def test_a_reader_that_died_is_started_again(folder: Path) -> None:
    watcher = Watcher(quiet_s=0.2)
    other = folder.with_name("other")
    other.mkdir()
    follow(watcher, folder, other)
    assert watcher._inotify is not None
    watcher._inotify._reader.stop()
    watcher._inotify._reader.join()
    gather(watcher, lambda _, rescan: rescan == {os.fsencode(folder), os.fsencode(other)})
    for place in (folder, other):
        (place / "a.txt").write_text("x")
        gather(watcher, lambda settled, _, path=place / "a.txt": covers(settled, path))
    watcher.close()


def test_an_observer_that_died_is_started_again(folder: Path) -> None:
    watcher = Watcher(quiet_s=0.2, observed=True)
    follow(watcher, folder)
    feed = watcher._watches[os.fsencode(folder)]._feed
    assert isinstance(feed, Observed)
    feed._observer.stop()
    feed._observer.join()
    gather(watcher, lambda _, rescan: os.fsencode(folder) in rescan)
    (folder / "a.txt").write_text("x")
    gather(watcher, lambda settled, _: covers(settled, folder / "a.txt"))
    watcher.close()


@linux
def test_a_queue_that_overflows_leads_to_a_scan_and_new_watches(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.watch.watcher.BURST", 10**9)  # what is told is not what makes it scan
    queued = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    reads, follower = threading.Event(), threading.current_thread()
    reads.set()

    def clock() -> float:
        if threading.current_thread() is not follower:
            reads.wait()  # the reader, which asks for the time of each event, stands still
        return time.monotonic()

    watcher = Watcher(quiet_s=0.2, clock=clock)
    follow(watcher, folder)
    reads.clear()
    (folder / "first.txt").touch()
    busy = (folder / "one.txt", folder / "two.txt")
    for path in busy:
        path.touch()
    for number in range(queued // 2 + 4_096):  # equal events one after another would count as one
        for path in busy:
            path.chmod(0o600 if number % 2 else 0o640)
    (folder / "unseen").mkdir()
    reads.set()
    gather(watcher, lambda _, rescan: os.fsencode(folder) in rescan)
    (folder / "unseen" / "a.txt").write_text("x")
    gather(watcher, lambda settled, _: os.fsencode(folder / "unseen" / "a.txt") in settled.paths)
    watcher.close()


@linux
def test_the_two_ends_of_a_rename_are_given_out_together(folder: Path) -> None:
    for number in range(40):
        (folder / f"old{number}").mkdir()
        (folder / f"old{number}" / "a.txt").touch()
    watcher = Watcher(quiet_s=0.05)
    follow(watcher, folder)
    found: set[bytes] = set()
    for number in range(40):
        (folder / f"old{number}").rename(folder / f"new{number}")
        trees = watcher.poll().settled.trees
        found |= trees
        for tree in trees:
            other = tree.replace(b"old", b"new") if b"/old" in tree else tree.replace(b"new", b"old")
            assert other in trees
        time.sleep(0.007)
    gather(watcher, lambda settled, _: len(found | settled.trees) == 80)
    watcher.close()


@linux
def test_what_is_passed_over_takes_no_watch(folder: Path) -> None:
    for name in ("node_modules/a/b/c", "plain/deep"):
        (folder / name).mkdir(parents=True)
    watcher = Watcher()
    follow(watcher, folder)
    (folder / ".git" / "objects").mkdir(parents=True)
    (folder / "later").mkdir()
    gather(watcher, lambda settled, _: covers(settled, folder / "later" / "x"))
    tree = watcher._watches[os.fsencode(folder)]._feed
    assert isinstance(tree, Tree)
    assert tree.watched == 4  # the root, plain, plain/deep, later
    watcher.close()


def test_changed_excludes_take_effect_in_a_watched_root(watcher: Watcher, folder: Path) -> None:
    (folder / "drafts").mkdir()
    root = os.fsencode(folder)
    follow(watcher, folder)
    watcher.follow({root: excluded_below(root, ("drafts/",))})
    (folder / "drafts" / "a.txt").write_text("x")
    (folder / "b.txt").write_text("x")
    settled, _ = gather(watcher, lambda settled, _: covers(settled, folder / "b.txt"))
    assert not covers(settled, folder / "drafts" / "a.txt")
    follow(watcher, folder)
    (folder / "drafts" / "c.txt").write_text("x")
    gather(watcher, lambda settled, _: covers(settled, folder / "drafts" / "c.txt"))


@linux
def test_a_renamed_tree_is_one_place_at_each_end_and_is_watched_at_the_new_one(folder: Path) -> None:
    watcher = Watcher(quiet_s=0.2)
    for number in range(50):
        (folder / "old" / f"{number}").mkdir(parents=True)
        (folder / "old" / f"{number}" / "a.txt").touch()
    follow(watcher, folder)
    (folder / "old").rename(folder / "new")
    settled, _ = gather(
        watcher, lambda settled, _: covers(settled, folder / "old" / "x") and covers(settled, folder / "new" / "x")
    )
    assert settled.trees == {os.fsencode(folder / "old"), os.fsencode(folder / "new")}
    (folder / "new" / "7" / "b.txt").write_text("x")
    settled, _ = gather(watcher, lambda settled, _: covers(settled, folder / "new" / "7" / "b.txt"))
    assert settled.paths == {os.fsencode(folder / "new" / "7" / "b.txt")}
    watcher.close()


def test_a_tree_moved_between_roots_is_watched_where_it_is(watcher: Watcher, folder: Path) -> None:
    other = folder.with_name("other")
    other.mkdir()
    (folder / "a" / "b").mkdir(parents=True)
    follow(watcher, folder, other)
    (folder / "a").rename(other / "a")
    gather(watcher, lambda settled, _: covers(settled, other / "a" / "b" / "x"))
    (other / "a" / "b" / "new.txt").write_text("x")
    gather(watcher, lambda settled, _: os.fsencode(other / "a" / "b" / "new.txt") in settled.paths)


def test_a_network_drive_is_scanned_on_a_timer_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The one thing here that is not real: no test can count on a server.
    monkeypatch.setattr("core.watch.watcher.kind_of", lambda _folder: "nfs4")
    root = os.fsencode(folder)
    now = [0.0]
    watcher = Watcher(clock=lambda: now[0])
    follow(watcher, folder)
    note = watcher.notes()[root]
    assert note is not None and "nfs4" in note
    scans = 0
    for second in range(200):
        now[0] = float(second)
        scans += root in watcher.poll().rescan
    assert scans == 3
    watcher.scanned(root, 10.0)
    scans = 0
    for second in range(200, 800):
        now[0] = float(second)
        scans += root in watcher.poll().rescan
    assert scans in (3, 4)  # the first was due already, then every 200 s
    watcher.close()


def test_nothing_is_nothing() -> None:
    assert not Hints(Settled(), frozenset())
