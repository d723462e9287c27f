"""Another model fills its space beside the searched one, takes its place at once, and gives the old one back."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest
from blake3 import blake3

from core.cancel import CancelToken
from core.errors import SpaceMovedError
from core.index import embedding
from core.search.answerer import Answerer
from core.search.examples import ExampleReader
from core.search.part import Notes
from core.search.question import Question
from core.search.searcher import Searcher
from core.search.spaces import PHOTOS_FOLLOW, TEXTS_FOLLOW
from core.store import spaces as spaces_module
from core.store.filters import FileFilter
from core.store.thumbnails import PREVIEW
from core.types import EmbeddingSpace, Filling, Kind, Matrix, ModelRole, Progress, Query, SegmentKind
from tests.core.spaces_library import found_by_meaning, held, models_with_spaces, searched
from tests.fakes import COLOURS, FakeEncoders
from tests.library import Library

TEXT, PHOTO = ModelRole.TEXT, ModelRole.PHOTO
MANY = 20  # notes: with 8 in a batch of the encoder


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "PASSAGES", 8)


def fill(library: Library) -> None:
    for number in range(MANY):
        library.text(f"{number}.txt", f"note number {number}")
    library.text("boat.txt", "the red boat sails at dawn")
    for colour in COLOURS:
        library.photo(f"{colour}.png", colour)


def half_way(library: Library, batches: int = 1) -> None:
    """Run until so many batches were encoded."""
    cancel = CancelToken()

    def count() -> None:
        nonlocal batches
        batches -= 1
        if batches < 0:
            cancel.cancel()

    library.encoders.before_batch = count
    assert library.run(cancel=cancel).cancelled
    library.encoders.before_batch = lambda: None


def test_search_stays_where_everything_is_until_the_other_space_is_full(library: Library) -> None:
    fill(library)
    library.run()
    before = held(library.store, TEXT), held(library.store, PHOTO)
    assert len(before[0]) == MANY + 1
    library.encoders.text_model, library.encoders.photo_model = "better-text", "better-photo"
    asked = 0

    def look() -> None:
        nonlocal asked
        asked += 1
        assert (held(library.store, TEXT), held(library.store, PHOTO)) == before
        assert found_by_meaning(library.store, library.encoders, "boats", Kind.DOCUMENT)[0] == "boat.txt"
        if searched(library.store, PHOTO) == "fake-photo":
            assert found_by_meaning(library.store, library.encoders, "green", Kind.PHOTO)[0] == "green.png"

    library.encoders.before_batch = look
    library.forget_counts()
    library.run()
    assert asked >= 3
    assert library.costs == (0, MANY + 1 + len(COLOURS), 0)
    assert (held(library.store, TEXT), held(library.store, PHOTO)) == before
    assert models_with_spaces(library.store) == ["better-photo", "better-text"]
    assert found_by_meaning(library.store, library.encoders, "boats", Kind.DOCUMENT)[0] == "boat.txt"
    assert found_by_meaning(library.store, library.encoders, "green", Kind.PHOTO)[0] == "green.png"


def test_the_newest_are_first_in_the_new_space(library: Library) -> None:
    fill(library)
    for number in range(MANY):
        os.utime(library.folder / f"{number}.txt", (number, number))
    library.run()
    library.encoders.text_model = "better-text"
    library.forget_counts()
    half_way(library)
    numbers = [int(text.split()[-1]) for text in library.encoders.passages if text.startswith("note number")]
    assert numbers
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] == MANY - 1


def test_back_and_forth_loses_nothing_and_encodes_nothing_twice(library: Library) -> None:
    fill(library)
    library.run()
    everything = held(library.store, TEXT)
    library.encoders.text_model = "better-text"
    library.forget_counts()
    half_way(library)
    first = library.encoders.encoded
    assert 0 < first < MANY
    library.encoders.text_model = "fake-text"
    library.run()
    assert library.encoders.encoded == first, "the old space was whole"
    assert held(library.store, TEXT) == everything
    assert (searched(library.store, TEXT), library.store.jobs.left()) == ("fake-text", {})
    library.encoders.text_model = "better-text"
    library.run()
    assert library.encoders.encoded == MANY + 1, "and the half of the new one was kept"
    assert held(library.store, TEXT) == everything
    assert models_with_spaces(library.store) == ["better-text", "fake-photo"]


def test_a_space_given_up_half_way_goes_after_a_while(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(library)
    library.run()
    library.encoders.text_model = "better-text"
    half_way(library)
    library.encoders.text_model = "fake-text"
    library.run()
    assert "better-text" in models_with_spaces(library.store)
    assert library.store.spaces.stale() == []
    monkeypatch.setattr(spaces_module, "KEEP_LEFT_NS", -1)
    library.run()
    assert models_with_spaces(library.store) == ["fake-photo", "fake-text"]


def test_a_third_model_gives_back_what_the_second_left_as_well(library: Library) -> None:
    fill(library)
    library.run()
    library.encoders.text_model = "second"
    half_way(library)
    library.encoders.text_model = "third"
    library.run()
    assert models_with_spaces(library.store) == ["fake-photo", "third"]
    notes = library.store.database.connection.execute("SELECT key FROM meta WHERE key LIKE 'space-%'").fetchall()
    assert notes == []


def test_what_the_new_model_cannot_take_holds_nothing_up_and_is_tried_by_the_next(library: Library) -> None:
    fill(library)
    library.run()
    library.encoders.text_model = "better-text"
    library.encoders.poison = b"red boat"
    report = library.run()
    assert (report.failed, searched(library.store, TEXT)) == (1, "better-text")
    assert library.worded("boat") == ["boat.txt"]
    library.encoders.poison = None
    library.encoders.text_model = "third"
    assert library.run().failed == 0
    assert "boat.txt" in held(library.store, TEXT)


def test_a_model_that_does_not_work_leaves_search_where_it_is(library: Library) -> None:
    fill(library)
    library.run()
    library.encoders.text_model = "better-text"
    library.encoders.broken = True
    library.run()
    library.encoders.broken = False
    assert searched(library.store, TEXT) == "fake-text"
    assert found_by_meaning(library.store, library.encoders, "boats", Kind.DOCUMENT)[0] == "boat.txt"


def test_a_drive_that_is_away_is_taken_in_from_what_is_stored(library: Library, tmp_path: Path) -> None:
    fill(library)
    library.run()
    away = tmp_path / "away"
    library.folder.rename(away)
    library.encoders.text_model, library.encoders.photo_model = "better-text", "better-photo"
    library.forget_counts()
    report = library.run()
    assert report.files == MANY + 1 + len(COLOURS)
    assert library.costs == (0, MANY + 1 + len(COLOURS), 0)
    assert (searched(library.store, TEXT), searched(library.store, PHOTO)) == ("better-text", "better-photo")
    away.rename(library.folder)
    library.forget_counts()
    library.run()
    assert library.costs == (0, 0, 0)
    assert len(held(library.store, PHOTO)) == len(COLOURS)


def test_a_lost_preview_of_a_drive_that_is_away_holds_up_nothing(library: Library, tmp_path: Path) -> None:
    fill(library)
    library.run()
    content_hash = blake3((library.folder / "green.png").read_bytes()).hexdigest()
    library.store.thumbnails.remove(content_hash)
    away = tmp_path / "away"
    library.folder.rename(away)
    library.encoders.photo_model = "better-photo"
    library.run()
    assert searched(library.store, PHOTO) == "better-photo"
    assert held(library.store, PHOTO) == {f"{colour}.png" for colour in COLOURS if colour != "green"}
    away.rename(library.folder)
    library.run()
    assert held(library.store, PHOTO) == {f"{colour}.png" for colour in COLOURS}
    assert library.store.thumbnails.read(content_hash, PREVIEW) is not None


def test_search_leaves_a_model_that_is_gone_at_once_and_says_so(library: Library) -> None:
    fill(library)
    library.run()
    library.encoders.gone = {"fake-text", "fake-photo"}
    library.encoders.text_model, library.encoders.photo_model = "better-text", "better-photo"

    def notes() -> tuple[str, ...]:
        question = Question("green boats", (), FileFilter(), 50, True)
        return Answerer(library.store, library.encoders).answer(question).notes

    assert set(notes()) == {TEXTS_FOLLOW, PHOTOS_FOLLOW}, "before anything is indexed"
    half_way(library, 2)
    assert searched(library.store, TEXT) == "better-text"
    assert TEXTS_FOLLOW in notes()
    assert 0 < len(held(library.store, TEXT)) < MANY
    assert found_by_meaning(library.store, library.encoders, "number", Kind.DOCUMENT)
    library.run()
    assert notes() == ()
    assert len(held(library.store, TEXT)) == MANY + 1
    assert models_with_spaces(library.store) == ["better-photo", "better-text"]


def test_a_model_that_comes_back_finds_its_vectors(library: Library) -> None:
    fill(library)
    library.run()
    library.encoders.gone = {"fake-text"}
    library.encoders.text_model = "better-text"
    half_way(library)
    library.encoders.gone = set()
    library.encoders.text_model = "fake-text"
    library.forget_counts()
    library.run()
    assert library.costs == (0, 0, 0)
    assert searched(library.store, TEXT) == "fake-text"
    assert len(held(library.store, TEXT)) == MANY + 1


class Moving(FakeEncoders):
    """Encoders while whose work search moves to another model, so many times."""

    def __init__(self, library: Library, times: int) -> None:
        super().__init__()
        self.library, self.times = library, times
        self.spaces: list[str] = []

    def encode_queries(self, texts: list[str], space: EmbeddingSpace | None = None) -> Matrix:  # type: ignore[override]
        assert space is not None
        self.spaces.append(space.model)
        rows = super().encode_queries(texts, space)
        if self.times:
            self.times -= 1
            library = self.library
            library.encoders.text_model = "fake-text" if library.encoders.text_model == "better-text" else "better-text"
            thread = threading.Thread(target=library.run)
            thread.start()
            thread.join()
        return rows


def test_words_are_encoded_again_when_search_moves_in_between(library: Library) -> None:
    fill(library)
    library.run()
    encoders = Moving(library, 1)
    assert found_by_meaning(library.store, encoders, "boats", Kind.DOCUMENT)[0] == "boat.txt"
    assert searched(library.store, TEXT) == "better-text"
    assert set(encoders.spaces) == {"fake-text", "better-text"}


def test_a_search_that_never_settles_says_so(library: Library) -> None:
    library.text("boat.txt", "the red boat sails at dawn")
    library.run()
    with pytest.raises(SpaceMovedError, match="again and again"):
        found_by_meaning(library.store, Moving(library, 1000), "boats", Kind.DOCUMENT)


def test_an_example_is_encoded_again_when_search_moves_in_between(library: Library, tmp_path: Path) -> None:
    fill(library)
    library.run()
    example = tmp_path / "example.txt"
    example.write_text("a boat at dawn, and it is red")
    moves = iter([True])

    class Reader(ExampleReader):
        def read(self, path: Path, notes: Notes):  # type: ignore[no-untyped-def]
            part = super().read(path, notes)
            if next(moves, False):
                library.encoders.text_model = "better-text"
                library.run()
            return part

    reader = Reader(library.store, library.encoders, library.reader, lambda _path: [])
    searcher = Searcher(reader, Answerer(library.store, library.encoders))
    assert searcher.search(Query(like=(example,))).hits[0].name == "boat.txt"
    assert searched(library.store, TEXT) == "better-text"


def test_an_indexed_example_is_compared_in_the_searched_space(library: Library) -> None:
    fill(library)
    library.photo("green2.png", "green")
    shutil.copy(library.folder / "green.png", library.folder / "copy.png")
    library.run()
    library.encoders.photo_model = "better-photo"
    half_way(library, 0)
    reader = ExampleReader(library.store, library.encoders, library.reader, lambda _path: [])
    part = reader.read(library.folder / "green.png", Notes())
    assert part.photo_space is not None
    assert part.photo_space.model == "fake-photo"
    searcher = Searcher(reader, Answerer(library.store, library.encoders))
    assert searcher.search(Query(like=(library.folder / "green.png",))).hits[0].name in ("copy.png", "green2.png")


def test_progress_says_how_far_the_other_model_is(library: Library) -> None:
    fill(library)
    library.run()
    library.encoders.text_model = "better-text"
    half_way(library)
    seen: list[Progress] = []
    library.run(on_progress=seen.append)
    told = [progress.filling[TEXT] for progress in seen if TEXT in progress.filling]
    assert told
    assert {(filling.model, filling.searched, filling.total) for filling in told} == {
        ("better-text", "fake-text", MANY + 1)
    }
    assert 0 < told[0].done < MANY
    assert seen[-1].filling == {}


def test_a_recording_keeps_its_words_until_the_other_model_has_heard_it(library: Library) -> None:
    library.recording("one.wav", 440, seconds=3)
    library.recording("two.wav", 880, seconds=3)
    library.run()
    library.speech.model_name = "better-speech@w2"
    library.speech.sentences = {440: "a new green house", 880: "a new boat comes in"}

    def words() -> list[list[str]]:
        return [library.worded(word, SegmentKind.SPEECH) for word in ("house", "boat")]

    heard: list[list[list[str]]] = []
    library.speech.before_window = lambda: heard.append(words())
    library.forget_counts()
    library.run()
    assert library.speech.windows == 2
    assert heard == [[["one.wav"], ["two.wav"]]] * 2
    assert words() == [["one.wav"], ["two.wav"]]
    assert library.worded("new", SegmentKind.SPEECH) == ["one.wav", "two.wav"]
    assert library.store.spaces.fillings(None, None, "better-speech@w2") == {}
    assert library.store.spaces.fillings(None, None, "third@w3") == {
        ModelRole.SPEECH: Filling(ModelRole.SPEECH, "third", "better-speech", 0, 2)
    }


def test_a_transcript_that_stays_the_same_keeps_its_vectors(library: Library) -> None:
    library.recording("one.wav", 440, seconds=3)
    library.run()
    library.speech.model_name = "better-speech@w2"
    library.forget_counts()
    library.run()
    assert library.costs == (1, 0, 1)


def test_look_alikes_need_no_model_and_stay(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.encoders.text_model = library.encoders.photo_model = None
    library.photo("green.png", "green")
    library.run()
    monkeypatch.setattr(spaces_module, "KEEP_LEFT_NS", -1)
    library.run()
    assert library.store.vectors.count() == 1


def test_an_index_of_before_is_searched_where_most_of_it_is(library: Library) -> None:
    fill(library)
    library.run()
    library.encoders.text_model = "better-text"
    half_way(library)
    with library.store.database.write() as db:
        db.execute("DELETE FROM search_spaces")
        db.execute("DELETE FROM meta WHERE key LIKE 'space-%' OR key LIKE 'model-%'")
    half_way(library, 0)
    assert searched(library.store, TEXT) == "fake-text"
    assert searched(library.store, PHOTO) == "fake-photo"
    library.run()
    assert models_with_spaces(library.store) == ["better-text", "fake-photo"]
