"""Reconciling the index with a real disk."""

from __future__ import annotations

import os
import shutil
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from core.cancel import CancelToken
from core.config import folders_under
from core.errors import Cancelled
from core.filesystem import filesystem_id, same_filesystem
from core.store.filters import FileFilter
from core.store.jobs import ModelState
from core.store.roots import RootRow
from core.store.store import Store
from core.types import Extraction, Kind, Locator, Passage, Stage
from core.watch import presence, walk
from core.watch.excluded import excluded_below
from core.watch.scan import look_at, reconcile, reconcile_roots
from core.watch.settle import Settled
from core.watch.walk import stamp_of
from tests.matching import files_named
from tests.openings import noted_openings

NO_MODELS = ModelState()


def add_root(store: Store, folder: Path) -> RootRow:
    store.roots.add(os.fsencode(folder))
    return root_row(store, folder)


def root_row(store: Store, folder: Path) -> RootRow:
    row = store.roots.by_path(os.fsencode(folder))
    assert row is not None
    return row


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"this is {name}")


def names(store: Store, folder: Path) -> set[str]:
    """What the index knows of a root, relative to it."""
    known = store.files.known(root_row(store, folder).id)
    return {Path(os.fsdecode(path)).relative_to(folder).as_posix() for path in known}


def file_id(store: Store, path: Path) -> int:
    known = store.files.by_path(os.fsencode(path))
    assert known is not None, path
    return known.id


def finish_reading(store: Store) -> None:
    """Give every file with a job a content of its own, as the pipeline would."""
    while jobs := store.jobs.claim(Stage.CONTENT, 100):
        for job in jobs:
            extraction = Extraction(Kind.DOCUMENT, "text/plain", passages=(Passage("words", Locator()),))
            store.commit_content(
                job.file_id,
                job.path.ljust(32, b"0")[-32:],
                extraction,
                extractor_version=1,
                look_alike=None,
                models=NO_MODELS,
            )


def scan(store: Store, folder: Path, **options):
    return reconcile(store, root_row(store, folder), **options)


@settings(max_examples=60, deadline=None)
@given(
    places=st.lists(st.lists(st.sampled_from(["a", "a!", "a.b", "a0", "a\xff", "b", "\x01"]), min_size=1, max_size=3))
)
def test_a_walk_and_the_index_go_through_paths_in_the_same_order(places: list[list[str]]) -> None:
    """They are compared side by side: a separator sorts between the other characters, and pages end anywhere."""
    with tempfile.TemporaryDirectory() as temporary, pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.store.files._PAGE", 3)
        base = Path(temporary)
        folder = base / "Pictures"
        folder.mkdir()
        for place in places:
            path = folder.joinpath(*place)
            if not any(parent.is_file() for parent in path.parents) and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        found = [
            path for path, _ in walk.Walk(os.fsencode(folder), (), excluded_below(os.fsencode(folder), ())).files()
        ]
        assert found == sorted(os.fsencode(path) for path in folder.rglob("*") if path.is_file())
        folders = folders_under(base / "home")
        folders.create()
        store = Store(folders)
        try:
            add_root(store, folder)
            assert scan(store, folder).added == len(found)
            root = root_row(store, folder)
            assert [file.path for file in store.files.in_order(root.id, root.path)] == found
            assert not scan(store, folder).differs
            for path in found[::2]:
                Path(os.fsdecode(path)).unlink()
            assert scan(store, folder).removed == len(found[::2])
            assert names(store, folder) == {os.path.relpath(os.fsdecode(path), folder) for path in found[1::2]}
        finally:
            store.close()


def test_a_scan_does_not_hold_what_is_known_of_a_root(store: Store, folder: Path) -> None:
    """In a large library that would be most of the window's memory, and a stall of it for every sweep of Python's."""
    write(folder, *(f"sub{number % 20}/{number}.jpg" for number in range(4_000)))
    add_root(store, folder)
    scan(store, folder)
    tracemalloc.start()
    try:
        assert scan(store, folder).seen == 4_000
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 1_000_000  # it takes 0.5 MB, and held 1.5


def test_no_scan_opens_a_file(store: Store, folder: Path) -> None:
    write(folder, *(f"sub{number % 7}/{number}.jpg" for number in range(200)))
    add_root(store, folder)
    with noted_openings() as opened:
        assert scan(store, folder).added == 200
        assert not scan(store, folder).differs
        (folder / "sub1" / "1.jpg").unlink()
        (folder / "sub2" / "2.jpg").rename(folder / "moved.jpg")
        look_at(store, Settled(trees=frozenset((os.fsencode(folder),))))
    assert not [path for path in opened if path.startswith(os.fsencode(folder))]


