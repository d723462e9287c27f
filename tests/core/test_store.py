"""The store through its public surface, on a real index file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

from core.errors import IndexDamagedError
from core.store.allowed import Allowed
from core.store.connection import Database
from core.store.files import FoundFile, KnownFile, MovedFile, from_signed, to_signed
from core.store.filters import FileFilter, is_under
from core.store.jobs import ModelState
from core.store.repair import damaged_vectors
from core.store.store import Store, look_alike_space
from core.store.vectors import NewVector
from core.store.words import split_name
from core.types import (
    EmbeddingSpace,
    Extraction,
    FileStamp,
    Kind,
    Locator,
    Metadata,
    Passage,
    SegmentKind,
    SpeechSpan,
    Stage,
)
from tests.matching import files_named, segments_with

SPACE = EmbeddingSpace("test", "w1", 4, "1")
NO_MODELS = ModelState()


def stamp(size: int = 10, mtime_ns: int = 1_700_000_000_000_000_000, inode: int = 1) -> FileStamp:
    return FileStamp(size, mtime_ns, mtime_ns, inode)


def add_file(store: Store, path: bytes, kind: Kind = Kind.DOCUMENT, root: bytes = b"/r", **of_stamp: int) -> int:
    root_id = store.roots.add(root)
    store.files.add(root_id, [FoundFile(path, kind, stamp(**of_stamp))])
    known = store.files.by_path(path)
    assert known is not None
    return known.id


def known(store: Store, path: bytes) -> KnownFile:
    file = store.files.by_path(path)
    assert file is not None
    return file


def read_document(
    store: Store, file_id: int, *texts: str, digest: bytes = b"d" * 32, models: ModelState = NO_MODELS
) -> int:
    passages = tuple(Passage(text, Locator(page=number)) for number, text in enumerate(texts, 1))
    extraction = Extraction(Kind.DOCUMENT, "text/plain", Metadata(title="Log"), passages)
    return store.commit_content(file_id, digest, extraction, extractor_version=1, look_alike=None, models=models)


def unit(*values: float) -> np.ndarray:
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def test_a_new_file_is_found_by_name_before_it_is_read(store: Store) -> None:
    file_id = add_file(store, b"/r/trips/beachSunset_2023.jpg", Kind.PHOTO)
    for word in ("beach", "sunset", "2023", "trips", "beachSunset_2023.jpg"):
        assert files_named(store, word) == [file_id], word
    assert store.jobs.ready(Stage.CONTENT) == 1


def test_names_that_are_not_utf8_are_kept_as_they_are(store: Store) -> None:
    path = os.fsencode("/r/caf\udce9.txt")
    file_id = add_file(store, path)
    assert store.files.rows([file_id])[file_id].path == path


def test_content_text_and_follow_up_work_commit_together(store: Store) -> None:
    file_id = add_file(store, b"/r/a.txt")
    (job,) = store.jobs.claim(Stage.CONTENT, 10)
    assert job.file_id == file_id
    content_id = read_document(store, file_id, "The boats left at sunset.", "Nothing else happened.")
    assert store.jobs.ready(Stage.CONTENT) == 0
    assert store.jobs.ready(Stage.TEXT) == 1
    ((segment_id, found),) = segments_with(store, "boat").items()
    assert store.segments.rows([segment_id])[segment_id].locator == Locator(page=1)
    assert found == content_id


def test_reading_again_replaces_text_and_full_text(store: Store) -> None:
    file_id = add_file(store, b"/r/a.txt")
    read_document(store, file_id, "red boat")
    read_document(store, file_id, "green house")
    assert segments_with(store, "boat") == {}
    assert len(segments_with(store, "house")) == 1
    assert store.problems() == []


@pytest.mark.parametrize(
    ("text", "query"),
    [("我们在北京看到红色的船", "红色的船"), ("Brücke am Fluß", "brucke"), ("東京タワー", "東京"), ("boats", "boat")],
)
def test_full_text_in_many_scripts(store: Store, text: str, query: str) -> None:
    read_document(store, add_file(store, b"/r/a.txt"), text)
    assert len(segments_with(store, query)) == 1


def test_a_second_copy_shares_content_and_needs_no_encoding(store: Store) -> None:
    first = add_file(store, b"/r/a.txt", inode=1)
    second = add_file(store, b"/r/b.txt", inode=2)
    space_id = store.vectors.space_id(SPACE)
    models = ModelState(text_space=space_id)
    content_id = read_document(store, first, "red boat", models=models)
    (segment,) = store.segments.without_vector(content_id, space_id, [SegmentKind.PASSAGE])
    store.commit_vectors(first, Stage.TEXT, space_id, [NewVector(segment.id, content_id, unit(1, 0, 0, 0))])
    store.link_content(second, content_id, models)
    assert store.jobs.ready(Stage.TEXT) == 0
    assert {row.path for row in store.files.rows_of_contents([content_id])[content_id]} == {b"/r/a.txt", b"/r/b.txt"}


def test_vectors_are_compared_by_cosine_and_checked(store: Store) -> None:
    file_id = add_file(store, b"/r/a.txt")
    space_id = store.vectors.space_id(SPACE)
    content_id = read_document(store, file_id, "one", "two", models=ModelState(text_space=space_id))
    first, second = store.segments.without_vector(content_id, space_id, [SegmentKind.PASSAGE])
    store.vectors.put(
        space_id,
        [
            NewVector(first.id, content_id, unit(1, 0, 0, 0)),
            NewVector(second.id, content_id, unit(1, 1, 0, 0)),
        ],
    )
    scores = store.vectors.scan(space_id, unit(1, 0, 0, 0))
    by_segment = dict(zip(scores.segment_ids.tolist(), scores.cosines.tolist(), strict=True))
    assert by_segment[first.id] == pytest.approx(1.0, abs=1e-6)
    assert by_segment[second.id] == pytest.approx(2**-0.5, abs=1e-6)
    assert damaged_vectors(store) == []
    with store.database.write() as db:
        blob = bytearray(db.execute("SELECT vector FROM vectors WHERE segment_id = ?", (second.id,)).get)
        blob[5] ^= 1
        db.execute("UPDATE vectors SET vector = ? WHERE segment_id = ?", (bytes(blob), second.id))
    (damaged,) = damaged_vectors(store)
    assert (damaged.content_id, damaged.stage) == (content_id, Stage.TEXT)


@pytest.mark.parametrize("vector", [np.zeros(3, np.float32), np.array([np.nan, 0, 0, 1], np.float32)])
def test_a_wrong_vector_is_refused(store: Store, vector: np.ndarray) -> None:
    space_id = store.vectors.space_id(SPACE)
    with pytest.raises(ValueError, match="does not belong"):
        store.vectors.put(space_id, [NewVector(1, 1, vector)])


def test_a_moved_file_keeps_everything(store: Store) -> None:
    file_id = add_file(store, b"/r/old.txt")
    content_id = read_document(store, file_id, "red boat")
    store.files.move(store.roots.add(b"/r"), [MovedFile(file_id, FoundFile(b"/r/new.txt", Kind.DOCUMENT, stamp()))])
    assert store.files.rows([file_id])[file_id].content_id == content_id
    assert files_named(store, "new") == [file_id]
    assert files_named(store, "old") == []


def test_two_files_may_swap_names(store: Store) -> None:
    one, two = add_file(store, b"/r/1.txt", inode=1), add_file(store, b"/r/2.txt", inode=2)
    root_id = store.roots.add(b"/r")
    store.files.move(
        root_id,
        [
            MovedFile(one, FoundFile(b"/r/2.txt", Kind.DOCUMENT, stamp(inode=1))),
            MovedFile(two, FoundFile(b"/r/1.txt", Kind.DOCUMENT, stamp(inode=2))),
        ],
    )
    assert store.files.rows([one])[one].path == b"/r/2.txt"
    assert store.files.rows([two])[two].path == b"/r/1.txt"


def test_removed_files_are_gone_and_their_content_waits_a_month(store: Store) -> None:
    file_id = add_file(store, b"/r/a.txt")
    content_id = read_document(store, file_id, "red boat")
    now_ns = 2_000_000_000_000_000_000
    store.tombstones.bury([known(store, b"/r/a.txt")], now_ns)
    assert files_named(store, "a") == []
    assert store.contents.sweep(now_ns) == []
    again = add_file(store, b"/r/back.txt")
    store.link_content(again, content_id, NO_MODELS)
    store.tombstones.bury([known(store, b"/r/back.txt")], now_ns)
    assert store.contents.sweep(now_ns) == []
    assert store.contents.sweep(now_ns + 31 * 24 * 3600 * 10**9) == [(b"d" * 32).hex()]
    assert store.segments.count() == 0
    assert store.problems() == []


def test_a_file_that_has_moved_meanwhile_is_not_missing(store: Store) -> None:
    file_id = add_file(store, b"/r/old.txt")
    before = known(store, b"/r/old.txt")
    store.files.move(before.root_id, [MovedFile(file_id, FoundFile(b"/r/new.txt", Kind.DOCUMENT, stamp()))])
    assert store.tombstones.bury([before]) == 0
    assert known(store, b"/r/new.txt").id == file_id


def test_what_was_read_of_another_state_of_a_file_is_not_tied_to_it(store: Store) -> None:
    file_id = add_file(store, b"/r/a.txt")
    store.jobs.claim(Stage.CONTENT, 1)
    store.files.change([(file_id, stamp(size=99))])
    extraction = Extraction(Kind.DOCUMENT, "text/plain", passages=(Passage("old words", Locator()),))
    content_id = store.commit_content(
        file_id, b"d" * 32, extraction, extractor_version=1, look_alike=None, models=NO_MODELS, stamp=stamp()
    )
    store.link_content(file_id, content_id, NO_MODELS, stamp())
    store.skip(file_id, "not read", Kind.OTHER, stamp())
    store.fail_content(file_id, "damaged", digest=b"d" * 32, stamp=stamp())
    assert store.files.rows([file_id])[file_id].content_id is None
    assert store.jobs.failures() == []
    assert store.jobs.ready(Stage.CONTENT) == 1  # the job that the change queued


def test_jobs_are_claimed_newest_first_and_survive_a_sudden_end(store: Store) -> None:
    add_file(store, b"/r/old.txt", mtime_ns=1, inode=1)
    new = add_file(store, b"/r/new.txt", mtime_ns=2, inode=2)
    for _ in range(3):
        (job,) = store.jobs.claim(Stage.CONTENT, 1)
        assert job.file_id == new
        store.jobs.recover()
    assert [failure.path for failure in store.jobs.failures()] == [b"/r/new.txt"]
    assert store.jobs.retry_failed([b"/another"]) == 0
    assert store.jobs.retry_failed() == 1
    assert store.jobs.ready(Stage.CONTENT) == 2


def test_a_cancelled_job_costs_no_attempt(store: Store) -> None:
    file_id = add_file(store, b"/r/a.txt")
    for _ in range(5):
        store.jobs.claim(Stage.CONTENT, 1)
        store.jobs.release(Stage.CONTENT, [file_id])
    store.jobs.recover()
    assert store.jobs.failures() == []


def test_a_recording_waits_for_speech_and_its_words_for_the_text_model(store: Store) -> None:
    file_id = add_file(store, b"/r/a.wav", Kind.AUDIO)
    extraction = Extraction(Kind.AUDIO, "audio/wav", Metadata(has_audio=True, duration_s=3.0))
    content_id = store.commit_content(
        file_id, b"e" * 32, extraction, extractor_version=1, look_alike=None, models=NO_MODELS
    )
    assert store.jobs.ready(Stage.SPEECH) == 1
    store.jobs.claim(Stage.SPEECH, 1)
    store.commit_speech(file_id, content_id, [SpeechSpan(0.5, 2.0, " the old boat ")], "m@1", NO_MODELS)
    assert store.jobs.ready(Stage.SPEECH) == 0
    assert store.jobs.ready(Stage.TEXT) == 1
    (segment_id,) = segments_with(store, "boat", kind=SegmentKind.SPEECH)
    assert store.segments.rows([segment_id])[segment_id].locator == Locator(start_s=0.5, end_s=2.0)
    store.jobs.queue_needed(ModelState(speech_model="m@1"))
    assert store.jobs.ready(Stage.SPEECH) == 0
    store.jobs.queue_needed(ModelState(speech_model="better@1"))
    assert store.jobs.ready(Stage.SPEECH) == 1


def test_a_photo_gets_a_segment_a_descriptor_and_waits_for_the_photo_model(store: Store) -> None:
    file_id = add_file(store, b"/r/a.jpg", Kind.PHOTO)
    look_alike = unit(1, 2, 3, 4)
    extraction = Extraction(
        Kind.PHOTO,
        "image/jpeg",
        Metadata(taken_at="2023-06-21T20:15:00", width=4000, height=3000, camera="Pixel 7"),
        thumbnail=b"t",
        preview=b"p\xff\xd9",
        look_alike=look_alike.tobytes(),
        phash=2**64 - 1,
    )
    digest = b"f" * 32
    space = look_alike_space(4, 1)
    store.commit_content(file_id, digest, extraction, extractor_version=1, look_alike=space, models=NO_MODELS)
    row = store.files.rows([file_id])[file_id]
    assert (row.day, row.width, row.has_thumbnail) == ("2023-06-21", 4000, True)
    assert store.thumbnails.read(digest.hex(), 512) == b"p\xff\xd9"
    space_id = store.vectors.find_space(space)
    assert space_id is not None
    assert store.vectors.scan(space_id, look_alike).cosines == pytest.approx([1.0], abs=1e-6)
    assert store.jobs.ready(Stage.PHOTO) == 1
    content = store.contents.by_hash(digest)
    assert content is not None
    assert content.phash == 2**64 - 1
    assert files_named(store, "pixel") == [file_id]


def test_filters(store: Store) -> None:
    from datetime import date

    inside = add_file(store, b"/r/in/a.txt", mtime_ns=1_700_000_000_000_000_000, inode=1)
    add_file(store, b"/r/inside-not/b.txt", mtime_ns=1_600_000_000_000_000_000, inode=2)
    photo = add_file(store, b"/r/c.jpg", Kind.PHOTO, mtime_ns=1_500_000_000_000_000_000, inode=3)

    def found(where: FileFilter) -> set[int]:
        return set(files_named(store, "txt", "jpg", where=where))

    assert found(FileFilter(folder=b"/r/in")) == {inside}
    assert found(FileFilter(kinds=frozenset({Kind.PHOTO}))) == {photo}
    assert found(FileFilter(before=date(2018, 1, 1))) == {photo}
    assert found(FileFilter(after=date(2021, 1, 1))) == {inside}
    day = date.fromisoformat(store.files.rows([photo])[photo].day)
    assert found(FileFilter(before=day)) == set()


def test_overlapping_roots_hand_files_over(store: Store) -> None:
    file_id = add_file(store, b"/r/sub/a.txt", root=b"/r")
    inner = store.roots.add(b"/r/sub")
    outer = store.roots.add(b"/r")
    assert set(store.files.known(inner)) == {b"/r/sub/a.txt"}
    store.roots.remove(inner)
    assert store.files.known(outer)[b"/r/sub/a.txt"].id == file_id
    store.roots.remove(outer)
    assert store.counts().files == 0
    assert store.problems() == []


def test_an_offline_roots_jobs_wait(store: Store) -> None:
    add_file(store, b"/r/a.txt")
    store.roots.set_offline(store.roots.add(b"/r"), True)
    assert store.jobs.claim(Stage.CONTENT, 5) == []


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    garbage = tmp_path / "index.db"
    garbage.write_bytes(b"not a database at all, but long enough to be looked at" * 40)
    with pytest.raises(IndexDamagedError, match="not a database"):
        Database(garbage)
    foreign = tmp_path / "foreign.db"
    connection = apsw.Connection(str(foreign))
    connection.pragma("user_version", 1)
    connection.close()
    with pytest.raises(IndexDamagedError, match="not a Findling index"):
        Database(foreign)


def test_a_newer_index_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    database = Database(path)
    database.connection.pragma("user_version", 999)
    database.close()
    with pytest.raises(IndexDamagedError, match="newer version"):
        Database(path)


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.database.write():
        store.roots.add(b"/half")
        raise RuntimeError
    assert store.roots.all() == []


def test_signed_and_back() -> None:
    for value in (0, 1, 2**63 - 1, 2**63, 2**64 - 1):
        assert from_signed(to_signed(value)) == value


def test_split_name() -> None:
    assert split_name("beachSunset_2023.jpg").split()[1:] == ["beach", "Sunset", "2023", "jpg"]
    assert split_name("IMG0412").split()[1:] == ["IMG", "0412"]
    assert split_name("plain") == "plain"


def test_is_under() -> None:
    assert is_under(b"/a/b", b"/a")
    assert is_under(b"/a", b"/")
    assert not is_under(b"/ab", b"/a")
    assert not is_under(b"/a", b"/a")
    assert is_under(b"C:\\a\\b", b"C:\\a")


def test_the_files_of_many_contents_are_looked_up_and_not_searched_for(store: Store) -> None:
    """With statistics, SQLite read every file of the library from some 800 ids on: an eighth of a second."""
    root_id = store.roots.add(b"/r")
    paths = [b"/r/%d.txt" % number for number in range(3_000)]
    with store.database.write():
        store.files.add(root_id, [FoundFile(path, Kind.DOCUMENT, stamp()) for path in paths])
        contents = [
            read_document(store, file.id, digest=file.id.to_bytes(32)) for file in store.files.known(root_id).values()
        ]
    asked = [*contents[:700], *range(max(contents) + 1, max(contents) + 201)]
    connection = store.database.connection
    connection.execute("ANALYZE")
    asked_of_sqlite: list[tuple[str, Any]] = []

    def note(_cursor: apsw.Cursor, statement: str, bindings: Any) -> bool:
        asked_of_sqlite.append((statement, bindings))
        return True

    connection.exec_trace = note
    try:
        assert len(store.files.rows_of_contents(asked)) == 700
        assert Allowed(store.database, FileFilter()).among(np.array(asked)).sum() == 700
    finally:
        connection.exec_trace = None
    plans = [connection.execute(f"EXPLAIN QUERY PLAN {sql}", bindings).fetchall() for sql, bindings in asked_of_sqlite]
    steps = [step for plan in plans for *_, step in plan]
    assert any(step.startswith("SEARCH f USING") for step in steps)
    assert not [step for step in steps if step.startswith("SCAN f")]
