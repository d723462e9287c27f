"""Runs with several readers, where files are read, encoded and committed side by side."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from core import cpu
from core.cancel import CancelToken
from core.errors import UnreadableError
from core.extract.pool import SandboxPool
from core.extract.sandbox import Sandbox
from core.index.indexer import Indexer
from core.store.jobs import MAX_ATTEMPTS
from core.types import PauseReason, SegmentKind, Stage
from core.watch.scan import reconcile_roots
from tests.fakes import COLOURS
from tests.library import KINDS, Library


@pytest.fixture(scope="module")
def pool() -> Iterator[SandboxPool]:
    readers = SandboxPool(2)
    yield readers
    readers.close()


@pytest.fixture
def wide(tmp_path: Path, pool: SandboxPool) -> Iterator[Library]:
    """A library that is read by two sandboxes."""
    library = Library(tmp_path, pool)
    yield library
    library.close()


def photos(library: Library, count: int) -> None:
    """So many photos, no two alike."""
    for number in range(count):
        path = library.photo(f"{number}.png", list(COLOURS)[number % len(COLOURS)])
        picture = Image.open(path)
        picture.putpixel((0, 0), (number, 0, 0))
        picture.save(path)


def test_everything_becomes_findable(wide: Library) -> None:
    wide.some_of_everything()
    report = wide.run()
    assert (report.files, report.indexed, report.failed, report.waiting, report.encoded) == (5, 5, 0, {}, 6)
    assert wide.worded("boat") == ["letter.txt"]
    assert wide.worded("house", SegmentKind.SPEECH) == ["voice.wav"]
    assert wide.nearest_photo("blue") == "blue.png"
    wide.forget_counts()
    wide.run()
    assert wide.costs == (0, 0, 0)


def test_photos_are_encoded_while_others_are_read(wide: Library) -> None:
    photos(wide, 60)
    read_at: list[int] = []
    wide.encoders.before_batch = lambda: read_at.append(wide.reader.reads)
    assert wide.run().encoded == 60
    assert read_at[0] < 60
    assert max(wide.encoders.batches) == 8, "work gathers into full batches meanwhile"


def test_a_long_document_holds_up_no_photo(wide: Library) -> None:
    wide.text("long.txt", "\n\n".join(f"Sentence {number} speaks of thing{number}." for number in range(12_000)))
    wide.run()
    photos(wide, 16)
    wide.encoders.text_model = "better-text"
    wide.encoders.batches.clear()
    wide.run()
    batches = wide.encoders.batches
    last_photos = len(batches) - 1 - batches[::-1].index(8)
    assert batches[last_photos:].count(64) > 1


def test_a_model_may_be_prepared_before_it_has_much_to_encode(wide: Library) -> None:
    shown: list[PauseReason | None] = []
    reloads: list[int] = []  # what was encoded at each
    prepared_at: list[int] = []

    def prepare_ahead(_cancel: CancelToken, on_begin: Callable[[], None]) -> bool:
        if prepared_at or not wide.store.jobs.left().get(Stage.TEXT):
            return False
        on_begin()
        prepared_at.append(len(reloads))
        assert shown[-1] is PauseReason.PREPARING
        assert not wide.store.jobs.unfinished([Stage.CONTENT]), "what was under way has ended and is in the index"
        return True

    for number in range(4):
        wide.text(f"{number}.txt", f"the letter of day {number}")
    wide.encoders.text_model = None
    wide.run()
    wide.encoders.text_model = "fake-text"
    wide.indexer = Indexer(
        *(wide.store, wide.reader, wide.encoders, wide.speech, wide.folders),
        reload_models=lambda: reloads.append(wide.encoders.encoded),
        prepare_ahead=prepare_ahead,
    )
    wide.run(on_progress=lambda progress: shown.append(progress.paused))
    assert prepared_at == [1]
    assert reloads[:2] == [0, 0], "what was prepared is taken over before anything is encoded"
    assert wide.encoders.encoded == 4


@pytest.mark.skipif(sys.platform != "linux", reason="the classes of the disk are Linux's")
@pytest.mark.parametrize("readers", [1, 2])
def test_what_is_read_here_comes_last_on_the_disk(readers: int, tmp_path: Path, pool: SandboxPool) -> None:
    """Files are hashed in this process, all their bytes, before a child reads them from the system's cache."""
    wide = Library(tmp_path, pool if readers == 2 else Sandbox())

    def turn() -> str:
        return str(psutil.Process(threading.get_native_id()).ionice().ioclass.name)

    try:
        before = turn()
        seen: set[str] = set()
        wide.reader.before = lambda _path: seen.add(turn())
        wide.some_of_everything()
        wide.run()
        assert seen == {"IOPRIO_CLASS_IDLE"}
        assert turn() == before
    finally:
        if readers == 1:
            wide.reader.close()
        wide.close()


