"""Removals that ask first, and what is excluded and leaves without a question."""

from __future__ import annotations

import json
import os
import shutil
from itertools import permutations
from pathlib import Path

import pytest

from core.cancel import CancelToken
from core.index.lookout import Lookout
from core.index.requests import apply_requests, excluded_files
from core.store.roots import Verb
from core.store.store import Store
from core.types import Stage
from core.watch.departures import Consent, needs_a_yes
from core.watch.excluded import Excluded
from core.watch.scan import look_at, reconcile_roots
from core.watch.settle import Settled
from tests.core.test_scan import (
    NO_MODELS,
    add_root,
    file_id,
    finish_reading,
    names,
    root_row,
    scan,
    write,
)
from tests.matching import files_named


@pytest.fixture
def large(store: Store, folder: Path) -> Path:
    """A root of 200 files in ten folders, all of them read."""
    write(folder, *(f"{group}/{number}.txt" for group in range(10) for number in range(20)))
    add_root(store, folder)
    scan(store, folder)
    finish_reading(store)
    return folder


def lose(folder: Path, *groups: int) -> Path:
    """Move some of the ten folders out of the root."""
    away = folder.with_name("away")
    away.mkdir(exist_ok=True)
    for group in groups:
        (folder / str(group)).rename(away / str(group))
    return away


def test_few_files_and_small_parts_need_no_yes() -> None:
    assert not needs_a_yes(50, 51)  # a small root may be emptied
    assert not needs_a_yes(200, 1000)
    assert needs_a_yes(201, 1000)
    assert needs_a_yes(51, 200)


def test_many_missing_files_stay_until_a_person_agrees(store: Store, large: Path) -> None:
    lose(large, 0, 1, 2)
    report = scan(store, large)
    assert (report.removed, report.withheld) == (0, {os.fsencode(large)})
    assert root_row(store, large).missing == 60
    assert len(names(store, large)) == 200
    assert len(files_named(store, "7")) >= 10
    assert scan(store, large).removed == 0  # and again
    report = scan(store, large, consent=Consent({os.fsencode(large): 60}))
    assert (report.removed, report.withheld) == (60, frozenset())
    assert root_row(store, large).missing == 0
    assert store.tombstones.count() == 60


def test_a_yes_to_sixty_files_is_none_to_a_hundred_more(store: Store, large: Path) -> None:
    lose(large, 0, 1, 2)
    scan(store, large)
    lose(large, 3, 4, 5, 6, 7)
    report = scan(store, large, consent=Consent({os.fsencode(large): 60}))
    assert (report.removed, root_row(store, large).missing) == (0, 160)
    assert scan(store, large, consent=Consent({os.fsencode(large): None})).removed == 160


def test_the_question_goes_when_the_files_are_back(store: Store, large: Path) -> None:
    away = lose(large, 0, 1, 2)
    scan(store, large)
    ids = {path: file.id for path, file in store.files.known(root_row(store, large).id).items()}
    for group in (0, 1):
        (away / str(group)).rename(large / str(group))
    report = scan(store, large)
    assert (report.removed, report.withheld, root_row(store, large).missing) == (20, frozenset(), 0)
    (away / "2").rename(large / "2")
    assert scan(store, large).revived == 20
    assert {path: file.id for path, file in store.files.known(root_row(store, large).id).items()} == ids
    assert store.jobs.ready(Stage.CONTENT) == 0


def test_folder_after_folder_may_be_deleted(store: Store, large: Path) -> None:
    write(large, "kept.txt")
    scan(store, large)
    for group in range(10):
        shutil.rmtree(large / str(group))
        report = scan(store, large)
        assert (report.removed, report.withheld) == (20, frozenset()), group
    assert names(store, large) == {"kept.txt"}


def test_files_that_moved_to_another_root_are_no_removals(store: Store, large: Path, tmp_path: Path) -> None:
    other = tmp_path / "Other"
    other.mkdir()
    add_root(store, other)
    for group in range(5):
        (large / str(group)).rename(other / str(group))
    report = reconcile_roots(store, store.roots.all())
    assert (report.moved, report.removed, report.withheld) == (100, 0, frozenset())