def test_everything_moved_to_another_root_is_no_drive_that_went_away(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "Other"
    other.mkdir()
    write(folder, *(f"all/{number}.txt" for number in range(60)))
    for root in (folder, other):
        add_root(store, root)
        scan(store, root)
    if not root_row(store, folder).fs_id:
        pytest.skip("this file system has no lasting identity")
    before = {file_id(store, folder / "all" / f"{number}.txt") for number in range(60)}
    (folder / "all").rename(other / "all")
    report = reconcile_roots(store, store.roots.all())
    assert (report.moved, report.added) == (60, 0)
    assert {file_id(store, other / "all" / f"{number}.txt") for number in range(60)} == before
    assert names(store, folder) == set()
    reconcile_roots(store, store.roots.all())
    assert not root_row(store, folder).offline


def test_new_files_are_found_by_name_and_queued(store: Store, folder: Path) -> None:
    write(folder, "beachSunset.jpg", "trips/notes.txt")
    add_root(store, folder)
    report = scan(store, folder)
    assert (report.seen, report.added, report.removed) == (2, 2, 0)
    assert len(files_named(store, "sunset")) == 1
    assert len(files_named(store, "trips", where=FileFilter(kinds=frozenset({Kind.DOCUMENT})))) == 1
    assert store.jobs.ready(Stage.CONTENT) == 2


def test_an_unchanged_folder_costs_no_work(store: Store, folder: Path) -> None:
    write(folder, "a.txt", "b/c.txt")
    add_root(store, folder)
    scan(store, folder)
    finish_reading(store)
    report = scan(store, folder)
    assert not report.differs
    assert report.seen == 2
    assert store.jobs.ready(Stage.CONTENT) == 0


def test_an_empty_root_is_fine(store: Store, folder: Path) -> None:
    add_root(store, folder)
    report = scan(store, folder)
    assert (report.seen, report.offline) == (0, False)


def test_changes_are_seen_by_size_or_time(store: Store, folder: Path) -> None:
    write(folder, "a.txt", "b.txt")
    add_root(store, folder)
    scan(store, folder)
    finish_reading(store)
    os.utime(folder / "a.txt", ns=(1, 1_600_000_000_000_000_001))
    assert scan(store, folder).changed == 1
    assert store.jobs.ready(Stage.CONTENT) == 1
    assert store.files.rows([file_id(store, folder / "a.txt")])[file_id(store, folder / "a.txt")].day == "2020-09-13"


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX names, links and pipes")
def test_only_ordinary_files_are_taken(store: Store, folder: Path, tmp_path: Path) -> None:
    write(folder, "real.txt", "sub/deep.txt")
    outside = tmp_path / "outside"
    write(outside, "secret.txt")
    (folder / "link.txt").symlink_to(folder / "real.txt")
    (folder / "out.txt").symlink_to(outside / "secret.txt")
    (folder / "outdir").symlink_to(outside, target_is_directory=True)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "dangling").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.txt")
    add_root(store, folder)
    scan(store, folder)
    assert names(store, folder) == {"real.txt", "sub/deep.txt"}


@pytest.mark.skipif(os.name != "posix", reason="needs names that are not Unicode")
def test_a_name_that_is_not_utf8_is_a_name(store: Store, folder: Path) -> None:
    path = os.fsencode(folder) + b"/caf\xe9.txt"
    with open(path, "wb") as file:  # noqa: PTH123 - a bytes path
        file.write(b"x")
    add_root(store, folder)
    assert scan(store, folder).added == 1
    assert store.files.by_path(path) is not None
    assert not scan(store, folder).differs


def test_caches_secrets_and_half_written_files_are_passed_over(store: Store, folder: Path) -> None:
    write(folder, "a.txt", ".git/config.txt", "x/node_modules/y.txt", ".ssh/id.txt", ".Trash-1000/b.txt")
    write(folder, "~$letter.docx", "film.mp4.part", "._a.txt", "Thumbs.db", ".hidden/c.txt")
    add_root(store, folder)
    scan(store, folder)
    assert names(store, folder) == {"a.txt", ".hidden/c.txt"}


