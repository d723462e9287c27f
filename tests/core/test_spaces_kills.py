"""Killing the indexer while it fills the space of another model, with real processes and real signals."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.store.repair import damaged_vectors
from core.store.store import Store
from core.types import ModelRole, SegmentKind
from tests.core.spaces_library import held, models_with_spaces, searched
from tests.fakes import COLOURS
from tests.library import LIMIT_S, Library

ROOT = Path(__file__).resolve().parents[2]
NOTES = 300


def start(library: Library, text: str, photo: str, speech: str) -> subprocess.Popen[bytes]:
    home = str(library.folders.data.parent)
    return subprocess.Popen([sys.executable, "-m", "tests.core.spaces_library", home, text, photo, speech], cwd=ROOT)


def vectors_of(store: Store, model: str) -> int:
    spaces = {space_id: store.vectors.space(space_id) for space_id in store.vectors.space_ids()}
    ids = [space_id for space_id, space in spaces.items() if space is not None and space.model == model]
    return sum(store.vectors.count_in(space_id) for space_id in ids)


def kill_when(process: subprocess.Popen[bytes], enough: Callable[[], bool]) -> None:
    """Kill it as soon as there is enough, or when it has ended before."""
    deadline = time.monotonic() + LIMIT_S
    while process.poll() is None and not enough():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.wait()


def finish(process: subprocess.Popen[bytes]) -> None:
    assert process.wait(LIMIT_S) == 0


@pytest.mark.slow
def test_kills_in_the_middle_of_a_change_of_models_lose_nothing(library: Library) -> None:
    chance = random.Random(4)
    store = library.store
    for number in range(NOTES):
        library.text(f"{number}.txt", f"note number {number}")
    for colour in COLOURS:
        library.photo(f"{colour}.png", colour)
    library.recording("voice.wav", 440, seconds=3)
    finish(start(library, "one", "one-photo", "one-ears"))
    everything = {role: held(store, role) for role in (ModelRole.TEXT, ModelRole.PHOTO)}
    assert [len(names) for names in everything.values()] == [NOTES + 1, len(COLOURS)]

    had: dict[str, int] = {}
    search = searched(store, ModelRole.TEXT)
    # To and fro between three models, killed after so many of the next model's vectors, then let go to the end.
    for text in ("two", "two", "one", "two", "three", "two", "two", "three", "three"):
        wanted = vectors_of(store, text) + chance.randrange(1, NOTES // 2)
        process = start(library, text, f"{text}-photo", f"{text}-ears")
        kill_when(process, lambda text=text, wanted=wanted: vectors_of(store, text) >= wanted)
        for role, names in everything.items():
            assert held(store, role) == names, f"{text}: {searched(store, role)} is not whole"
        assert library.worded("house", SegmentKind.SPEECH) == ["voice.wav"]
        assert library.worded("number") == sorted(everything[ModelRole.TEXT] - {"voice.wav"})
        assert damaged_vectors(store) == []
        if searched(store, ModelRole.TEXT) != search:
            search, had = searched(store, ModelRole.TEXT), {}  # whatever else was begun went with the move
        assert vectors_of(store, text) >= had.get(text, 0), "what was encoded is kept"
        had[text] = vectors_of(store, text)

    # At the very end: killed as soon as search has moved, so that the old space is given back by the next run.
    process = start(library, "four", "four-photo", "one-ears")
    kill_when(process, lambda: searched(store, ModelRole.TEXT) == "four")
    assert searched(store, ModelRole.TEXT) == "four"
    finish(start(library, "four", "four-photo", "one-ears"))
    assert {role: held(store, role) for role in everything} == everything
    assert models_with_spaces(store) == ["four", "four-photo"]
    assert (store.jobs.left(), store.jobs.failures(), store.spaces.stale()) == ({}, [], [])
