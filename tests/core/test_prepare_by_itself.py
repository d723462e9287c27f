"""When models are prepared without being asked to."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from core import model_desk
from core.cancel import CancelToken
from core.config import Settings, folders_under, load_settings, save_settings
from core.engine import Engine
from core.models.installed import active_model
from core.models.library import import_model, use_model
from core.models.prepared import prepared_folder, read_prepared
from core.types import ModelRole, PauseReason, Progress
from tests.core.library import make_library, open_engine, write
from tests.core.model_bundles import make_sentence_transformer
from tests.fakes import FakeEncoders

TEXT_MODEL = "all-MiniLM-L6-v2"


def test_a_model_is_worth_preparing_once_there_is_enough_to_choose_by(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "home")
    try:
        engine.add_root(make_library(tmp_path / "library"))
        assert engine.models_to_prepare(1) == []
        engine.index()
        assert engine.models_to_prepare(1) == [TEXT_MODEL]
        assert engine.models_to_prepare(1000) == []
    finally:
        engine.close()


def test_following_says_each_time_that_nothing_is_left(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "home")
    library = tmp_path / "library"
    write(library / "first.txt", "the first of two")
    engine.add_root(library)
    idle = threading.Semaphore(0)
    cancel = CancelToken()
    engine._model_desk.prepare_when_idle = lambda _cancel: idle.release()  # type: ignore[method-assign]
    thread = threading.Thread(target=lambda: engine.watch(cancel=cancel))

    def expect_idle_with(files: int) -> None:
        """Nothing may be left to do before the first scan, or between two files, as well."""
        while True:
            assert idle.acquire(timeout=20)
            status = engine.status()
            if (status.files, status.pending) == (files, 0):
                return

    thread.start()
    try:
        expect_idle_with(1)
        write(library / "second.txt", "the second of two")
        expect_idle_with(2)
    finally:
        cancel.cancel()
        thread.join(20)
        engine.close()


@pytest.mark.slow
def test_before_much_is_encoded_the_model_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_desk, "MUCH", 60)
    monkeypatch.setattr(model_desk, "MAX_SAMPLE", 60)
    home, library = tmp_path / "home", tmp_path / "library"
    for number in range(70):
        write(library / f"note{number}.txt", f"Note {number} is about the garden, the harbour and the number {number}.")
    with_nothing = open_engine(home, FakeEncoders(text=None, photo=None))
    with_nothing.add_root(library)
    with_nothing.index()
    with_nothing.close()
    settings = Settings(folders_under(home))
    small = import_model(settings, make_sentence_transformer(tmp_path / "small")).name
    save_settings(use_model(settings, small))
    engine = Engine.open(load_settings(settings.folders))
    model = active_model(engine.settings, ModelRole.TEXT)
    assert model is not None
    assert model.name == small
    encoded_before: list[int] = []

    def on_progress(progress: Progress) -> None:
        if progress.paused is PauseReason.PREPARING:
            encoded_before.append(engine.status().vectors)

    try:
        assert engine.index(on_progress=on_progress).encoded == 70
        prepared = read_prepared(prepared_folder(engine.settings, model), model)
        assert prepared is not None
        assert prepared.sample == 60
        assert encoded_before == [0]
    finally:
        engine.close()


@pytest.mark.slow
def test_the_text_model_is_prepared_once_following_has_nothing_else_to_do(tmp_path: Path) -> None:
    library = tmp_path / "library"
    for number in range(60):
        write(library / f"note{number}.txt", f"Note {number} is about the garden, the harbour and the number {number}.")
    engine = Engine.open(Settings(folders_under(tmp_path / "home")))
    model = active_model(engine.settings, ModelRole.TEXT)
    assert model is not None
    folder = prepared_folder(engine.settings, model)
    engine.add_root(library)
    cancel = CancelToken()
    thread = threading.Thread(target=lambda: engine.watch(cancel=cancel))
    thread.start()
    try:
        until_s = time.monotonic() + 280
        while read_prepared(folder, model) is None and time.monotonic() < until_s:
            time.sleep(0.5)
        assert engine.models_to_prepare(1) == []
    finally:
        cancel.cancel()
        thread.join(30)
        engine.close()
