"""Vectors in memory: the same answers as a plain scan, whatever happens to the index meanwhile."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.search import matrices as matrices_module
from core.search import matrix
from core.search.dense import DenseRetriever
from core.search.evidence import limited
from core.search.in_place import InPlace
from core.search.matrices import Matrices
from core.search.matrix import View
from core.store.allowed import Allowed
from core.store.filters import FileFilter
from core.types import Channel, Kind, SegmentKind, Vector
from tests.core.vector_library import DIM, KINDS, SPACE, VectorLibrary
from tests.library import LIMIT_S

FILTERS = (
    FileFilter(),
    FileFilter(kinds=frozenset({Kind.AUDIO})),
    FileFilter(folder=b"/r/a"),
    FileFilter(folder=b"/r/b", kinds=frozenset({Kind.DOCUMENT})),
    FileFilter(after=date(2030, 1, 1)),
)
FILES = 7
HALF = 2e-3  # what float16 may move a cosine by

Places = list[tuple[float, int, int]]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[VectorLibrary]:
    library = VectorLibrary(tmp_path / "home")
    yield library
    library.close()


@contextmanager
def held(library: VectorLibrary, folder: Path | None = None, small: int = -1) -> Iterator[Matrices]:
    matrices = Matrices(library.store, folder, small)
    try:
        matrices.prepare()
        assert matrices.settle(LIMIT_S)
        yield matrices
    finally:
        matrices.close()


def answer(
    matrices: Matrices, library: VectorLibrary, query: Vector, kind: SegmentKind, where: FileFilter, files: int = FILES
) -> Places:
    """(score, content, segment) by the channel of dense texts."""
    with library.store.database.read():
        retriever = DenseRetriever(matrices, Allowed(library.store.database, where), files)
        evidence = retriever.dense_text(retriever.scan(library.space_id, query), kind, np.eye(DIM, dtype=np.float32), 0)
    return [(one.score, one.content_id or 0, one.segment_id or 0) for one in evidence.found]


def expected(everything: Places, files: int) -> Places:
    """A plain list as a channel gives it: so many files, six segments of each, up to the first file too many."""
    counts: dict[int, int] = {}
    found: Places = []
    for row in everything:
        if row[1] not in counts and len(counts) == files:
            break
        counts[row[1]] = counts.get(row[1], 0) + 1
        if counts[row[1]] <= 6:
            found.append(row)
    return found


def expect_alike(found: Places, everything: Places, files: int = FILES) -> None:
    """The same list but for neighbours that float16 may have swapped."""
    wanted = expected(everything, files)
    cosines = {segment: cosine for cosine, _, segment in everything}
    assert all(abs(score - cosines[segment]) < HALF for score, _, segment in found)
    assert [score for score, _, _ in found] == sorted((score for score, _, _ in found), reverse=True)
    if all(before[0] - after[0] > HALF for before, after in pairwise(everything)):
        assert [segment for _, _, segment in found] == [segment for _, _, segment in wanted]
    else:
        assert [score for score, _, _ in found] == pytest.approx([cosine for cosine, _, _ in wanted], abs=HALF)


def expect_true(
    matrices: Matrices, library: VectorLibrary, where: FileFilter = FILTERS[0], *, view: bool = True
) -> None:
    """The answer to a random query is that of a plain scan, and came from memory."""
    if view:
        assert isinstance(matrices.source(library.space_id), View)
    query = library.unit()[0]
    for kind in (SegmentKind.PASSAGE, SegmentKind.SPEECH):
        expect_alike(answer(matrices, library, query, kind, where), library.nearest(query, kind, where))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 12), st.sampled_from(KINDS), st.sampled_from("ab")),
        st.tuples(st.sampled_from(["forget", "delete", "encode"]), st.integers(0, 30)),
        st.tuples(st.just("ask"), st.sampled_from(FILTERS)),
    ),
    min_size=1,
    max_size=14,
)


@pytest.mark.parametrize("exact", [True, False], ids=["float16", "bits"])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, seed=st.integers(0, 2**16))
def test_answers_are_those_of_a_plain_scan_while_another_connection_writes(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, exact: bool, steps, seed: int
) -> None:
    monkeypatch.setattr(matrix, "_EXACT_ROWS", 300_000 if exact else 0)
    base = tmp_path_factory.mktemp("home")
    writer, reader = VectorLibrary(base, seed), VectorLibrary(base, seed + 1)
    contents = [writer.add(3, kind, folder) for kind in KINDS for folder in "ab"]
    with held(reader, base / "vectors") as matrices:
        for name, *values in steps:
            if name == "add":
                contents.append(writer.add(*values))
            elif name == "ask":
                expect_true(matrices, reader, values[0])
            elif contents:
                content_id = contents[values[0] % len(contents)]
                if name == "encode":
                    writer.encode(content_id)
                else:
                    contents.remove(content_id)
                    writer.forget(content_id, vectors_too=name == "delete")
        for where in FILTERS:
            expect_true(matrices, reader, where)
    with held(reader, base / "vectors") as again:
        expect_true(again, reader)
    for library in (writer, reader):
        library.close()


@pytest.mark.parametrize("exact", [True, False], ids=["float16", "bits"])
def test_lists_go_on_below_what_a_filter_takes_out(
    library: VectorLibrary, monkeypatch: pytest.MonkeyPatch, exact: bool
) -> None:
    monkeypatch.setattr(matrix, "_EXACT_ROWS", 300_000 if exact else 0)
    monkeypatch.setattr(matrix, "_CANDIDATES", 64)
    for number in range(300):
        library.add(5, folder="b" if number % 10 == 0 else "a")
    with held(library) as matrices:
        for where in (FILTERS[0], FileFilter(folder=b"/r/b"), FileFilter(folder=b"/r/b/1")):
            query = library.unit()[0]
            everything = library.nearest(query, SegmentKind.PASSAGE, where)
            expect_alike(answer(matrices, library, query, SegmentKind.PASSAGE, where, 300), everything, 300)


def test_an_id_that_is_given_again_is_another_vector(library: VectorLibrary) -> None:
    library.add(3)
    last = library.add(1)
    with held(library) as matrices:
        expect_true(matrices, library)
        library.encode(last)  # deleted and inserted: the highest id goes and comes back
        expect_true(matrices, library)


def test_an_id_that_was_free_before_is_another_vector_when_it_is_given_again(library: VectorLibrary) -> None:
    """What was freed before a view was made, and given again after it, was missing from the next one."""
    library.add(3)
    last = library.add(3)
    with held(library) as matrices:
        library.encode(last)  # leaves a gap below the highest id
        expect_true(matrices, library)
        library.forget(last, vectors_too=True)  # the ids from the gap on are free
        library.add(4)
        expect_true(matrices, library)


def test_a_picture_in_the_place_of_a_content_without_a_hash_is_recognised(library: VectorLibrary) -> None:
    library.add(1, phash=0xF0F0_F0F0)
    matrices = Matrices(library.store)
    plain = library.add(1)
    assert len(matrices.hashes.near(0xF0F0_F0F0)) == 1
    library.forget(plain, vectors_too=True)
    picture = library.add(1, phash=0xF0F0_F0F1)
    assert picture == plain  # the id is given again
    assert picture in matrices.hashes.near(0xF0F0_F0F0)
    matrices.close()


def test_several_parts_are_judged_over_all_segments(library: VectorLibrary) -> None:
    contents = [library.add(4) for _ in range(60)]
    one, two = library.unit(2)

    def together(matrices: Matrices) -> list[int | None]:
        with library.store.database.read():
            retriever = DenseRetriever(matrices, Allowed(library.store.database, FileFilter()), len(contents))
            scans = {number: retriever.scan(library.space_id, query) for number, query in enumerate((one, two))}
            found = retriever.together(Channel.DOCUMENT_DENSE, SegmentKind.PASSAGE, scans).found
        return [place.segment_id for place in found if place.score > 1.0]

    with held(library) as in_memory, held(library, small=10**6) as in_place:
        assert isinstance(in_place.source(library.space_id), InPlace)
        wanted = together(in_place)
        assert wanted
        assert set(wanted[:10]) <= set(together(in_memory)[:14])


def test_small_spaces_are_searched_in_place_and_grow_out_of_it(library: VectorLibrary) -> None:
    library.add(5)
    with held(library, small=5) as matrices:
        assert isinstance(matrices.source(library.space_id), InPlace)
        expect_true(matrices, library, view=False)
        library.add(1)
        matrices.source(library.space_id)
        assert matrices.settle(LIMIT_S)
        expect_true(matrices, library)


def test_a_query_keeps_to_its_own_view_of_the_index(library: VectorLibrary) -> None:
    library.add(3)
    with held(library) as matrices, library.store.database.read():
        before = library.store.vectors.mark()

        def write_and_ask() -> None:
            library.add(3)
            with library.store.database.read():
                assert matrices.source(library.space_id).scored(library.unit()[0]).count(None) == 6

        thread = threading.Thread(target=write_and_ask)
        thread.start()
        thread.join()
        assert library.store.vectors.mark() == before
        assert matrices.source(library.space_id).scored(library.unit()[0]).count(None) == 3


def test_what_is_far_behind_is_answered_in_place_until_it_has_caught_up(
    library: VectorLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.add(3)
    with held(library) as matrices:
        monkeypatch.setattr(matrices_module, "_CATCH_UP", 2)
        library.add(9)
        expect_true(matrices, library, view=False)


def test_a_log_that_was_cut_off_makes_the_reader_start_anew(library: VectorLibrary) -> None:
    contents = [library.add(3) for _ in range(4)]
    with held(library) as matrices:
        library.forget(contents[0], vectors_too=True)
        with library.store.database.write() as db:
            db.execute("DELETE FROM vector_removals WHERE seq < 3")
        expect_true(matrices, library, view=False)


def test_the_log_of_removals_is_bounded(library: VectorLibrary) -> None:
    with library.store.database.write() as db:
        db.execute("INSERT INTO vector_removals (seq, vector_id) VALUES (1, 1), (2, 1), (150000, 1)")
    content_id = library.add(2)
    library.encode(content_id)
    (first,) = library.store.database.connection.execute("SELECT min(seq) FROM vector_removals").fetchone()
    assert first == 150_000
    assert library.store.vectors.removed_since(1) is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_snapshot_is_its_owners_alone(library: VectorLibrary, tmp_path: Path) -> None:
    library.add(3)
    with held(library, tmp_path / "vectors"):
        (path,) = (tmp_path / "vectors").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_next_start_maps_the_snapshot_and_follows_from_there(library: VectorLibrary, tmp_path: Path) -> None:
    contents = [library.add(4) for _ in range(5)]
    with held(library, tmp_path):
        files = list(tmp_path.glob("*.vectors"))
    library.forget(contents[1], vectors_too=True)
    library.add(2)
    with held(library, tmp_path) as matrices:
        view = matrices.source(library.space_id)
        assert isinstance(view, View)
        assert len(view.base.rows) == 20  # as they were then
        assert view.count() == 18
        expect_true(matrices, library)
    assert list(tmp_path.glob("*.vectors")) == files


def damage(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("harm", ["cut", "header", "columns", "rows", "empty"])
def test_a_damaged_snapshot_is_replaced(library: VectorLibrary, tmp_path: Path, harm: str) -> None:
    for _ in range(5):
        library.add(4)
    with held(library, tmp_path):
        (path,) = tmp_path.glob("*.vectors")
    if harm == "cut":
        os.truncate(path, path.stat().st_size - 1)
    elif harm == "empty":
        path.write_bytes(b"")
    else:
        damage(path, {"header": 100, "columns": path.stat().st_size - 30, "rows": 4096 + 1}[harm])
    with held(library, tmp_path) as matrices:
        expect_true(matrices, library)
    (replaced,) = tmp_path.glob("*.vectors")
    assert replaced.name > path.name


def test_a_snapshot_of_another_state_of_the_index_is_not_used(tmp_path: Path) -> None:
    library = VectorLibrary(tmp_path / "home")
    library.add(3)
    library.close()
    backup = shutil.copy(library.folders.index, tmp_path / "backup.db")
    library = VectorLibrary(tmp_path / "home", seed=1)
    library.add(2)
    with held(library, tmp_path / "vectors"):
        pass
    library.close()
    shutil.copy(backup, library.folders.index)
    library = VectorLibrary(tmp_path / "home", seed=2)
    with held(library, tmp_path / "vectors") as matrices:
        expect_true(matrices, library)
    library.add(2)  # as many vectors under the same ids as the snapshot had, but others
    with held(library, tmp_path / "vectors") as matrices:
        expect_true(matrices, library)
    library.close()


def test_two_readers_share_a_folder_and_what_is_of_no_space_leaves_it(library: VectorLibrary, tmp_path: Path) -> None:
    library.add(3)
    (tmp_path / "another-1.vectors").touch()
    with held(library, tmp_path) as one, held(library, tmp_path) as other:
        expect_true(one, library)
        expect_true(other, library)
    assert not (tmp_path / "another-1.vectors").exists()
    library.store.spaces.drop(library.space_id)
    library.space_id = library.store.vectors.space_id(SPACE)
    assert library.store.vectors.count() == 0
    library.add(1)
    with held(library, tmp_path) as matrices:
        expect_true(matrices, library)


def test_without_room_for_a_file_the_vectors_are_held_all_the_same(library: VectorLibrary, tmp_path: Path) -> None:
    (tmp_path / "vectors").write_text("a file where the folder should be")
    library.add(3)
    with held(library, tmp_path / "vectors") as matrices:
        expect_true(matrices, library)


def test_many_changes_make_a_new_snapshot(
    library: VectorLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrices_module, "_STALE_ROWS", 3)
    contents = [library.add(4) for _ in range(5)]
    with held(library, tmp_path):
        (before,) = tmp_path.glob("*.vectors")
    library.forget(contents[0], vectors_too=True)
    library.add(7)
    with held(library, tmp_path) as matrices:
        expect_true(matrices, library)
        (after,) = tmp_path.glob("*.vectors")
        assert after.name > before.name
        view = matrices.source(library.space_id)
        assert isinstance(view, View)
        assert len(view.base.rows) == view.count() == 23
        expect_true(matrices, library)


def test_a_zero_vector_is_like_nothing(library: VectorLibrary) -> None:
    content_id = library.add(2)
    with library.store.database.write() as db:
        db.execute("UPDATE vectors SET vector = zeroblob(?) WHERE content_id = ?", (4 * DIM, content_id))
    library.add(2)
    with held(library) as matrices:
        expect_true(matrices, library)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12)), max_size=12), st.integers(1, 2**64 - 2))
def test_near_copies_are_those_of_few_other_bits(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]], phash: int
) -> None:
    library = VectorLibrary(tmp_path_factory.mktemp("home"))
    contents: list[int] = []
    matrices = Matrices(library.store)
    for step, flipped in steps:
        if step == 2 and contents:
            library.forget(contents.pop(flipped % len(contents)), vectors_too=True)
        else:
            other = phash ^ ((1 << flipped) - 1) if step else None
            contents.append(library.add(1, phash=other))
        stored = {
            content_id: value & (2**64 - 1)
            for content_id, value in library.store.database.connection.execute(
                "SELECT id, phash FROM contents WHERE phash IS NOT NULL"
            )
        }
        telling = 8 <= phash.bit_count() <= 56
        near = {content_id for content_id, value in stored.items() if (value ^ phash).bit_count() <= 6}
        assert matrices.hashes.near(phash) == (near if telling else set())
    matrices.close()
    library.close()


@given(st.lists(st.integers(0, 12), max_size=120), st.integers(1, 12))
def test_a_list_holds_so_many_files_and_six_segments_of_each(contents: list[int], files: int) -> None:
    kept: dict[int, int] = {}
    wanted = []
    for position, content_id in enumerate(contents):
        if content_id in kept or len(kept) < files:
            kept[content_id] = kept.get(content_id, 0) + 1
            if kept[content_id] <= 6:
                wanted.append(position)
    assert limited(np.array(contents, dtype=np.int64), files).tolist() == wanted
