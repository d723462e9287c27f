"""One run of the indexer, with the real store and sandbox; only the models are fakes."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from core.index import indexer as indexer_module
from core.index import pipeline as pipeline_module
from core.types import Kind, ModelRole, SegmentKind
from tests.fakes import FakeEncoders
from tests.library import Library


def test_everything_becomes_findable(library: Library) -> None:
    library.some_of_everything()
    report = library.run()
    assert (report.files, report.indexed, report.failed, report.skipped, report.waiting) == (5, 5, 0, 0, {})
    assert library.worded("boat") == ["letter.txt"]
    assert library.worded("house", SegmentKind.SPEECH) == ["voice.wav"]
    assert library.nearest_photo("blue") == "blue.png"
    assert library.nearest_photo("red") == "red.jpg"
    # two documents, two photos, one window and the one span that was heard in it
    assert report.encoded == 6
    assert not list(library.folders.spool.iterdir())


def test_a_second_run_reads_and_encodes_nothing(library: Library) -> None:
    library.some_of_everything()
    library.run()
    library.forget_counts()
    report = library.run()
    assert library.costs == (0, 0, 0)
    assert (report.files, report.indexed, report.unchanged, report.encoded) == (5, 0, 5, 0)


def test_renamed_moved_and_copied_files_cost_nothing(library: Library) -> None:
    library.some_of_everything()
    library.run()
    library.forget_counts()
    (library.folder / "letter.txt").rename(library.folder / "poem.txt")
    (library.folder / "pictures").rename(library.folder / "photos")
    shutil.copy(library.folder / "voice.wav", library.folder / "again.wav")
    report = library.run()
    assert library.costs == (0, 0, 0)
    assert report.files == 6
    assert library.worded("boat") == ["poem.txt"]
    assert library.worded("house", SegmentKind.SPEECH) == ["again.wav", "voice.wav"]
    assert library.named("photos") == 2
    assert library.named("pictures") == 0


def test_a_touched_file_is_hashed_and_no_more(library: Library) -> None:
    path = library.text("letter.txt", "the red boat")
    library.run()
    library.forget_counts()
    os.utime(path, (1_600_000_000, 1_600_000_000))
    library.run()
    assert library.costs == (0, 0, 0)
    assert library.store.files.rows([library.file_id(path)])[library.file_id(path)].day == "2020-09-13"


def test_a_changed_file_is_found_by_its_new_words_alone(library: Library) -> None:
    path = library.text("letter.txt", "the red boat")
    library.run()
    path.write_text("a green house on the hill")
    library.run()
    assert library.worded("boat") == []
    assert library.worded("house") == ["letter.txt"]


def test_newest_files_come_first(library: Library) -> None:
    for age in (3, 1, 2):
        path = library.text(f"{age}.txt", f"number {age}")
        os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
    library.run()
    assert [Path(os.fsdecode(path)).name for path in library.reader.extracted] == ["1.txt", "2.txt", "3.txt"]


def test_passages_of_many_files_share_batches(library: Library) -> None:
    for number in range(100):
        library.text(f"{number}.txt", f"number {number}")
    report = library.run()
    assert report.encoded == 100
    assert len(library.encoders.batches) <= 4


def test_a_long_document_is_stored_whole(library: Library) -> None:
    sentences = [f"Sentence {number} speaks of thing{number}." for number in range(12_000)]
    library.text("long.txt", "\n\n".join(sentences))
    report = library.run()
    assert report.encoded > 3 * pipeline_module.PASSAGES
    assert library.store.vectors.count() == report.encoded
    assert library.worded("thing11999") == ["long.txt"]


def test_broken_and_unread_files_are_told_and_the_rest_goes_on(library: Library) -> None:
    library.text("good.txt", "the red boat")
    (library.folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 this is no picture")
    with zipfile.ZipFile(library.folder / "old.zip", "w") as archive:
        archive.writestr("a.txt", "inside")
    report = library.run()
    assert (report.indexed, report.failed, report.skipped) == (1, 1, 1)
    broken, unread = library.store.jobs.failures()
    assert broken.path.endswith(b"broken.jpg")
    assert not broken.skipped
    assert unread.path.endswith(b"old.zip")
    assert unread.skipped
    assert library.named("broken") == 1
    library.forget_counts()
    again = library.run()
    assert (again.unchanged, again.failed, again.skipped) == (1, 1, 1)
    assert library.costs == (0, 0, 0)
    library.photo("broken.jpg", "green")
    assert library.run().failed == 0


def test_a_file_that_turns_bad_is_no_longer_found_by_what_it_held(library: Library) -> None:
    path = library.photo("a.jpg", "red")
    library.encoders.photo_model = None
    library.run()
    path.write_bytes(b"\xff\xd8\xff\xe0 this is no picture")
    library.encoders.photo_model = "fake-photo"
    report = library.run()
    assert (report.failed, report.encoded) == (1, 0)
    assert library.store.files.rows([library.file_id(path)])[library.file_id(path)].content_id is None


def test_no_permission_is_a_reason_and_loses_nothing(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    path = library.text("diary.txt", "the red boat")
    library.run()
    os.utime(path, (1, 1))
    real = os.open

    def refuse(opened, *arguments, **options):
        if opened == os.fsencode(path):
            raise PermissionError(13, "Permission denied")
        return real(opened, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr("core.index.hashing.os.open", refuse)
        assert library.run().failed == 1
    assert library.store.jobs.failures()[0].reason == "no permission to read it"
    assert library.worded("boat") == ["diary.txt"]
    library.store.jobs.retry_failed()
    assert library.run().failed == 0


def test_a_file_that_changes_while_it_is_read_is_looked_at_again(library: Library) -> None:
    path = library.text("log.txt", "the first line")

    def change(_path: bytes) -> None:
        if len(library.reader.extracted) == 1:
            path.write_text("the second line is longer")

    library.reader.before = change
    report = library.run()
    assert report.indexed == 1
    assert library.worded("second") == ["log.txt"]
    assert library.worded("first") == []


def test_a_file_that_vanishes_while_it_is_read_is_simply_gone(library: Library) -> None:
    library.text("stays.txt", "the red boat")
    path = library.text("goes.txt", "a green house")
    library.reader.before = lambda read: path.unlink() if read == os.fsencode(path) else None
    report = library.run()
    assert (report.files, report.failed) == (1, 0)
    assert library.worded("house") == []


def test_a_root_removed_while_its_file_is_read_is_gone(library: Library) -> None:
    library.some_of_everything()
    row = library.store.roots.all()[0]
    library.reader.before = lambda _path: library.store.roots.remove(row.id)
    report = library.run()
    assert report.files == 0
    assert library.store.jobs.left() == {}


def test_another_version_of_the_readers_reads_again_but_encodes_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.some_of_everything()
    with zipfile.ZipFile(library.folder / "old.zip", "w") as archive:
        archive.writestr("a.txt", "inside")
    library.run()
    library.forget_counts()
    for module in (indexer_module, pipeline_module):
        monkeypatch.setattr(module, "extractor_version", lambda: 12345)
    library.run()
    assert library.costs == (6, 0, 0)
    library.forget_counts()
    library.run()
    assert library.costs == (0, 0, 0)


def test_an_emptied_thumbnail_cache_is_filled_again_when_it_is_needed(library: Library) -> None:
    library.photo("a.jpg", "red")
    library.encoders.photo_model = None
    library.run()
    shutil.rmtree(library.folders.thumbnails)
    library.encoders.photo_model = "fake-photo"
    assert library.run().encoded == 1
    assert library.nearest_photo("red") == "a.jpg"


def test_kinds_are_judged_by_content_in_the_end(library: Library) -> None:
    path = library.text("notes.jpg", "plain words under a wrong name")
    library.run()
    assert library.store.files.rows([library.file_id(path)])[library.file_id(path)].kind is Kind.DOCUMENT
    assert library.worded("plain") == ["notes.jpg"]


# Models


def test_without_models_files_are_indexed_as_far_as_can_be(library: Library) -> None:
    library.encoders.text_model = library.encoders.photo_model = library.speech.model_name = None
    library.some_of_everything()
    report = library.run()
    assert (report.indexed, report.encoded) == (5, 0)
    assert report.waiting == {ModelRole.TEXT: 2, ModelRole.PHOTO: 2, ModelRole.SPEECH: 1}
    assert library.worded("boat") == ["letter.txt"]
    library.forget_counts()

    library.encoders.text_model = "fake-text"
    report = library.run()
    assert report.waiting == {ModelRole.PHOTO: 2, ModelRole.SPEECH: 1}
    library.encoders.photo_model, library.speech.model_name = "fake-photo", "fake-speech@w1"
    report = library.run()
    assert report.waiting == {}
    # No file was opened again but the recording, whose samples are not kept.
    assert library.reader.extracted == []
    assert len(library.reader.decoded) == 1
    assert library.nearest_photo("blue") == "blue.png"
    assert library.worded("house", SegmentKind.SPEECH) == ["voice.wav"]


def test_another_model_fills_its_own_space_from_what_is_stored(library: Library) -> None:
    library.some_of_everything()
    library.run()
    library.forget_counts()
    library.encoders.text_model = "better-text"
    library.run()
    assert library.costs == (0, 3, 0)
    assert library.store.vectors.find_space(FakeEncoders(text="fake-text").text_space()) is None  # type: ignore[arg-type]


def test_a_model_that_cannot_be_used_holds_up_its_own_stage_alone(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    library.some_of_everything()
    library.encoders.broken = True
    report = library.run()
    assert report.failed == 0
    assert report.waiting == {ModelRole.TEXT: 3, ModelRole.PHOTO: 2}
    assert library.worded("house", SegmentKind.SPEECH) == ["voice.wav"]
    assert sum("cannot be used" in record.getMessage() for record in caplog.records) == 2
    library.encoders.broken = False
    assert library.run().waiting == {}


def test_a_passage_that_kills_the_encoder_costs_its_file_alone(library: Library) -> None:
    for number in range(20):
        library.text(f"{number}.txt", f"number {number}")
    library.text("deadly.txt", "the poisoned words")
    library.encoders.poison = b"poisoned"
    report = library.run()
    assert (report.failed, report.indexed) == (1, 20)
    (failure,) = library.store.jobs.failures()
    assert failure.path.endswith(b"deadly.txt")
    assert "SIGSEGV" in failure.reason
    assert library.worded("poisoned") == ["deadly.txt"]


def test_an_encoder_that_dies_on_anything_fails_no_file(library: Library) -> None:
    library.text("a.txt", "alpha")
    library.encoders.poison = b"a"
    report = library.run()
    assert (report.failed, report.waiting) == (0, {ModelRole.TEXT: 1})
