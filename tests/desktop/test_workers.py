"""The workers: the newest question wins, failures come back on the main thread, nothing outlives ``close``."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import QThread

from core.cancel import CancelToken
from core.errors import FolderError, IndexBusyError, UnreadableError
from core.types import Progress, Query, SearchResult, Stage
from desktop.workers.index_worker import IndexWorker
from desktop.workers.operations import Operations
from desktop.workers.search_worker import SearchWorker


class GatedSearch:
    """Answers a search only once it is let through, so that a test decides who is slow."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.started = threading.Event()
        self.go = threading.Event()

    def search(self, query: Query) -> SearchResult:
        self.asked.append(query.text)
        self.started.set()
        assert self.go.wait(10)
        if query.text == "broken":
            raise UnreadableError("the picture is cut off", path="/a.jpg")
        return SearchResult(query, (), 0, 1.0)


@pytest.fixture
def search(qtbot):
    engine = GatedSearch()
    worker = SearchWorker(engine)
    yield engine, worker
    engine.go.set()
    worker.close()


def test_only_the_newest_question_is_answered(qtbot, search):
    engine, worker = search
    answers: list[str] = []
    worker.answered.connect(lambda result: answers.append(result.query.text))
    worker.request(Query(text="b"))
    assert engine.started.wait(10)
    for text in ("bo", "boa", "boat"):
        worker.request(Query(text=text))
    assert worker.busy
    engine.go.set()
    qtbot.waitUntil(lambda: not worker.busy)
    assert answers == ["boat"]
    assert engine.asked == ["b", "boat"]  # what was typed over while it waited is never searched


def test_a_question_that_was_forgotten_has_no_answer(qtbot, search):
    engine, worker = search
    worker.request(Query(text="boat"))
    assert engine.started.wait(10)
    worker.forget()
    with qtbot.assertNotEmitted(worker.answered, wait=100):
        engine.go.set()
    assert not worker.busy


def test_a_search_that_fails_tells_why(qtbot, search):
    engine, worker = search
    engine.go.set()
    with qtbot.waitSignal(worker.failed) as failed:
        worker.request(Query(text="broken"))
    assert str(failed.args[0]) == "/a.jpg: the picture is cut off"


@pytest.fixture
def operations(qtbot):
    made = Operations()
    yield made
    made.close()


def test_an_operation_works_elsewhere_and_comes_back_here(qtbot, operations):
    threads: list[QThread] = []
    values: list[str] = []

    def work() -> str:
        threads.append(QThread.currentThread())
        return "done"

    def done(value: str) -> None:
        threads.append(QThread.currentThread())
        values.append(value)

    operations.run(work, done)
    qtbot.waitUntil(lambda: bool(values))
    assert values == ["done"]
    assert threads[0] != threads[1]
    assert threads[1] == QThread.currentThread()


def test_expected_trouble_goes_to_its_handler_or_to_everyone(qtbot, operations):
    def refuse() -> None:
        raise FolderError("there is no such folder", path="/nowhere")

    handled: list[str] = []
    operations.run(refuse, on_failure=lambda error: handled.append(str(error)))
    qtbot.waitUntil(lambda: bool(handled))
    assert handled == ["/nowhere: there is no such folder"]
    with qtbot.waitSignal(operations.failed) as failed:
        operations.run(refuse)
    assert isinstance(failed.args[0], FolderError)


def test_our_own_faults_are_raised_on_the_main_thread(qtbot, operations):
    with qtbot.captureExceptions() as caught:
        operations.run(lambda: 1 / 0)
        qtbot.waitUntil(lambda: bool(caught))
    assert caught[0][0] is ZeroDivisionError


def test_nothing_comes_back_after_close(qtbot):
    operations = Operations()
    values: list[int] = []
    release = threading.Event()
    operations.run(lambda: release.wait(10), values.append)
    release.set()
    operations.close()
    qtbot.wait(50)
    assert values == []


class Follower:
    """An indexer that reports once, says that something changed, and follows until it is cancelled."""

    def __init__(self, *, busy_first: bool = False) -> None:
        self.runs = 0
        self._busy = busy_first

    def watch(self, *, cancel: CancelToken, on_progress, on_change, purpose) -> None:
        self.runs += 1
        if self._busy:
            self._busy = False
            raise IndexBusyError("process 4711 is indexing")
        on_progress(Progress(Stage.CONTENT, 1, 2, "a.jpg", 1.0, 1.0, 0))
        on_change()
        cancel.wait(10)


def test_indexing_reports_pauses_and_goes_on(qtbot):
    engine = Follower()
    worker = IndexWorker(engine)
    with qtbot.waitSignals([worker.progressed, worker.changed]):
        worker.start()
    worker.pause()
    assert not worker.running
    with qtbot.waitSignal(worker.changed):
        worker.start()
    assert worker.running
    worker.close()
    assert engine.runs == 2


def test_a_busy_index_is_told_and_tried_again(qtbot, monkeypatch):
    monkeypatch.setattr("desktop.workers.index_worker._RETRY_BUSY_S", 0.01)
    engine = Follower(busy_first=True)
    worker = IndexWorker(engine)
    with qtbot.waitSignals([worker.busy, worker.changed]):
        worker.start()
    worker.close()
    assert engine.runs == 2
