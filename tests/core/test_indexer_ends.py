"""Runs that are cancelled or killed, and roots that come and go during them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from core.cancel import CancelToken
from core.errors import ReaderError
from core.extract.sandbox import Sandbox
from core.index import indexer as indexer_module
from core.index.indexer import Indexer
from core.store.repair import damaged_vectors
from core.store.roots import Verb
from core.types import SegmentKind
from core.watch.scan import look_at
from core.watch.settle import Settled
from tests.core import misbehaving
from tests.fakes import COLOURS
from tests.library import Library, until
from tests.permissions import bound_by_permissions


def test_a_cancelled_run_stops_and_the_next_one_ends_it(library: Library) -> None:
    for number in range(200):
        library.text(f"{number}.txt", f"number {number}")
    cancel = CancelToken()
    library.encoders.before_batch = lambda: cancel.cancel() if library.encoders.encoded >= 64 else None
    report = library.run(cancel=cancel)
    assert report.cancelled
    assert library.encoders.encoded == 64
    assert library.store.vectors.count() == 64
    library.encoders.before_batch = lambda: None
    report = library.run()
    assert not report.cancelled
    assert library.encoders.encoded == 200
    assert library.store.vectors.count() == 200


def test_a_run_that_was_cancelled_before_it_began_does_nothing(library: Library) -> None:
    library.some_of_everything()
    cancel = CancelToken()
    cancel.cancel()
    report = library.run(cancel=cancel)
    assert (report.cancelled, report.files) == (True, 0)


def test_a_killed_process_leaves_stages_whole_or_absent(library: Library, tmp_path: Path, sandbox: Sandbox) -> None:
    for number in range(150):
        library.text(f"{number}.txt", f"number {number} of the pile")
    for number in range(24):
        library.photo(f"{number}.png", list(COLOURS)[number % len(COLOURS)])
        # No two alike, or they would share a content.
        picture = Image.open(library.folder / f"{number}.png")
        picture.putpixel((0, 0), (number, 0, 0))
        picture.save(library.folder / f"{number}.png")
    library.recording("voice.wav", 440, seconds=45)

    def kill_when(enough: Callable[[], bool]) -> None:
        script = Path(__file__).with_name("interrupted_run.py")
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        process = subprocess.Popen([sys.executable, str(script), str(library.folders.data.parent)], env=environment)
        until(lambda: enough() or process.poll() is not None, "the run came nowhere")
        assert process.poll() is None, "the run ended before it was killed"
        process.kill()
        process.wait()

    store = library.store
    kill_when(lambda: store.counts().files > 0)
    kill_when(lambda: store.segments.count() > 40)
    kill_when(lambda: store.vectors.count() > 70)
    kill_when(lambda: store.vectors.count() > 150)  # of 200: photos may be done before the last texts
    kill_when(lambda: any(library.folders.spool.iterdir()))
    assert store.problems() == []
    assert damaged_vectors(store) == []

    report = library.run()
    assert (report.files, report.failed, report.waiting) == (175, 0, {})
    assert store.jobs.left() == {}
    assert not list(library.folders.spool.iterdir())
    (tmp_path / "fresh").mkdir()
    fresh = Library(tmp_path / "fresh", sandbox)
    try:
        shutil.rmtree(fresh.folder)
        shutil.copytree(library.folder, fresh.folder)
        fresh.run()
        assert store.segments.count() == fresh.store.segments.count()
        assert store.vectors.count() == fresh.store.vectors.count()
    finally:
        fresh.close()
    library.forget_counts()
    library.run()
    assert library.costs == (0, 0, 0)


# Roots


def test_a_root_that_is_away_keeps_its_results_and_its_work(library: Library) -> None:
    library.some_of_everything()
    library.speech.model_name = None
    library.run()
    away = library.folder.with_name("away")
    library.folder.rename(away)
    library.speech.model_name = "fake-speech@w1"
    report = library.run()
    assert (report.files, report.failed, report.unchanged) == (5, 0, 5)
    assert library.worded("boat") == ["letter.txt"]
    away.rename(library.folder)
    library.run()
    assert library.worded("house", SegmentKind.SPEECH) == ["voice.wav"]


def test_a_root_that_goes_away_while_it_is_read_fails_no_file(library: Library) -> None:
    library.some_of_everything()
    away = library.folder.with_name("away")
    library.reader.before = lambda _path: library.folder.rename(away) if library.folder.exists() else None
    report = library.run()
    assert (report.files, report.failed) == (5, 0)
    assert library.store.roots.all()[0].offline
    library.reader.before = lambda _path: None
    away.rename(library.folder)
    report = library.run()
    assert (report.files, report.indexed, report.failed) == (5, 5, 0)


def test_requests_that_come_in_during_a_run_are_carried_out_by_it(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer_module, "_REQUESTS_S", 0.0)
    other = tmp_path / "Other"
    other.mkdir()
    (other / "new.txt").write_text("a zebra")
    library.text("letter.txt", "the red boat")

    def ask(_path: bytes) -> None:
        if len(library.reader.extracted) == 1:
            library.store.roots.request(Verb.ADD, os.fsencode(other))
            library.store.roots.request(Verb.REMOVE, os.fsencode(library.folder))

    library.reader.before = ask
    report = library.run()
    assert [root.path for root in library.store.roots.all()] == [os.fsencode(other)]
    assert report.files == 1
    assert library.worded("zebra") == ["new.txt"]
    assert library.store.roots.requests() == []


def test_the_other_copy_takes_over_when_the_one_with_the_work_leaves(library: Library) -> None:
    library.encoders.text_model = None
    first, second = library.text("a.txt", "the red boat"), library.text("b.txt", "the red boat")
    library.run()
    first.unlink()
    library.encoders.text_model = "fake-text"
    library.run()
    assert library.store.vectors.count() == 1
    assert library.worded("boat") == [second.name]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_file_that_waited_in_a_closed_folder_is_read_when_it_is_opened(library: Library) -> None:
    path = library.text("closed/letter.txt", "the red boat")
    look_at(library.store, Settled(frozenset((os.fsencode(path),))))
    path.parent.chmod(0)
    with bound_by_permissions():
        assert library.run().failed == 1
    (failure,) = library.store.jobs.failures()
    assert failure.reason == "no permission to read it"
    path.parent.chmod(0o700)
    with bound_by_permissions():
        assert library.run().failed == 0
    assert library.worded("boat") == ["letter.txt"]


def test_a_broken_installation_is_one_error_and_fails_no_file(tmp_path: Path) -> None:
    broken, whole = Sandbox(serve=misbehaving.serve_nothing), Sandbox()
    library = Library(tmp_path, broken)
    try:
        for name in ("a.txt", "b.txt", "c.txt"):
            library.text(name, f"red boat {name}")
        with pytest.raises(ReaderError, match="installing Findling again"):
            library.indexer.run()
        assert broken.starts == 2, "no file is tried after the first that could not be"
        assert library.store.jobs.failures() == []
        library.indexer = Indexer(library.store, whole, library.encoders, library.speech, library.folders)
        assert library.run().failed == 0
        assert len(library.worded("boat")) == 3
    finally:
        library.close()
        broken.close()
        whole.close()