def test_a_stream_of_small_hints_is_one_removal(store: Store, large: Path) -> None:
    lookout, stop = Lookout(store, frozenset(), tuple), CancelToken()
    ids = {path: file.id for path, file in store.files.known(root_row(store, large).id).items()}
    removed = 0
    for group in range(9):
        places = frozenset(os.fsencode(path) for path in (large / str(group)).iterdir())
        shutil.rmtree(large / str(group))
        removed += lookout.look(Settled(places), stop).removed
    assert removed == 0
    row = root_row(store, large)
    assert row.missing == 60  # as many as it took to ask; how many they are is counted when it is quiet
    assert {path: file.id for path, file in store.files.known(row.id).items()} == ids
    assert [root.path for root in lookout.calm([row.path])] == [row.path]
    lookout.scan(lookout.calm([row.path]), stop)
    assert root_row(store, large).missing == 180
    assert lookout.calm([row.path]) == []
    assert store.problems() == []


def test_hints_of_one_folder_after_another_are_no_stream(store: Store, large: Path) -> None:
    lookout, stop = Lookout(store, frozenset(), tuple), CancelToken()
    for group in range(5):
        shutil.rmtree(large / str(group))
        lookout.look(Settled(trees=frozenset({os.fsencode(large / str(group))})), stop)
        lookout.calm([os.fsencode(large)])
    assert len(names(store, large)) == 100
    assert root_row(store, large).missing == 0


def test_files_that_come_back_by_hints_end_the_question(store: Store, large: Path) -> None:
    lookout, stop = Lookout(store, frozenset(), tuple), CancelToken()
    away = lose(large, 0, 1, 2)
    lookout.scan(lookout.roots(), stop)
    assert root_row(store, large).missing == 60
    for group in range(3):
        (away / str(group)).rename(large / str(group))
        lookout.look(Settled(trees=frozenset({os.fsencode(large / str(group))})), stop)
    lookout.scan(lookout.calm([os.fsencode(large)]), stop)
    assert root_row(store, large).missing == 0
    assert len(names(store, large)) == 200


def test_a_yes_given_elsewhere_is_carried_out_by_the_next_scan(store: Store, large: Path) -> None:
    lookout, stop = Lookout(store, frozenset(), tuple), CancelToken()
    lose(large, 0, 1, 2)
    lookout.scan(lookout.roots(), stop)
    store.roots.request(Verb.ALLOW, os.fsencode(large), "60")
    to_scan = lookout.carry_out()
    assert to_scan is not None
    assert lookout.scan(to_scan, stop).removed == 60
    assert lookout.carry_out() is None
    lose(large, 3, 4, 5, 6)
    assert lookout.scan(lookout.roots(), stop).removed == 0  # it was for that one time


# What is excluded


def test_what_is_newly_excluded_leaves_at_once_with_all_that_only_it_had(store: Store, large: Path) -> None:
    private = large / "0" / "7.txt"
    id_ = file_id(store, private)
    content = store.files.rows([id_])[id_].content_hash
    assert content is not None
    store.thumbnails.write(content, b"thumbnail", b"preview")
    store.roots.request(Verb.EXCLUDE, os.fsencode(large), json.dumps(["/0/", "/1/", "/2/", "/3/", "9.txt"]))
    applied = apply_requests(store)
    assert applied.scan == {os.fsencode(large)}
    assert len(names(store, large)) == 200 - 80 - 6
    assert store.thumbnails.find(content, 256) is None
    assert store.contents.by_hash(bytes.fromhex(content)) is None
    assert store.tombstones.count() == 0
    assert not scan(store, large).differs
    assert store.problems() == []


def test_a_content_that_another_file_has_stays(store: Store, large: Path) -> None:
    twin = file_id(store, large / "1" / "0.txt")
    content_id = store.files.rows([twin])[twin].content_id
    assert content_id is not None
    other = file_id(store, large / "0" / "0.txt")
    store.link_content(other, content_id, NO_MODELS)
    root = root_row(store, large)
    store.roots.set_excludes(root.id, ["/0/"])
    assert scan(store, large).removed == 20
    assert store.files.rows([twin])[twin].content_id == content_id


def test_what_was_deleted_before_it_was_excluded_is_no_longer_kept(store: Store, large: Path) -> None:
    shutil.rmtree(large / "0")
    scan(store, large)
    assert store.tombstones.count() == 20
    segments = store.segments.count()
    store.roots.set_excludes(root_row(store, large).id, ["0/"])
    scan(store, large)
    assert store.tombstones.count() == 0
    assert store.segments.count() == segments - 20


def test_a_root_that_is_away_loses_what_is_excluded(store: Store, large: Path) -> None:
    large.rename(large.with_name("unplugged"))
    store.roots.set_excludes(root_row(store, large).id, ["/0/"])
    report = scan(store, large)
    assert report.offline
    assert len(names(store, large)) == 180


