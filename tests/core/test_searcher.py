"""Search by words, through the engine, over a library of every kind of file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from core.engine import Engine
from core.errors import UsageError
from core.search.answerer import Answerer
from core.search.examples import ExampleReader
from core.search.searcher import Searcher
from core.store.store import Store
from core.types import Channel, Hit, Kind, Query, SegmentKind
from tests.core.library import make_library, open_engine, write
from tests.fakes import FakeEncoders, FakeSpeech


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_engine(tmp_path_factory.mktemp("home"))
    engine.add_root(make_library(tmp_path_factory.mktemp("library")))
    engine.index()
    yield engine
    engine.close()


@pytest.fixture
def store(engine: Engine) -> Iterator[Store]:
    store = Store(engine.settings.folders)
    yield store
    store.close()


def searcher(store: Store, encoders: FakeEncoders) -> Searcher:
    """A searcher over the shared index with other models; it is given no examples, so nothing is read."""

    class NoReader:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(f"{name} was called without an example")

    return Searcher(ExampleReader(store, encoders, NoReader(), lambda path: []), Answerer(store, encoders))


def names(hits: tuple[Hit, ...]) -> list[str]:
    return [hit.name for hit in hits]


def channels(hit: Hit) -> set[Channel]:
    return {why.channel for why in hit.best.why}


def test_words_find_a_passage_with_snippet_place_and_reasons(engine: Engine) -> None:
    (hit, *_) = engine.search(Query("boats at sunset")).hits
    assert hit.name == "harbour.txt"
    assert hit.best.segment is SegmentKind.PASSAGE
    assert hit.best.locator.offset == 0
    assert {hit.best.snippet[start:end] for start, end in hit.best.marks} == {"boat", "sunset"}
    assert channels(hit) == {Channel.FULL_TEXT, Channel.DOCUMENT_DENSE}
    assert hit.day == date(2021, 3, 4)


def test_words_find_the_moment_in_a_recording(engine: Engine) -> None:
    (hit, *_) = engine.search(Query("old boat island")).hits
    assert hit.name == "memo.wav"
    assert (hit.best.locator.start_s, hit.best.locator.end_s) == (10.0, 20.0)
    assert "island" in hit.best.snippet
    assert {Channel.TRANSCRIPT, Channel.TRANSCRIPT_DENSE} <= channels(hit)


def test_words_find_a_picture(engine: Engine) -> None:
    hits = engine.search(Query("green")).hits
    assert names(hits) == ["IMG_0414.jpg"]
    assert hits[0].best.segment is SegmentKind.PHOTO
    assert hits[0].width == 320


def test_chinese_words_find_a_passage(engine: Engine) -> None:
    (hit, *_) = engine.search(Query("红色的船")).hits
    assert hit.name == "北京.txt"
    assert [hit.best.snippet[start:end] for start, end in hit.best.marks] == ["红色的船"]


@pytest.mark.parametrize("text", ["beach_sunset.jpg", "beach_sunset", "BEACH sunset", "IMG_0413", "img_0413.JPG"])
def test_a_query_that_names_a_file_finds_it_first(engine: Engine, text: str) -> None:
    (hit, *_) = engine.search(Query(text)).hits
    assert hit.name == ("beach_sunset.jpg" if "sunset" in text else "IMG_0413.jpg")
    assert Channel.NAME in channels(hit)
    assert hit.best.marks


@pytest.mark.parametrize("text", ["xyzzy plugh", "submarine tax invoice", "wedding cake recipe", "潜水艇"])
def test_a_query_that_matches_nothing_gives_nothing(engine: Engine, text: str) -> None:
    assert engine.search(Query(text)).hits == ()


def test_what_was_kept_back_comes_on_request_and_says_so(engine: Engine) -> None:
    query = Query("submarine tax invoice")
    result = engine.search(query)
    assert (result.hits, result.hidden) == ((), 1)
    everything = engine.search(replace(query, include_gated=True))
    assert [(hit.name, hit.gated) for hit in everything.hits] == [("tax.txt", True)]
    assert everything.hidden == 0
    assert everything.hits[0].score < 0.5


def test_scores_fall_and_strong_files_come_first(engine: Engine) -> None:
    hits = engine.search(Query("boat", include_gated=True)).hits
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 <= score <= 1.0 for score in scores)
    assert [hit.gated for hit in hits] == sorted(hit.gated for hit in hits)
    assert all((hit.score < 0.5) == hit.gated for hit in hits)


def test_a_file_is_one_hit_with_its_other_segments_below(engine: Engine) -> None:
    (hit,) = engine.search(Query("lighthouse keeper")).hits
    assert hit.name == "saga.txt"
    assert len(hit.more) == 5
    places = [hit.best.locator, *(one.locator for one in hit.more)]
    assert len(set(places)) == 6
    assert all("lighthouse" in one.snippet for one in hit.more)


def test_the_limit_counts_files(engine: Engine) -> None:
    assert len(engine.search(Query("IMG", limit=2)).hits) == 2
    assert len(engine.search(Query("IMG")).hits) == 4


def test_copies_are_hits_of_their_own(engine: Engine) -> None:
    assert {"IMG_0412.jpg", "again.jpg"} <= set(names(engine.search(Query("red")).hits))


def test_filters_by_kind_and_folder(engine: Engine) -> None:
    folder = Path(engine.roots()[0].root.display)
    everywhere = engine.search(Query("boat"))
    assert {hit.kind for hit in everywhere.hits} == {Kind.DOCUMENT, Kind.AUDIO}
    assert names(engine.search(Query("boat", kinds=frozenset({Kind.AUDIO}))).hits) == ["memo.wav"]
    assert names(engine.search(Query("boat", folder=folder / "Notes")).hits) == ["harbour.txt"]
    assert names(engine.search(Query("boat", folder=folder / "Pictures")).hits) == []


def test_filters_by_day(engine: Engine) -> None:
    def found(after: date, before: date) -> set[str]:
        query = Query("harbour tax", after=after, before=before, include_gated=True)
        return set(names(engine.search(query).hits))

    assert found(date(2021, 3, 4), date(2022, 5, 7)) == {"harbour.txt", "tax.txt"}
    assert found(date(2021, 3, 5), date(2022, 5, 7)) == {"tax.txt"}
    assert found(date(2021, 3, 4), date(2022, 5, 6)) == {"harbour.txt"}


def test_a_filter_does_not_change_what_counts_as_a_match(engine: Engine) -> None:
    free = {hit.path: hit.score for hit in engine.search(Query("boat")).hits}
    filtered = {hit.path: hit.score for hit in engine.search(Query("boat", kinds=frozenset({Kind.DOCUMENT}))).hits}
    assert filtered
    assert all(filtered[path] == free[path] for path in filtered)
    assert engine.search(Query("wedding cake", kinds=frozenset({Kind.PHOTO}))).hits == ()


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_query_is_refused(engine: Engine, text: str) -> None:
    with pytest.raises(UsageError, match="nothing to search for"):
        engine.search(Query(text))


@pytest.mark.parametrize("text", ['"', '" OR "', "*", "NEAR(", "😀", "a" * 5000, "\ud83d"])
def test_odd_queries_are_answered(engine: Engine, text: str) -> None:
    assert engine.search(Query(text)).query.text == text


def test_the_answer_is_the_same_each_time(engine: Engine) -> None:
    query = Query("boat red 2021", include_gated=True)
    assert engine.search(query).hits == engine.search(query).hits


def test_without_a_photo_model_photos_are_found_by_name_and_it_is_said(store: Store) -> None:
    result = searcher(store, FakeEncoders(photo=None)).search(Query("sunset"))
    assert "beach_sunset.jpg" in names(result.hits)
    assert result.notes == ("photos are found by name and look-alike only: no photo model is installed",)
    documents = searcher(store, FakeEncoders(photo=None)).search(Query("sunset", kinds=frozenset({Kind.DOCUMENT})))
    assert documents.notes == ()


def test_without_a_text_model_the_words_still_find(store: Store) -> None:
    result = searcher(store, FakeEncoders(text=None)).search(Query("boats at sunset"))
    assert result.hits[0].name == "harbour.txt"
    assert channels(result.hits[0]) == {Channel.FULL_TEXT}
    assert any("no text model" in note for note in result.notes)


def test_a_broken_model_is_told_and_the_rest_answers(store: Store) -> None:
    encoders = FakeEncoders()
    encoders.broken = True
    result = searcher(store, encoders).search(Query("boats at sunset"))
    assert result.hits[0].name == "harbour.txt"
    assert len(result.notes) == 2
    assert all("the weights are cut" in note for note in result.notes)


@contextmanager
def named(store: Store, **models: str) -> Iterator[None]:
    """As if the models that filled the index were called so."""

    def rename(before: str, after: str) -> None:
        with store.database.write() as db:
            db.execute("UPDATE spaces SET model = ? WHERE model = ?", (after, before))

    for role, model in models.items():
        rename(f"fake-{role}", model)
    yield
    for role, model in models.items():
        rename(model, f"fake-{role}")


def test_an_english_model_is_not_asked_in_chinese(store: Store) -> None:
    encoders = FakeEncoders(text="all-MiniLM-L6-v2", photo="ViT-B-32")
    with named(store, text="all-MiniLM-L6-v2", photo="ViT-B-32"):
        result = searcher(store, encoders).search(Query("红色的船"))
        assert encoders.queries == []
        assert names(result.hits) == ["北京.txt"]
        assert [note.split(":")[1].strip() for note in result.notes] == [
            "the text model in use knows English",
            "the photo model in use knows English",
        ]
        assert searcher(store, encoders).search(Query("café déjà vu")).notes == ()


def test_everyday_queries_are_encoded_once_in_a_models_life(store: Store) -> None:
    first, second = FakeEncoders(text="another"), FakeEncoders(text="another")
    with named(store, text="another"):
        searcher(store, first).search(Query("boat"))
        assert len(first.queries) > 1
        searcher(store, second).search(Query("boat"))
        assert second.queries == ["boat"]


def test_searching_goes_on_while_something_is_written(engine: Engine, store: Store) -> None:
    found: list[str] = []
    with store.database.write():
        store.notes.put("test", "uncommitted")
        thread = threading.Thread(target=lambda: found.extend(names(engine.search(Query("sunset boat")).hits)))
        thread.start()
        thread.join(timeout=60)
    assert found[0] == "harbour.txt"


def test_the_library_changes(tmp_path: Path) -> None:
    library = tmp_path / "library"
    write(library / "a.txt", "The old boat left at sunset.")
    write(library / "b.txt", "The old boat came back in the morning.")
    engine = open_engine(tmp_path / "home", speech=FakeSpeech())
    engine.add_root(library)
    engine.index()
    assert sorted(names(engine.search(Query("boat")).hits)) == ["a.txt", "b.txt"]
    (library / "a.txt").unlink()
    engine.index()
    assert names(engine.search(Query("boat", include_gated=True)).hits) == ["b.txt"]
    store = Store(engine.settings.folders)
    store.roots.set_offline(engine.roots()[0].root.id, True)
    store.close()
    assert [hit.offline for hit in engine.search(Query("boat")).hits] == [True]
    engine.close()


def test_nothing_is_found_in_nothing(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "home", FakeEncoders(photo=None))
    result = engine.search(Query("boat", include_gated=True))
    assert (result.hits, result.hidden, result.notes) == ((), 0, ())
    engine.close()
