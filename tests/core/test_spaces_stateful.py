"""Whatever models are chosen, deleted and brought back, and wherever a run ends: search answers from a whole space."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.cancel import CancelToken
from core.extract.sandbox import Sandbox
from core.index import embedding
from core.store import spaces as spaces_module
from core.types import Kind, ModelRole
from tests.core.spaces_library import found_by_meaning, held, models_with_spaces, searched
from tests.fakes import COLOURS
from tests.library import Library

MODELS = ("fake-one", "two", "three")
ROLES = (ModelRole.TEXT, ModelRole.PHOTO)


class ChangingModels(RuleBasedStateMachine):
    """A person who cannot make up their mind, and a program that is ended at any time."""

    base: Path
    reader: Sandbox

    @initialize()
    def begin(self) -> None:
        base = self.base / f"{next(_numbers)}"
        base.mkdir()
        self.library = Library(base, self.reader)
        self.library.encoders.text_model = self.library.encoders.photo_model = MODELS[0]
        self.names = itertools.count()
        self.away = base / "away"
        self.held: dict[ModelRole, set[str]] = {role: set() for role in ROLES}
        self.was: dict[ModelRole, str | None] = dict.fromkeys(ROLES)

    @rule(count=st.integers(1, 4))
    @precondition(lambda self: not self.away.exists())
    def add_files(self, count: int) -> None:
        for number in itertools.islice(self.names, count):
            if number % 3:
                self.library.text(f"{number}.txt", f"the only word{number}")
            else:
                self.library.photo(f"{number}.png", list(COLOURS)[number // 3 % len(COLOURS)])

    @rule(which=st.integers(0, 100))
    @precondition(lambda self: not self.away.exists())
    def delete_a_file(self, which: int) -> None:
        files = sorted(self.library.folder.iterdir())
        if files:
            files[which % len(files)].unlink()

    @rule()
    def unplug_or_plug_in(self) -> None:
        if self.away.exists():
            self.away.rename(self.library.folder)
        elif any(self.library.folder.iterdir()):
            self.library.folder.rename(self.away)

    @rule(text=st.sampled_from(MODELS), photo=st.sampled_from(MODELS))
    def choose(self, text: str, photo: str) -> None:
        encoders = self.library.encoders
        encoders.text_model, encoders.photo_model = text, photo
        encoders.gone -= {text, photo}

    @rule(model=st.sampled_from(MODELS))
    def delete_a_model(self, model: str) -> None:
        encoders = self.library.encoders
        if model not in (encoders.text_model, encoders.photo_model):
            encoders.gone.add(model)

    @rule(batches=st.integers(0, 4))
    def index_for_a_while(self, batches: int) -> None:
        cancel = CancelToken()
        left = itertools.count(batches, -1)

        def count() -> None:
            self._look()
            if next(left) == 0:
                cancel.cancel()

        self.library.encoders.before_batch = count
        self.library.indexer.run(cancel=cancel)

    @rule()
    def index(self) -> None:
        self.library.encoders.before_batch = self._look
        report = self.library.indexer.run()
        assert report.failed == 0
        encoders = self.library.encoders
        for role, chosen in zip(ROLES, (encoders.text_model, encoders.photo_model), strict=True):
            if searched(self.library.store, role) is not None:
                assert searched(self.library.store, role) == chosen
                assert self.library.store.spaces.forsaken(role) is None
        assert self.library.store.spaces.stale() == []
        names = self._read()
        assert held(self.library.store, ModelRole.TEXT) == {name for name in names if name.endswith(".txt")}
        assert held(self.library.store, ModelRole.PHOTO) == {name for name in names if name.endswith(".png")}
        self.library.encoders.before_batch = lambda: None
        for name in sorted(names)[:2]:
            if name.endswith(".txt"):
                found = found_by_meaning(self.library.store, encoders, f"word{name[:-4]}", Kind.DOCUMENT)
                assert found[:1] == [name]
        encoded = encoders.encoded
        assert self.library.indexer.run().encoded == 0
        assert encoders.encoded == encoded

    @rule()
    def a_week_goes_by(self) -> None:
        kept, spaces_module.KEEP_LEFT_NS = spaces_module.KEEP_LEFT_NS, -1
        try:
            self.library.encoders.before_batch = self._look
            self.library.indexer.run()
        finally:
            spaces_module.KEEP_LEFT_NS = kept
        chosen = {self.library.encoders.text_model, self.library.encoders.photo_model}
        assert set(models_with_spaces(self.library.store)) <= chosen

    @invariant()
    def nothing_is_lost(self) -> None:
        self._look()

    def _look(self) -> None:
        """What vectors found once they find on, unless the file or the model of the searched space is gone."""
        there = {path.name for path in self._files()}
        for role in ROLES:
            space, now = searched(self.library.store, role), held(self.library.store, role)
            before = self.held[role] & there
            if space == self.was[role] or self.was[role] not in self.library.encoders.gone:
                assert now >= before, (role, self.was[role], space, before - now)
            self.held[role], self.was[role] = now, space

    def _read(self) -> set[str]:
        """The names of the files that were read: all, but for what came to a drive that is away."""
        rows = self.library.store.database.connection.execute("SELECT path FROM files WHERE content_id IS NOT NULL")
        names = {Path(os.fsdecode(path)).name for (path,) in rows}
        assert self.away.exists() or names == {path.name for path in self._files()}
        return names

    def _files(self) -> list[Path]:
        folder = self.away if self.away.exists() else self.library.folder
        return list(folder.iterdir())

    def teardown(self) -> None:
        if hasattr(self, "library"):
            self.library.close()
            shutil.rmtree(self.library.folders.data.parent, ignore_errors=True)


_numbers = itertools.count()


def test_search_answers_from_a_whole_space_at_every_moment(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "PASSAGES", 2)
    monkeypatch.setattr(ChangingModels, "base", tmp_path, raising=False)
    monkeypatch.setattr(ChangingModels, "reader", sandbox, raising=False)
    run_state_machine_as_test(
        ChangingModels,
        settings=settings(
            max_examples=12,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
