"""Files that were deleted and come back: the same row, and nothing read or encoded again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from core.store.store import Store
from core.store.tombstones import KEEP_NS
from core.types import Stage
from tests.core.test_scan import NO_MODELS, add_root, file_id, finish_reading, names, scan, write
from tests.matching import files_named


def content_of(store: Store, path: Path) -> int | None:
    id_ = file_id(store, path)
    return store.files.rows([id_])[id_].content_id


@pytest.fixture
def read_folder(store: Store, folder: Path) -> Path:
    write(folder, "a.txt", "b.txt", "sub/c.txt")
    add_root(store, folder)
    scan(store, folder)
    finish_reading(store)
    return folder


def test_a_deleted_file_is_neither_found_nor_counted(store: Store, read_folder: Path) -> None:
    (read_folder / "a.txt").unlink()
    assert scan(store, read_folder).removed == 1
    assert files_named(store, "a") == []
    assert store.counts().files == 2
    assert store.tombstones.count() == 1
    assert store.problems() == []


def test_a_restored_file_has_its_row_and_its_content_again(store: Store, read_folder: Path, tmp_path: Path) -> None:
    path = read_folder / "sub" / "c.txt"
    before, content = file_id(store, path), content_of(store, path)
    shutil.copy2(path, tmp_path / "backup")
    path.unlink()
    scan(store, read_folder)
    shutil.copy2(tmp_path / "backup", path)  # another inode, the same size and mtime
    report = scan(store, read_folder)
    assert (report.revived, report.added) == (1, 0)
    assert (file_id(store, path), content_of(store, path)) == (before, content)
    assert store.jobs.ready(Stage.CONTENT) == 1  # its ctime is another: it is hashed, and no more
    assert store.tombstones.count() == 0
    assert len(files_named(store, "c")) == 1
    assert store.problems() == []


def test_a_file_out_of_the_waste_bin_is_known_by_its_inode(store: Store, read_folder: Path, tmp_path: Path) -> None:
    path = read_folder / "a.txt"
    before, content = file_id(store, path), content_of(store, path)
    path.rename(tmp_path / "bin")
    scan(store, read_folder)
    (tmp_path / "bin").rename(read_folder / "sub" / "restored.txt")
    assert scan(store, read_folder).revived == 1
    assert file_id(store, read_folder / "sub" / "restored.txt") == before
    assert content_of(store, read_folder / "sub" / "restored.txt") == content


def test_a_file_comes_back_elsewhere_though_its_place_was_taken(
    store: Store, read_folder: Path, tmp_path: Path
) -> None:
    path = read_folder / "a.txt"
    before = file_id(store, path)
    path.rename(tmp_path / "bin")
    scan(store, read_folder)
    write(read_folder, "a.txt")
    scan(store, read_folder)
    (tmp_path / "bin").rename(read_folder / "sub" / "a.txt")
    assert scan(store, read_folder).revived == 1
    assert file_id(store, read_folder / "sub" / "a.txt") == before
    assert file_id(store, path) != before
    assert store.problems() == []


def test_a_file_restored_into_another_root_is_the_same_file(store: Store, read_folder: Path, tmp_path: Path) -> None:
    before = file_id(store, read_folder / "b.txt")
    (read_folder / "b.txt").rename(tmp_path / "bin")
    scan(store, read_folder)
    other = tmp_path / "Other"
    other.mkdir()
    add_root(store, other)
    scan(store, other)
    (tmp_path / "bin").rename(other / "b.txt")
    assert scan(store, other).revived == 1
    assert file_id(store, other / "b.txt") == before
    assert names(store, other) == {"b.txt"}


def test_the_same_bytes_under_a_new_date_are_known_once_they_are_hashed(store: Store, read_folder: Path) -> None:
    path = read_folder / "a.txt"
    before, content = file_id(store, path), content_of(store, path)
    assert content is not None
    path.unlink()
    scan(store, read_folder)
    path.write_text("this is a.txt")
    assert scan(store, read_folder).added == 1
    new = file_id(store, path)
    assert new != before
    assert store.link_content(new, content, NO_MODELS) == before
    assert file_id(store, path) == before
    assert files_named(store, "a") == [before]
    assert store.tombstones.count() == 0
    assert store.jobs.ready(Stage.CONTENT) == 0
    assert store.problems() == []


def test_a_copy_of_a_file_that_is_still_there_is_a_file_of_its_own(store: Store, read_folder: Path) -> None:
    content = content_of(store, read_folder / "a.txt")
    assert content is not None
    write(read_folder, "copy.txt", "third.txt")
    scan(store, read_folder)
    store.link_content(file_id(store, read_folder / "copy.txt"), content, NO_MODELS)
    (read_folder / "a.txt").unlink()
    scan(store, read_folder)
    third = file_id(store, read_folder / "third.txt")
    assert store.link_content(third, content, NO_MODELS) == third
    assert store.tombstones.count() == 1


def test_a_new_file_never_gets_a_deleted_ones_id(store: Store, read_folder: Path) -> None:
    ids = {file_id(store, path) for path in (read_folder / "a.txt", read_folder / "b.txt", read_folder / "sub/c.txt")}
    for name in ("a.txt", "b.txt", "sub/c.txt"):
        (read_folder / name).unlink()
    scan(store, read_folder)
    write(read_folder, "new.txt", "newer.txt")
    scan(store, read_folder)
    assert not ids & {file_id(store, read_folder / "new.txt"), file_id(store, read_folder / "newer.txt")}


def test_a_file_deleted_before_its_change_was_read_is_hashed_when_it_is_back(store: Store, read_folder: Path) -> None:
    path = read_folder / "a.txt"
    path.write_text("something else entirely")
    scan(store, read_folder)
    status = path.stat()
    assert store.jobs.ready(Stage.CONTENT) == 1
    path.rename(read_folder.with_name("away"))
    scan(store, read_folder)
    read_folder.with_name("away").rename(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert scan(store, read_folder).revived == 1
    assert store.jobs.ready(Stage.CONTENT) == 1


def test_after_a_month_it_is_gone_with_its_content(store: Store, read_folder: Path) -> None:
    known = store.files.by_path(os.fsencode(read_folder / "a.txt"))
    assert known is not None
    now_ns = 2_000_000_000_000_000_000
    store.tombstones.bury([known], now_ns)
    assert (store.tombstones.sweep(now_ns + KEEP_NS), store.contents.sweep(now_ns + KEEP_NS)) == (0, [])
    assert store.tombstones.sweep(now_ns + KEEP_NS + 1) == 1
    assert len(store.contents.sweep(now_ns + KEEP_NS + 1)) == 1
    assert store.segments.count() == 2
    assert store.problems() == []


def test_a_root_that_is_forgotten_takes_its_deleted_files_along(store: Store, read_folder: Path) -> None:
    row = store.roots.by_path(os.fsencode(read_folder))
    assert row is not None
    (read_folder / "a.txt").unlink()
    scan(store, read_folder)
    store.roots.remove(row.id)
    assert store.tombstones.count() == 0
    assert store.problems() == []


def test_deleted_files_change_hands_with_nested_roots(store: Store, read_folder: Path) -> None:
    before = file_id(store, read_folder / "sub" / "c.txt")
    (read_folder / "sub" / "c.txt").rename(read_folder.with_name("away"))
    scan(store, read_folder)
    inner = add_root(store, read_folder / "sub")
    assert store.tombstones.count(inner.id) == 1
    store.roots.remove(inner.id)
    assert store.tombstones.count() == 1
    read_folder.with_name("away").rename(read_folder / "sub" / "c.txt")
    assert scan(store, read_folder).revived == 1
    assert file_id(store, read_folder / "sub" / "c.txt") == before


def test_a_content_that_was_forgotten_before_it_is_linked_has_the_file_read(store: Store, read_folder: Path) -> None:
    content = content_of(store, read_folder / "a.txt")
    assert content is not None
    write(read_folder, "copy.txt")
    scan(store, read_folder)
    [job] = store.jobs.claim(Stage.CONTENT, 5)
    store.tombstones.purge([file_id(store, read_folder / "a.txt")])
    store.link_content(job.file_id, content, NO_MODELS)
    assert [claimed.file_id for claimed in store.jobs.claim(Stage.CONTENT, 5)] == [job.file_id]
    assert store.problems() == []
