"""The indexer at work while the disk changes under it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.cancel import CancelToken
from core.config import Settings
from core.index.indexer import Indexer
from core.pace import Load, Pace
from core.store.roots import Verb
from core.types import Progress, SegmentKind
from core.watch.watcher import BURST
from tests.library import Library, until


def test_what_happens_on_the_disk_is_followed(library: Library) -> None:
    library.some_of_everything()
    changes = threading.Event()
    progress: list[Progress] = []
    with library.following(on_change=changes.set, on_progress=progress.append):
        until(lambda: progress and progress[-1].stage is None and progress[-1].done == 5, "the first work")
        library.forget_counts()
        changes.clear()
        path = library.text("zebra.txt", "a striped animal")
        until(lambda: library.worded("striped"), "a new file")
        assert changes.is_set()
        path.rename(library.folder / "lion.txt")
        until(lambda: library.named("lion") and not library.named("zebra"), "a moved file")
        (library.folder / "pictures").rename(library.folder / "photos")
        until(lambda: library.named("photos") == 2 and not library.named("pictures"), "a moved folder")
        until(lambda: library.store.vectors.count() >= 6, "the new file's vector")
        assert library.costs == (1, 1, 0)
        (library.folder / "lion.txt").unlink()
        until(lambda: not library.named("lion"), "a deleted file")
        (library.folder / "letter.txt").write_text("no boat at all but a house")
        until(lambda: library.worded("house") == ["letter.txt"], "a changed file")
    assert library.store.problems() == []


def test_a_new_file_is_found_and_read_while_a_recording_is_transcribed(library: Library) -> None:
    library.recording("voice.wav", 440, seconds=25)
    window = 0
    read_by: list[int] = []

    def before_window() -> None:
        nonlocal window
        window += 1
        if window == 1:
            library.text("zebra.txt", "a striped animal")
            # The transcriber is in the middle of its work, and waits here.
            until(lambda: library.named("zebra"), "found by name while a window is transcribed")
        elif library.worded("striped"):
            read_by.append(window)

    library.speech.before_window = before_window
    with library.following():
        until(lambda: library.speech.transcribed, "the transcript")
    assert read_by == [2, 3]
    assert library.worded("house", SegmentKind.SPEECH) == ["voice.wav"]


def test_requests_and_models_are_followed(library: Library, tmp_path: Path) -> None:
    other = tmp_path / "Other"
    other.mkdir()
    (other / "new.txt").write_text("a zebra")
    library.text("letter.txt", "the red boat")
    library.encoders.text_model = None
    with library.following():
        until(lambda: library.worded("boat"), "the first work")
        library.store.roots.request(Verb.ADD, os.fsencode(other))
        library.indexer.wake()
        until(lambda: library.worded("zebra"), "the added root")
        assert library.store.vectors.count() == 0
        library.encoders.text_model = "fake-text"
        library.indexer.wake()
        until(lambda: library.store.vectors.count() == 2, "the model's work")
        (other / "more.txt").write_text("a lion")
        until(lambda: library.worded("lion"), "the added root is watched")
        library.store.roots.request(Verb.REMOVE, os.fsencode(library.folder))
        until(lambda: library.store.counts().files == 2, "the removed root, without a wake")
    assert library.worded("boat") == []


def test_a_root_that_goes_and_comes_back_is_followed(library: Library) -> None:
    library.text("letter.txt", "the red boat")
    away = library.folder.with_name("away")
    with library.following():
        until(lambda: library.worded("boat"), "the first work")
        library.folder.rename(away)
        until(lambda: library.store.roots.all()[0].offline, "its absence")
        assert library.worded("boat") == ["letter.txt"]
        (away / "new.txt").write_text("a zebra")
        away.rename(library.folder)
        until(lambda: library.worded("zebra"), "its return")
    assert not library.store.roots.all()[0].offline


def test_a_burst_of_files_is_found_to_the_last(library: Library) -> None:
    library.text("letter.txt", "the red boat")
    library.reader.before = lambda _path: time.sleep(0.01)  # the readers are not what is tested here
    with library.following():
        until(lambda: library.worded("boat"), "the first work")
        for number in range(3 * BURST):
            (library.folder / f"{number}.txt").touch()
        until(lambda: library.store.counts().files == 3 * BURST + 1, "all of a burst")
        for number in range(0, 3 * BURST, 6):  # of more than a fifth a person would be asked
            (library.folder / f"{number}.txt").unlink()
        until(lambda: library.store.counts().files == 3 * BURST * 5 // 6 + 1, "all of a burst of deletions")


def test_what_ends_the_follower_ends_the_watch(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr("core.index.lookout.reconcile_roots", fail)
    with pytest.raises(RuntimeError, match="a bug of ours"):
        library.indexer.follow(cancel=CancelToken())


def test_what_is_kept_for_idle_times_waits_for_the_cable(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.pace.LOOK_S", 0.1)
    on_battery = True
    looks: list[bool] = []

    def look() -> Load:
        looks.append(on_battery)
        return Load(on_battery, others=0.0)

    pace = Pace(Settings(library.folders), look)
    library.indexer = Indexer(
        library.store, library.reader, library.encoders, library.speech, library.folders, pace=pace
    )
    idle = threading.Event()
    with library.following(when_idle=idle.set):
        until(lambda: len(looks) > 3, "a look at the battery while there is nothing to do")
        assert not idle.is_set()
        on_battery = False
        until(idle.is_set, "what was put off")


def test_new_files_are_found_by_name_while_a_model_is_prepared(library: Library) -> None:
    found_meanwhile: list[int] = []

    def prepare_ahead(_cancel: CancelToken, on_begin: Callable[[], None]) -> bool:
        if found_meanwhile:
            return False
        on_begin()
        library.text("zebra.txt", "a striped animal")
        until(lambda: library.named("zebra"), "found by name while the indexer does nothing else")
        found_meanwhile.append(library.named("zebra"))
        return True

    library.indexer = Indexer(
        *(library.store, library.reader, library.encoders, library.speech, library.folders),
        prepare_ahead=prepare_ahead,
    )
    with library.following():
        until(lambda: library.worded("striped"), "its words afterwards")
    assert found_meanwhile == [1]
