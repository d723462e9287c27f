"""The query child: the same answers as in the engine's process, and what happens when it dies."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.config import Folders, folders_under
from core.engine import Engine
from core.errors import Cancelled, FindlingError, IndexDamagedError, ModelError
from core.models.catalogue import Form
from core.models.installed import FileRecord, Manifest
from core.models.messages import ModelRef
from core.search.answerer import Answerer
from core.search.host import AnswerHost
from core.search.messages import Models
from core.search.part import Part
from core.search.query import Term
from core.search.query_child import query_child
from core.search.question import Question
from core.store.filters import FileFilter
from core.store.store import Store
from core.store.upkeep import set_aside
from core.types import Channel, Kind, ModelRole
from tests.core.library import make_library, open_engine
from tests.core.spaces_library import searched
from tests.fakes import PHOTO_DIM, TEXT_DIM, FakeEncoders
from tests.library import Library


def ref(name: str, role: ModelRole, form: Form, dim: int) -> ModelRef:
    """A model as ``FakeEncoders`` names it, with no files: there is no tower of it."""
    files = (FileRecord("weights", 0, 0, "w1"),)
    manifest = Manifest(name, role, form, name, "MIT", "any", "1", "weights", "a test", files, dim)
    return ModelRef(b"/nowhere", manifest, "w1", packaged=False)


MODELS = Models(
    [ref("fake-text", ModelRole.TEXT, Form.SENTENCE_TRANSFORMERS, TEXT_DIM)],
    [ref("fake-photo", ModelRole.PHOTO, Form.OPEN_CLIP, PHOTO_DIM)],
)


def question(text: str, where: FileFilter | None = None, *, include_gated: bool = False) -> Question:
    return Question(text, (), where or FileFilter(), 20, include_gated)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folders]:
    engine: Engine = open_engine(tmp_path_factory.mktemp("home"))
    engine.add_root(make_library(tmp_path_factory.mktemp("library")))
    engine.index()
    yield engine.settings.folders
    engine.close()


@pytest.fixture
def encoders() -> FakeEncoders:
    return FakeEncoders()


@pytest.fixture
def host(folders: Folders, encoders: FakeEncoders) -> Iterator[AnswerHost]:
    host = AnswerHost(query_child(folders), encoders, lambda: MODELS)
    yield host
    host.close()


@pytest.mark.parametrize(
    "asked",
    [
        question("boats at sunset"),
        question("green"),
        question("red", include_gated=True),
        question("old boat island"),
        question("boat", FileFilter(kinds=frozenset({Kind.AUDIO}))),
        question("no such thing anywhere"),
    ],
    ids=lambda asked: asked.text,
)
def test_the_child_answers_what_the_engine_itself_would(folders: Folders, host: AnswerHost, asked: Question) -> None:
    store = Store(folders)
    try:
        assert host.answer(asked) == Answerer(store, FakeEncoders()).answer(asked)
    finally:
        store.close()


def test_an_example_reaches_the_child_as_it_is(folders: Folders, host: AnswerHost) -> None:
    store = Store(folders)
    try:
        encoders = FakeEncoders()
        example = Part(
            terms=(Term(("boat",)), Term(("old", "boat"), is_phrase=True)),
            text=encoders.encode_passages(["the old boat left at sunset"])[0],
            photo=encoders.encode_photo_texts(["red"])[0],
            text_space=encoders.text_space(),
            photo_space=encoders.photo_space(),
            phash=2**63 + 5,
            paths=frozenset({b"/no/such/caf\xe9.txt"}),
        )
        asked = Question("sunset", (example,), FileFilter(), 20, True, ("a remark",))
        answer = host.answer(asked)
        assert answer == Answerer(store, encoders).answer(asked)
        assert {"harbour.txt", "IMG_0412.jpg"} <= {hit.name for hit in answer.hits}
        assert "a remark" in answer.notes
    finally:
        store.close()


def test_words_without_a_tower_are_encoded_by_the_engine(host: AnswerHost, encoders: FakeEncoders) -> None:
    host.answer(question("boats at sunset"))
    assert "boats at sunset" in encoders.queries


def test_a_model_that_cannot_be_used_is_a_note_and_the_words_still_find(
    host: AnswerHost, encoders: FakeEncoders
) -> None:
    encoders.broken = True
    answer = host.answer(question("harbour"))
    assert [hit.name for hit in answer.hits] == ["harbour.txt"]
    assert any("the weights are cut" in note for note in answer.notes)


def test_a_missing_model_is_the_same_note_as_in_the_engine(folders: Folders) -> None:
    host = AnswerHost(query_child(folders), FakeEncoders(text=None, photo=None), lambda: Models([], []))
    store = Store(folders)
    try:
        asked = question("harbour")
        assert host.answer(asked) == Answerer(store, FakeEncoders(text=None, photo=None)).answer(asked)
    finally:
        host.close()
        store.close()


def test_a_child_that_was_killed_is_started_again(host: AnswerHost) -> None:
    before = host.answer(question("boats at sunset"))
    first = host.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert host.answer(question("boats at sunset")) == before
    assert host.pid != first


def test_an_index_that_cannot_be_opened_is_told_as_such(tmp_path: Path, encoders: FakeEncoders) -> None:
    folders = folders_under(tmp_path)
    folders.create()
    folders.index.write_bytes(b"this is no database, and long enough to be told from an empty one" * 20)
    host = AnswerHost(query_child(folders), encoders, lambda: MODELS)
    try:
        with pytest.raises(IndexDamagedError, match="damaged"):
            host.answer(question("boat"))
    finally:
        host.close()


@pytest.mark.skipif(os.name != "posix", reason="what is open cannot be replaced there")
def test_an_index_that_another_took_the_place_of_is_not_searched_any_more(library: Library) -> None:
    library.text("boat.txt", "the red boat sails at dawn")
    library.run()
    host = AnswerHost(query_child(library.folders), library.encoders, lambda: MODELS)
    try:
        assert [hit.name for hit in host.answer(question("boat")).hits] == ["boat.txt"]
        library.store.close()
        set_aside(library.folders.index, "a test says so")
        library.text("harbour.txt", "the ferry leaves the harbour")
        library.run()
        assert [hit.name for hit in host.answer(question("harbour ferry")).hits] == ["harbour.txt"]
    finally:
        host.close()


def test_closing_ends_the_child_and_whoever_waits_for_it(folders: Folders) -> None:
    asked = threading.Event()
    go_on = threading.Event()

    class SlowEncoders(FakeEncoders):
        def encode_queries(self, texts, space=None):  # type: ignore[no-untyped-def]
            asked.set()
            go_on.wait(10)
            raise ModelError("too late")

    host = AnswerHost(query_child(folders), SlowEncoders(), lambda: MODELS)
    raised: list[Exception] = []

    def ask() -> None:
        try:
            host.answer(question("boats at sunset"))
        except (Cancelled, FindlingError) as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert asked.wait(10)
    pid = host.pid
    assert pid is not None
    host.close()
    go_on.set()
    thread.join(10)
    assert [type(error) for error in raised] == [Cancelled]
    assert not psutil.pid_exists(pid)


def test_no_question_is_answered_from_half_a_space_while_another_is_filled(library: Library) -> None:
    for number in range(60):
        library.text(f"{number}.txt", f"note number {number}")
    library.text("boat.txt", "the red boat sails at dawn")
    library.run()
    models = Models(
        [ref(name, ModelRole.TEXT, Form.SENTENCE_TRANSFORMERS, TEXT_DIM) for name in ("better-text", "fake-text")],
        [ref("fake-photo", ModelRole.PHOTO, Form.OPEN_CLIP, PHOTO_DIM)],
    )
    host = AnswerHost(query_child(library.folders), library.encoders, lambda: models)
    library.encoders.text_model = "better-text"
    library.encoders.before_batch = lambda: time.sleep(0.2)  # so that questions come in between
    filling = threading.Thread(target=library.run)
    asked: list[tuple[str, str]] = []
    try:
        host.warm()
        filling.start()
        while True:
            was_filling = filling.is_alive()
            before = searched(library.store, ModelRole.TEXT)
            (hit, *_) = host.answer(question("boats", FileFilter(kinds=frozenset({Kind.DOCUMENT})))).hits
            assert hit.name == "boat.txt"
            assert Channel.DOCUMENT_DENSE in {why.channel for why in hit.best.why}
            asked.append((before or "", searched(library.store, ModelRole.TEXT) or ""))
            if not was_filling:
                break
    finally:
        filling.join()
        host.close()
    assert asked[0] == ("fake-text", "fake-text")
    assert asked[-1] == ("better-text", "better-text")


def test_warming_loads_no_torch(host: AnswerHost) -> None:
    host.warm()
    assert host.pid is not None
    mapped = {Path(one.path).name for one in psutil.Process(host.pid).memory_maps()}
    assert not any(name.startswith("libtorch") for name in mapped)