def test_our_own_folders_are_passed_over(store: Store, folder: Path) -> None:
    write(folder, "a.txt", "findling/index.txt")
    add_root(store, folder)
    scan(store, folder, ignore={os.fsencode(folder / "findling")})
    assert names(store, folder) == {"a.txt"}


def test_a_moved_file_keeps_its_row_and_what_is_known_of_it(store: Store, folder: Path) -> None:
    write(folder, "a.txt")
    add_root(store, folder)
    scan(store, folder)
    finish_reading(store)
    before = file_id(store, folder / "a.txt")
    (folder / "new").mkdir()
    (folder / "a.txt").rename(folder / "new" / "b.txt")
    report = scan(store, folder)
    assert (report.moved, report.added, report.removed) == (1, 0, 0)
    assert file_id(store, folder / "new" / "b.txt") == before
    assert store.files.rows([before])[before].content_id is not None
    assert names(store, folder) == {"new/b.txt"}


def test_a_moved_folder_of_many_files_keeps_their_rows(store: Store, folder: Path) -> None:
    write(folder, *(f"old/{number}.txt" for number in range(700)))
    add_root(store, folder)
    scan(store, folder)
    finish_reading(store)
    before = {path.name: file_id(store, path) for path in (folder / "old").iterdir()}
    (folder / "old").rename(folder / "new")
    places = Settled(trees=frozenset({os.fsencode(folder / "old"), os.fsencode(folder / "new")}))
    report = look_at(store, places)
    assert (report.moved, report.added, report.removed) == (700, 0, 0)
    assert {path.name: file_id(store, path) for path in (folder / "new").iterdir()} == before
    assert store.jobs.ready(Stage.CONTENT) == 0  # the files' own ctime has not moved: not even hashed


def test_a_file_moved_between_roots_keeps_its_row(store: Store, tmp_path: Path) -> None:
    for order in (("one", "two"), ("two", "one")):
        source, target = tmp_path / order[0], tmp_path / order[1]
        write(source, "a.txt")
        target.mkdir(exist_ok=True)
        for root in (source, target):
            add_root(store, root)
        reconcile_roots(store, store.roots.all())
        before = file_id(store, source / "a.txt")
        (source / "a.txt").rename(target / "b.txt")
        report = reconcile_roots(store, store.roots.all())
        assert (report.moved, report.added, report.removed) == (1, 0, 0), order
        assert file_id(store, target / "b.txt") == before
        assert names(store, target) == {"b.txt"}
        assert names(store, source) == set()
        (target / "b.txt").unlink()
        reconcile_roots(store, store.roots.all())


def test_a_copy_and_a_hard_link_are_files_of_their_own(store: Store, folder: Path) -> None:
    write(folder, "a.txt")
    add_root(store, folder)
    scan(store, folder)
    before = file_id(store, folder / "a.txt")
    shutil.copy2(folder / "a.txt", folder / "copy.txt")
    os.link(folder / "a.txt", folder / "link.txt")
    report = scan(store, folder)
    assert (report.added, report.moved) == (2, 0)
    assert len({before, file_id(store, folder / "copy.txt"), file_id(store, folder / "link.txt")}) == 3


def test_an_editors_backup_does_not_take_the_row_along(store: Store, folder: Path) -> None:
    write(folder, "letter.txt")
    add_root(store, folder)
    scan(store, folder)
    before = file_id(store, folder / "letter.txt")
    (folder / "letter.txt").rename(folder / "letter.txt~")
    write(folder, "letter.txt")
    scan(store, folder)
    assert file_id(store, folder / "letter.txt") == before
    assert names(store, folder) == {"letter.txt", "letter.txt~"}


def test_a_reused_inode_is_hashed_before_it_is_believed(store: Store, folder: Path) -> None:
    write(folder, "a.txt")
    add_root(store, folder)
    scan(store, folder)
    finish_reading(store)
    known = store.files.by_path(os.fsencode(folder / "a.txt"))
    assert known is not None
    # Another file of the same size and time, with an inode that was given out again: the ctime alone tells.
    (folder / "a.txt").rename(folder / "b.txt")
    now = stamp_of((folder / "b.txt").stat())
    if now.ctime_ns == known.stamp.ctime_ns:
        pytest.skip("this file system keeps a file's ctime when it is renamed")
    assert scan(store, folder).moved == 1
    assert store.jobs.ready(Stage.CONTENT) == 1