def test_of_several_copies_one_is_read(wide: Library) -> None:
    for number in range(9):
        wide.text(f"{number}.txt", "all copies say the same")
    report = wide.run()
    assert (report.files, report.indexed, report.encoded) == (9, 9, 1)
    assert wide.reader.reads == 1
    assert len(wide.worded("copies")) == 9


def test_copies_of_what_cannot_be_read_all_fail(wide: Library) -> None:
    for number in range(5):
        (wide.folder / f"{number}.jpg").write_bytes(b"\xff\xd8\xff\xe0 this is no picture")
    report = wide.run()
    assert (report.files, report.failed) == (5, 5)


def test_small_files_share_transactions(wide: Library) -> None:
    wide.encoders.text_model = None
    for number in range(200):
        wide.text(f"{number}.txt", f"number {number}")
    wide.run()
    ledger = wide.indexer.ledger
    assert ledger.reads == 200
    assert ledger.hashed_bytes == sum(path.stat().st_size for path in wide.folder.iterdir())
    assert ledger.commits < 100


def test_a_cancelled_run_gives_back_what_it_had_begun(wide: Library) -> None:
    photos(wide, 40)
    cancel = CancelToken()
    wide.reader.before = lambda _path: cancel.cancel() if wide.reader.reads > 12 else None
    report = wide.run(cancel=cancel)
    assert report.cancelled
    running = wide.store.database.connection.execute("SELECT count(*) FROM jobs WHERE state = 'running'").get
    attempted = wide.store.database.connection.execute("SELECT count(*) FROM jobs WHERE attempts > 0").get
    assert (running, attempted) == (0, 0)
    wide.reader.before = lambda _path: None
    report = wide.run()
    assert (report.failed, report.waiting) == (0, {})
    assert wide.store.vectors.count() == 80, "a descriptor and a model's vector for each"


def test_a_reader_that_dies_costs_one_file(wide: Library) -> None:
    photos(wide, 20)

    def refuse(path: bytes) -> None:
        if path.endswith(b"/7.png"):
            raise UnreadableError("the reader crashed on it (ended by SIGSEGV)", path=path)

    wide.reader.before = refuse
    report = wide.run()
    assert (report.indexed, report.failed) == (19, 1)


def test_a_model_chosen_in_the_middle_mixes_no_spaces(wide: Library) -> None:
    for number in range(300):
        wide.text(f"{number}.txt", f"number {number}")
    wide.run()
    wide.encoders.text_model = "second"
    batches = 0

    def choose() -> None:
        nonlocal batches
        batches += 1
        if batches == 2:
            wide.encoders.text_model = "third"

    wide.encoders.before_batch = choose
    wide.run()
    wide.encoders.before_batch = lambda: None
    wide.run()
    space = wide.encoders.text_space()
    assert space is not None
    space_id = wide.store.vectors.space_id(space)
    assert len(wide.store.vectors.scan(space_id, wide.encoders.encode_queries(["number"])[0]).cosines) == 300


def test_the_number_of_readers_may_change_between_runs_and_in_one(wide: Library, pool: SandboxPool) -> None:
    photos(wide, 30)
    sizes = iter([1, 3, 2])

    def resize(_path: bytes) -> None:
        if wide.reader.reads % 8 == 0:
            pool.resize(next(sizes, 2))

    wide.reader.before = resize
    try:
        assert wide.run().encoded == 30
    finally:
        pool.resize(2)


