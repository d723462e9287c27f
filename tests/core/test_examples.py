"""Search by example files of every kind, alone and together with words."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.engine import Engine
from core.errors import UnreadableError
from core.types import Channel, Hit, Kind, Query
from tests.core.library import draw, make_library, open_engine, speak, write
from tests.fakes import FakeEncoders, FakeSpeech


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def engine(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_engine(tmp_path_factory.mktemp("home"))
    engine.add_root(library)
    engine.index()
    yield engine
    engine.close()


def names(hits: tuple[Hit, ...]) -> list[str]:
    return [hit.name for hit in hits]


def channels(hit: Hit) -> set[Channel]:
    return {why.channel for why in hit.best.why}


def test_a_photo_finds_its_copy_first_and_not_itself(engine: Engine, library: Path) -> None:
    hits = engine.search(Query(like=(library / "Pictures" / "IMG_0412.jpg",), include_gated=True)).hits
    assert hits[0].name == "again.jpg"
    assert Channel.SAME_CONTENT in channels(hits[0])
    assert "IMG_0412.jpg" not in names(hits)


def test_a_photo_from_elsewhere_says_where_it_is(engine: Engine, library: Path, tmp_path: Path) -> None:
    dropped = tmp_path / "dropped.jpg"
    shutil.copyfile(library / "Pictures" / "IMG_0412.jpg", dropped)
    hits = engine.search(Query(like=(dropped,))).hits
    assert set(names(hits)[:2]) == {"IMG_0412.jpg", "again.jpg"}
    assert all(Channel.SAME_CONTENT in channels(hit) for hit in hits[:2])


def test_a_photo_that_is_not_in_the_index_is_read_and_compared(engine: Engine, tmp_path: Path) -> None:
    hits = engine.search(Query(like=(draw(tmp_path / "bluish.png", "blue", size=(640, 480)),))).hits
    assert hits[0].name == "IMG_0413.jpg"
    assert {Channel.CLIP_IMAGE, Channel.LOOK_ALIKE} & channels(hits[0])


def test_likeness_needs_no_model(library: Path, tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "home", FakeEncoders(photo=None), FakeSpeech())
    engine.add_root(library / "Pictures")
    engine.index()
    result = engine.search(Query(like=(draw(tmp_path / "green.png", "green"),)))
    engine.close()
    assert result.hits[0].name == "IMG_0414.jpg"
    assert channels(result.hits[0]) == {Channel.LOOK_ALIKE}
    assert result.notes == ("photos are found by name and look-alike only: no photo model is installed",)


def test_a_document_finds_documents_and_speech_about_the_same(engine: Engine, tmp_path: Path) -> None:
    example = write(tmp_path / "letter.txt", "We took the old boat to the island, it left at sunset.")
    hits = engine.search(Query(like=(example,))).hits
    assert set(names(hits)[:2]) == {"memo.wav", "harbour.txt"}
    assert "tax.txt" not in names(hits)


def test_a_recording_finds_documents_about_what_it_says(engine: Engine, tmp_path: Path) -> None:
    hits = engine.search(Query(like=(speak(tmp_path / "said.wav", 440),), kinds=frozenset({Kind.DOCUMENT}))).hits
    assert hits[0].name == "harbour.txt"


def test_an_indexed_recording_is_not_transcribed_again(library: Path, tmp_path: Path) -> None:
    speech = FakeSpeech({440: "the old boat", 880: "bread and cheese"})
    engine = open_engine(tmp_path / "home", speech=speech)
    write(library / "Recordings" / "boat.txt", "Bread and cheese on the old boat.")
    engine.add_root(library / "Recordings")
    engine.index()
    heard = speech.transcribed
    hits = engine.search(Query(like=(library / "Recordings" / "memo.wav",))).hits
    engine.close()
    assert names(hits) == ["boat.txt"]
    assert speech.transcribed == heard


def test_a_recording_without_a_speech_model_is_a_note_and_no_error(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "home", speech=FakeSpeech(model=None))
    result = engine.search(Query(like=(speak(tmp_path / "said.wav", 440, seconds=2.0),)))
    engine.close()
    assert result.hits == ()
    assert result.notes == ("the example's speech is not heard: no speech model is installed",)


def test_with_words_and_a_photo_both_count(engine: Engine, library: Path) -> None:
    red = library / "Pictures" / "IMG_0412.jpg"
    assert "IMG_0500.jpg" not in names(engine.search(Query(like=(red,))).hits)[:1]
    together = engine.search(Query("blue", like=(red,), include_gated=True)).hits
    places = {name: at for at, name in enumerate(names(together))}
    assert places["IMG_0500.jpg"] < places["IMG_0413.jpg"]  # red and blue before blue alone
    assert places["IMG_0500.jpg"] < places.get("IMG_0414.jpg", 99)


def test_with_words_and_a_document_both_count(engine: Engine, tmp_path: Path) -> None:
    example = write(tmp_path / "letter.txt", "We took the old boat to the island, it left at sunset.")
    assert engine.search(Query("harbour master", like=(example,))).hits[0].name == "harbour.txt"
    assert engine.search(Query("island", like=(example,))).hits[0].name == "memo.wav"


def test_several_examples_find_what_is_like_any_of_them(engine: Engine, tmp_path: Path) -> None:
    examples = (draw(tmp_path / "b.png", "blue"), draw(tmp_path / "g.png", "green"))
    hits = engine.search(Query(like=examples)).hits
    assert set(names(hits)) == {"IMG_0413.jpg", "IMG_0414.jpg", "IMG_0500.jpg"}  # the last is half blue


def test_what_cannot_be_read_is_named(engine: Engine, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 cut off")
    for path in (broken, tmp_path / "missing.jpg", tmp_path):
        with pytest.raises(UnreadableError) as caught:
            engine.search(Query(like=(path,)))
        assert str(path) in str(caught.value)


def test_an_example_without_content_finds_nothing(engine: Engine, tmp_path: Path) -> None:
    assert engine.search(Query(like=(write(tmp_path / "blank.txt", " \n\n "),))).hits == ()