def test_deleted_files_leave(store: Store, folder: Path) -> None:
    write(folder, "a.txt", "d/b.txt", "d/c.txt")
    add_root(store, folder)
    scan(store, folder)
    shutil.rmtree(folder / "d")
    assert scan(store, folder).removed == 2
    assert names(store, folder) == {"a.txt"}
    assert store.problems() == []


def test_a_missing_root_keeps_everything(store: Store, folder: Path) -> None:
    write(folder, "a.txt")
    add_root(store, folder)
    scan(store, folder)
    away = folder.with_name("away")
    folder.rename(away)
    report = scan(store, folder)
    assert (report.offline, report.removed) == (True, 0)
    assert root_row(store, folder).offline
    assert names(store, folder) == {"a.txt"}
    assert store.jobs.claim(Stage.CONTENT, 5) == []
    away.rename(folder)
    assert not scan(store, folder).offline
    assert not root_row(store, folder).offline
    assert len(store.jobs.claim(Stage.CONTENT, 5)) == 1


def test_a_root_that_is_suddenly_empty_is_taken_for_unplugged(store: Store, folder: Path) -> None:
    write(folder, *(f"{number}.txt" for number in range(presence.HELD_MANY + 1)))
    add_root(store, folder)
    scan(store, folder)
    for path in folder.iterdir():
        path.unlink()
    (folder / "mount-point-left-behind").mkdir()
    assert scan(store, folder).offline
    assert len(names(store, folder)) == presence.HELD_MANY + 1
    gone = frozenset(store.files.known(root_row(store, folder).id))
    (folder / "mount-point-left-behind").rmdir()
    assert look_at(store, Settled(paths=gone)).removed == 0


def test_a_root_that_was_renamed_and_added_again_keeps_its_files(store: Store, folder: Path) -> None:
    if filesystem_id(os.fsencode(folder)) is None:
        pytest.skip("the file system of the tests has no identity that lasts")
    write(folder, "a.txt", "sub/b.txt")
    add_root(store, folder)
    scan(store, folder)
    finish_reading(store)
    before = {path.name: file_id(store, path) for path in (folder / "a.txt", folder / "sub" / "b.txt")}
    renamed = folder.with_name("Photographs")
    folder.rename(renamed)
    assert scan(store, folder).offline
    add_root(store, renamed)
    report = scan(store, renamed)
    assert (report.moved, report.added) == (2, 0)
    assert {path.name: file_id(store, path) for path in (renamed / "a.txt", renamed / "sub" / "b.txt")} == before


def test_a_small_root_may_be_emptied(store: Store, folder: Path) -> None:
    write(folder, "a.txt", "b.txt")
    add_root(store, folder)
    scan(store, folder)
    for path in folder.iterdir():
        path.unlink()
    report = scan(store, folder)
    assert (report.offline, report.removed) == (False, 2)


def test_a_root_on_another_file_system_is_not_there(store: Store, folder: Path) -> None:
    write(folder, "a.txt")
    row = add_root(store, folder)
    scan(store, folder)
    now = filesystem_id(os.fsencode(folder))
    if now is None:
        pytest.skip("this file system has no identity that lasts")
    scheme = now.split(":")[0]
    # Another disk's folder: none of the known files is in it.
    (folder / "a.txt").rename(folder / "other.txt")
    store.roots.set_scanned(row.id, f"{scheme}:another", 1)
    report = scan(store, folder)
    assert (report.offline, report.removed) == (True, 0)
    assert names(store, folder) == {"a.txt"}
    # The same files on a new disk: the person has moved house.
    (folder / "other.txt").rename(folder / "a.txt")
    assert not scan(store, folder).offline
    assert root_row(store, folder).fs_id == now


def test_identities_that_cannot_be_compared_count_as_the_same() -> None:
    assert same_filesystem(None, "uuid:a")
    assert same_filesystem("", "uuid:a")
    assert same_filesystem("uuid:a", None)
    assert same_filesystem("fsid:1", "uuid:a")
    assert same_filesystem("uuid:a", "uuid:a")
    assert not same_filesystem("uuid:a", "uuid:b")