kinds = st.sampled_from(KINDS)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(kinds, max_size=12), cancel_after=st.none() | st.integers(0, 8))
def test_what_is_found_does_not_depend_on_the_number_of_readers(
    tmp_path_factory: pytest.TempPathFactory,
    sandbox: Sandbox,
    pool: SandboxPool,
    files: list[str],
    cancel_after: int | None,
) -> None:
    base = tmp_path_factory.mktemp("readers")
    (base / "one").mkdir()
    (base / "two").mkdir()
    one, two = Library(base / "one", sandbox), Library(base / "two", pool)
    try:
        one.put(files)
        shutil.rmtree(two.folder)
        shutil.copytree(one.folder, two.folder)
        cancel = CancelToken()
        two.reader.before = lambda _path: (
            cancel.cancel() if cancel_after is not None and two.reader.reads > cancel_after else None
        )
        two.run(cancel=cancel)
        two.reader.before = lambda _path: None
        first, second = one.run(), two.run()
        assert (first.files, first.failed, first.skipped) == (second.files, second.failed, second.skipped)
        assert one.store.segments.count() == two.store.segments.count()
        assert one.store.vectors.count() == two.store.vectors.count()
        assert two.store.jobs.left() == {}
    finally:
        one.close()
        two.close()


def test_what_was_read_at_a_sudden_end_is_read_alone(library: Library) -> None:
    for number in range(6):
        library.text(f"{number}.txt", f"number {number}")
    reconcile_roots(library.store, library.store.roots.all())
    jobs = library.store.jobs
    begun = {job.file_id for job in jobs.claim(Stage.CONTENT, 3)}
    jobs.recover()
    for _ in range(3):
        assert jobs.claim(Stage.CONTENT, 4, alone=False) == []
        (suspect,) = jobs.claim(Stage.CONTENT, 4)
        assert suspect.suspect
        assert suspect.file_id in begun
        begun.remove(suspect.file_id)
        jobs.finish(suspect.file_id, Stage.CONTENT)
    rest = jobs.claim(Stage.CONTENT, 4, alone=False)
    assert len(rest) == 3
    assert not any(job.suspect for job in rest)


def test_innocents_are_not_held_to_account_for_a_file_that_ends_the_program(library: Library) -> None:
    for number in range(6):
        library.text(f"{number}.txt", f"number {number}")
    reconcile_roots(library.store, library.store.roots.all())
    jobs = library.store.jobs
    deadly = jobs.claim(Stage.CONTENT, 6)[2].file_id
    for _ in range(20):
        jobs.recover()
        while claimed := jobs.claim(Stage.CONTENT, 6):
            if deadly in {job.file_id for job in claimed}:
                break
            for job in claimed:
                jobs.finish(job.file_id, Stage.CONTENT)
    left = jobs.failures()
    assert [failure.attempts for failure in left] == [MAX_ATTEMPTS]


def test_few_jobs_wait_for_more_where_that_is_asked(library: Library) -> None:
    for number in range(5):
        library.text(f"{number}.txt", f"number {number}")
    reconcile_roots(library.store, library.store.roots.all())
    jobs = library.store.jobs
    assert jobs.claim(Stage.CONTENT, 8, at_least=6) == []
    assert len(jobs.claim(Stage.CONTENT, 8, at_least=5)) == 5


@pytest.mark.skipif(shutil.which("ionice") is None, reason="a system without ionice")
@pytest.mark.parametrize(("given", "name"), [(["-c", "3"], "IDLE"), (["-c", "2", "-n", "6"], "BE")])
def test_the_turn_on_the_disk_that_was_given_is_given_back(given: list[str], name: str) -> None:
    """``ionice -c 3`` leaves a level with a class that has none."""
    kept: list[str] = []

    def work() -> None:  # in a thread of its own, whose turn may be anything afterwards
        thread = psutil.Process(threading.get_native_id())
        subprocess.run(["ionice", *given, "-p", str(thread.pid)], check=True)
        with cpu.behind_on_disk():
            kept.append(thread.ionice().ioclass.name)
        kept.append(thread.ionice().ioclass.name)

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert kept == ["IOPRIO_CLASS_IDLE", f"IOPRIO_CLASS_{name}"]