def test_a_root_that_is_away_is_gone_through_once_for_each_change_of_the_patterns(
    store: Store, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = large.with_name("unplugged")
    large.rename(away)
    asked: list[bytes] = []
    covers = Excluded.covers

    def noting(rules: Excluded, path: bytes) -> bool:
        asked.append(path)
        return covers(rules, path)

    monkeypatch.setattr(Excluded, "covers", noting)
    scan(store, large)
    assert len(asked) == 200
    scan(store, large)
    assert len(asked) == 200
    assert scan(store, large, exclude=("1/",)).removed == 20
    away.rename(large)
    assert scan(store, large).added == 20  # with the patterns of before
    large.rename(away)
    assert scan(store, large, exclude=("1/",)).removed == 20
    assert len(names(store, large)) == 180


def test_what_is_no_longer_excluded_comes_in(store: Store, large: Path) -> None:
    root = root_row(store, large)
    store.roots.set_excludes(root.id, ["*.txt", "!/0/*.txt"])
    scan(store, large)
    assert len(names(store, large)) == 20
    store.roots.set_excludes(root.id, [])
    assert scan(store, large).added == 180


def test_the_settings_patterns_come_before_the_roots_own(store: Store, large: Path) -> None:
    root = root_row(store, large)
    store.roots.set_excludes(root.id, ["!/0/"])
    scan(store, large, exclude=("0/", "1/", "2/"))
    assert len(names(store, large)) == 160
    assert len(excluded_files(store, root, ("0/", "1/", "2/", "3/"))) == 40


def test_a_hint_of_an_excluded_file_takes_it_out(store: Store, large: Path) -> None:
    path = large / "0" / "7.txt"
    store.roots.set_excludes(root_row(store, large).id, ["7.txt"])
    look_at(store, Settled(paths=frozenset({os.fsencode(path)})))
    assert store.files.by_path(os.fsencode(path)) is None
    assert store.tombstones.count() == 0


def test_an_inner_root_that_is_given_up_obeys_the_outer_ones_patterns(store: Store, large: Path) -> None:
    store.roots.set_excludes(root_row(store, large).id, ["/0/"])
    scan(store, large)
    inner = add_root(store, large / "0")
    scan(store, large / "0")
    assert len(names(store, large / "0")) == 20
    store.roots.request(Verb.REMOVE, inner.path)
    lookout = Lookout(store, frozenset(), tuple)
    lookout.scan(lookout.carry_out() or [], CancelToken())
    assert len(names(store, large)) == 180
    assert store.tombstones.count() == 0


# Roots in roots


@pytest.mark.parametrize("order", list(permutations(("", "a", "a/b"))))
def test_overlapping_roots_index_a_file_once(store: Store, folder: Path, order: tuple[str, ...]) -> None:
    write(folder, "top.txt", "a/mid.txt", "a/b/deep.txt", "c/side.txt")
    lookout, stop = Lookout(store, frozenset(), tuple), CancelToken()

    def bring(verb: Verb, *places: str) -> None:
        for place in places:
            store.roots.request(verb, os.fsencode(folder / place))
        lookout.scan(lookout.carry_out() or [], stop)

    def owners() -> dict[str, str]:
        """For each file the root that has it, both relative to the folder."""
        paths = {root.id: os.fsdecode(root.path) for root in store.roots.all()}
        return {
            Path(os.fsdecode(file.path)).name: os.path.relpath(paths[root_id], folder)
            for root_id in paths
            for file in store.files.known(root_id).values()
        }

    for place in order:
        bring(Verb.ADD, place)
    everything = {"top.txt": ".", "mid.txt": "a", "deep.txt": "a/b", "side.txt": "."}
    assert owners() == everything
    assert store.counts().files == 4
    finish_reading(store)
    ids = {path: file.id for root in store.roots.all() for path, file in store.files.known(root.id).items()}
    bring(Verb.REMOVE, "a")  # the middle one: its files go to the outer root, those of the inner one stay there
    assert owners() == everything | {"mid.txt": "."}
    bring(Verb.REMOVE, "a/b")
    assert owners() == dict.fromkeys(everything, ".")
    bring(Verb.ADD, "a/b", "a")
    assert owners() == everything
    bring(Verb.REMOVE, "")
    assert owners() == {"mid.txt": "a", "deep.txt": "a/b"}
    bring(Verb.ADD, "")
    assert owners() == everything
    kept = {path: file.id for root in store.roots.all() for path, file in store.files.known(root.id).items()}
    for name in ("a/mid.txt", "a/b/deep.txt"):
        assert kept[os.fsencode(folder / name)] == ids[os.fsencode(folder / name)]
    assert store.problems() == []