def test_what_cannot_be_looked_into_is_kept(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(folder, "a.txt", "locked/b.txt", "locked/deeper/c.txt", "gone.txt")
    add_root(store, folder)
    scan(store, folder)
    (folder / "gone.txt").unlink()
    locked = os.fsencode(folder / "locked")
    real = os.scandir

    def refuse(path: bytes):
        if path == locked:
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(walk.os, "scandir", refuse)
    report = scan(store, folder)
    assert report.unreadable == {locked}
    assert report.removed == 1
    assert names(store, folder) == {"a.txt", "locked/b.txt", "locked/deeper/c.txt"}
    assert sum("locked" in record.getMessage() for record in caplog.records) == 1


def test_a_drive_pulled_during_the_walk_deletes_nothing(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "a.txt", "d/b.txt", "e/c.txt")
    add_root(store, folder)
    scan(store, folder)
    real = os.scandir
    away = folder.with_name("away")

    def pull(path: bytes):
        entries = real(path)
        if path == os.fsencode(folder) and pulling:
            folder.rename(away)
        return entries

    pulling = False
    monkeypatch.setattr(walk.os, "scandir", pull)
    real_is_there = presence.is_there

    def is_there(*arguments, **options):
        nonlocal pulling
        pulling = False
        there = real_is_there(*arguments, **options)
        pulling = True
        return there

    monkeypatch.setattr("core.watch.scan.is_there", is_there)
    report = scan(store, folder)
    assert (report.offline, report.removed) == (True, 0)
    assert len(names(store, folder)) == 3


def test_nested_roots_have_their_own_files(store: Store, folder: Path) -> None:
    write(folder, "a.txt", "inner/b.txt")
    add_root(store, folder)
    scan(store, folder)
    before = file_id(store, folder / "inner" / "b.txt")
    inner = add_root(store, folder / "inner")
    reconcile_roots(store, store.roots.all())
    assert names(store, folder) == {"a.txt"}
    assert names(store, folder / "inner") == {"b.txt"}
    assert file_id(store, folder / "inner" / "b.txt") == before
    store.roots.remove(inner.id)
    assert not scan(store, folder).differs
    assert names(store, folder) == {"a.txt", "inner/b.txt"}


def test_a_cancelled_scan_forgets_nothing(store: Store, folder: Path) -> None:
    write(folder, "a.txt", "d/b.txt")
    add_root(store, folder)
    scan(store, folder)
    (folder / "a.txt").unlink()
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        scan(store, folder, cancel=token)
    assert names(store, folder) == {"a.txt", "d/b.txt"}


def test_a_root_removed_during_its_scan_stays_removed(store: Store, folder: Path) -> None:
    write(folder, *(f"{number}.txt" for number in range(1_200)))
    row = add_root(store, folder)
    reports = []

    def on_batch(report) -> None:
        reports.append(report)
        store.roots.remove(row.id)

    reconcile_roots(store, [row], on_batch=on_batch)
    assert len(reports) >= 2
    assert store.counts().files == 0
    assert store.problems() == []


def test_two_scans_at_once_agree(store: Store, folder: Path) -> None:
    write(folder, *(f"{number}.txt" for number in range(600)))
    row = add_root(store, folder)
    reconcile_roots(store, [row], on_batch=lambda _report: reconcile(store, row))
    assert len(names(store, folder)) == 600
    assert store.problems() == []


def test_places_outside_every_root_or_passed_over_are_ignored(store: Store, folder: Path, tmp_path: Path) -> None:
    write(folder, "a.txt", ".git/b.txt", "own/c.txt", "node_modules/d/e.txt")
    write(tmp_path, "outside.txt")
    add_root(store, folder)
    places = [".git", ".git/b.txt", "own", "own/c.txt", "node_modules/d", "node_modules/d/e.txt"]
    paths = frozenset(os.fsencode(folder / place) for place in places)
    report = look_at(
        store, Settled(paths | {os.fsencode(tmp_path / "outside.txt")}), ignore={os.fsencode(folder / "own")}
    )
    assert report.added == 0


def test_a_look_sees_files_become_folders_and_back(store: Store, folder: Path) -> None:
    write(folder, "x")
    add_root(store, folder)
    scan(store, folder)
    place = Settled(paths=frozenset({os.fsencode(folder / "x")}))
    (folder / "x").unlink()
    write(folder, "x/y.txt")
    look_at(store, place)
    assert names(store, folder) == {"x/y.txt"}
    shutil.rmtree(folder / "x")
    write(folder, "x")
    look_at(store, place)
    assert names(store, folder) == {"x"}


def test_a_look_at_a_root_that_came_back_looks_at_all_of_it(store: Store, folder: Path) -> None:
    write(folder, "a.txt", "b.txt")
    add_root(store, folder)
    scan(store, folder)
    away = folder.with_name("away")
    folder.rename(away)
    scan(store, folder)
    away.rename(folder)
    (folder / "a.txt").unlink()
    write(folder, "c.txt")
    look_at(store, Settled(paths=frozenset({os.fsencode(folder / "c.txt")})))
    assert names(store, folder) == {"b.txt", "c.txt"}
    assert not root_row(store, folder).offline


def test_a_time_past_the_calendar_is_a_time(store: Store, folder: Path) -> None:
    write(folder, "a.txt")
    after_2262_s = 10**10  # more nanoseconds than a signed 64-bit number holds
    os.utime(folder / "a.txt", (after_2262_s, after_2262_s))
    if (folder / "a.txt").stat().st_mtime != after_2262_s:
        pytest.skip("this file system does not hold such a time")
    add_root(store, folder)
    assert scan(store, folder).added == 1
    assert not scan(store, folder).differs


class DiskMachine(RuleBasedStateMachine):
    """Any history of a folder: after a scan, or a look where things happened, index and disk are the same."""

    FILES = ("a.txt", "b.txt", "d/a.txt", "d/b.txt", "d/e/a.txt", "f/a.txt")
    FOLDERS = ("d", "d/e", "f")

    @initialize()
    def start(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="findling-scan-"))
        folders = folders_under(self.base / "home")
        folders.create()
        self.store = Store(folders)
        self.folder = self.base / "root"
        self.folder.mkdir()
        add_root(self.store, self.folder)
        scan(self.store, self.folder)
        self.touched: set[str] = set()
        self.counter = 0

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.base)

    @rule(name=st.sampled_from(FILES))
    def write(self, name: str) -> None:
        path = self._free(name)
        if path is not None:
            self.counter += 1
            path.write_text("x" * self.counter)
            self._note(name)

    @rule(name=st.sampled_from(FILES))
    def delete(self, name: str) -> None:
        path = self.folder / name
        if path.is_symlink() or path.is_file():
            self._note(name)
            path.unlink()

    @rule(name=st.sampled_from(FILES), to=st.sampled_from(FILES))
    def move(self, name: str, to: str) -> None:
        if name != to and (self.folder / name).is_file() and self._free(to) is not None:
            self._note(name, to)
            (self.folder / name).replace(self.folder / to)

    @rule(name=st.sampled_from(FOLDERS), to=st.sampled_from(FOLDERS))
    def move_folder(self, name: str, to: str) -> None:
        source, destination = self.folder / name, self.folder / to
        inside = to == name or to.startswith(name + "/") or name.startswith(to + "/")
        if source.is_dir() and not inside and not destination.exists() and destination.parent.is_dir():
            source.rename(destination)
            self._note(name, to)

    @rule(name=st.sampled_from(FILES), to=st.sampled_from(FILES), symbolic=st.booleans())
    def link(self, name: str, to: str, symbolic: bool) -> None:
        source, path = self.folder / name, self.folder / to
        if source.is_file() and not source.is_symlink() and not os.path.lexists(path) and self._free(to):
            if symbolic:
                path.symlink_to(source)
            else:
                os.link(source, path)
            self._note(to)

    @rule()
    def read(self) -> None:
        finish_reading(self.store)

    @rule()
    def scan(self) -> None:
        scan(self.store, self.folder)
        self._expect_in_line()

    @rule()
    def look(self) -> None:
        look_at(self.store, Settled(paths=frozenset(os.fsencode(self.folder / name) for name in self.touched)))
        self._expect_in_line()

    def _expect_in_line(self) -> None:
        self.touched.clear()
        known = self.store.files.known(root_row(self.store, self.folder).id)
        on_disk = {
            os.fsencode(path): stamp_of(path.lstat())
            for path in self.folder.rglob("*")
            if path.is_file() and not path.is_symlink()
        }
        assert {path: file.stamp for path, file in known.items()} == on_disk
        assert self.store.problems() == []

    def _free(self, name: str) -> Path | None:
        """The path, its folder made, unless something other than a file is in the way."""
        path = self.folder / name
        if any(parent.is_file() for parent in path.parents) or path.is_dir() or path.is_symlink():
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _note(self, *changed: str) -> None:
        self.touched |= set(changed)
        # What happens to one name of a file changes the ctime of its other names too.
        for name in self.FILES:
            path = self.folder / name
            if path.is_file() and not path.is_symlink() and path.stat().st_nlink > 1:
                self.touched.add(name)


TestDisk = DiskMachine.TestCase
TestDisk.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
