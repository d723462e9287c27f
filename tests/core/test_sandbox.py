"""The sandbox with real children: what a hostile or broken file can do, and what it costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.cancel import CancelToken
from core.child import Serve
from core.errors import Cancelled, ReaderError, SkippedError, UnreadableError
from core.extract import sandbox as sandbox_module
from core.extract.sandbox import Sandbox
from core.types import Extraction, Kind
from tests.core import misbehaving

Order = Callable[[str], bytes]
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and resource limits are POSIX")


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """A file that tells the reader in the child what to do."""

    def write(words: str) -> bytes:
        path = tmp_path / "file"
        path.write_text(words)
        return os.fsencode(path)

    return write


@pytest.fixture
def start() -> Iterator[Callable[..., Sandbox]]:
    started: list[Sandbox] = []

    def make(serve: Serve = misbehaving.serve, **limits: Any) -> Sandbox:
        started.append(Sandbox(serve=serve, **limits))
        return started[-1]

    yield make
    for one in started:
        one.close()


def child_pid(extraction: Extraction) -> int:
    return int(extraction.metadata.title or 0)


@posix
@pytest.mark.parametrize(
    ("name", "reason"),
    [("SIGSEGV", "crashed on it"), ("SIGABRT", "crashed on it"), ("SIGKILL", "perhaps because memory was short")],
)
def test_a_crash_is_tried_twice_and_told(start: Callable[..., Sandbox], order: Order, name: str, reason: str) -> None:
    sandbox = start()
    with pytest.raises(UnreadableError, match=reason) as caught:
        sandbox.extract(order(f"signal {int(getattr(signal, name))}"))
    assert sandbox.starts == 2
    assert not isinstance(caught.value, SkippedError)
    assert sandbox.extract(order("well")).kind is Kind.DOCUMENT
    assert sandbox.starts == 3


@posix
def test_a_crash_that_does_not_repeat_costs_nothing(start: Callable[..., Sandbox], order: Order) -> None:
    sandbox = start()
    pid = child_pid(sandbox.extract(order("well")))
    assert sandbox.extract(order(f"crash-if-process {pid}")).kind is Kind.DOCUMENT
    assert sandbox.starts == 2


def test_a_child_that_leaves_is_told(start: Callable[..., Sandbox], order: Order) -> None:
    with pytest.raises(UnreadableError, match="crashed on it"):
        start().extract(order("exit 7"))


@pytest.mark.parametrize("how", ["hang", "spin"])
def test_a_hang_ends_at_the_deadline(start: Callable[..., Sandbox], order: Order, how: str) -> None:
    sandbox = start(deadline_factor=1 / 60)  # one second
    with pytest.raises(UnreadableError, match="took too long"):
        sandbox.extract(order(how))
    assert sandbox.starts == 1, "what hung once hangs again"
    assert sandbox.extract(order("well")).kind is Kind.DOCUMENT


@posix
def test_memory_is_limited(start: Callable[..., Sandbox], order: Order) -> None:
    sandbox = start(serve=misbehaving.serve_in_little_memory)
    with pytest.raises(UnreadableError, match="needs too much memory"):
        sandbox.extract(order("eat"))
    assert sandbox.extract(order("well")).kind is Kind.DOCUMENT
    assert sandbox.starts == 2, "a child that ran out of memory is replaced"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("unreadable needs a password", "needs a password"),
        ("bug customers.xlsx", "could not be read: damaged, or of an unexpected form"),
        ("recurse", "damaged: it is nested too deeply"),
    ],
)
def test_an_exception_is_a_line_for_a_person(
    start: Callable[..., Sandbox], order: Order, words: str, reason: str
) -> None:
    path = order(words)
    with pytest.raises(UnreadableError) as caught:
        start().extract(path)
    assert caught.value.message == reason
    assert caught.value.path == path


def test_a_log_never_quotes_the_file(
    start: Callable[..., Sandbox], order: Order, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(UnreadableError):
        start().extract(order("bug secret-words"))
    assert "ZeroDivisionError at misbehaving.py" in caplog.text
    assert "secret-words" not in caplog.text


def test_what_is_not_read_says_why(start: Callable[..., Sandbox], order: Order) -> None:
    with pytest.raises(SkippedError, match="archives are not read yet"):
        start().extract(order("skip archives are not read yet"))


def test_a_missing_file(start: Callable[..., Sandbox], tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="no longer there"):
        start(serve=sandbox_module.worker.serve).extract(os.fsencode(tmp_path / "gone.txt"))


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(start: Callable[..., Sandbox], tmp_path: Path) -> None:
    path = tmp_path / "private.txt"
    path.write_text("words")
    path.chmod(0)
    with pytest.raises(UnreadableError, match="no permission"):
        start(serve=sandbox_module.worker.serve).extract(os.fsencode(path))


@posix
def test_pipes_and_devices_are_never_opened(start: Callable[..., Sandbox], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    sandbox = start(serve=sandbox_module.worker.serve, deadline_factor=1 / 6)
    for path in (pipe, Path("/dev/zero"), tmp_path):
        with pytest.raises(UnreadableError, match="not an ordinary file"):
            sandbox.extract(os.fsencode(path))
        with pytest.raises(UnreadableError, match="not an ordinary file"):
            sandbox.decode_audio(os.fsencode(path), tmp_path / "sound.pcm")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_not_utf_8(start: Callable[..., Sandbox], tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    Path(os.fsdecode(path)).write_text("red boat")
    extraction = start(serve=sandbox_module.worker.serve).extract(path)
    assert [passage.text for passage in extraction.passages] == ["red boat"]


def test_text_that_no_encoding_can_carry_still_arrives(start: Callable[..., Sandbox], order: Order) -> None:
    sandbox = start()
    extraction = sandbox.extract(order("surrogate"))
    assert extraction.metadata.title == "a\ufffdb"
    assert [passage.text for passage in sandbox.extract(order("surrogate in-the-text")).passages] == ["x\ufffd"]
    assert sandbox.starts == 1


def test_an_answer_of_the_wrong_form_is_not_believed(start: Callable[..., Sandbox], order: Order) -> None:
    with pytest.raises(UnreadableError, match="wrong answer"):
        start(serve=misbehaving.serve_garbage).extract(order("well"))


def test_a_reader_that_does_not_start_is_one_error_and_no_files_fault(
    start: Callable[..., Sandbox], order: Order
) -> None:
    sandbox = start(serve=misbehaving.serve_nothing)
    for starts in (2, 4):
        with pytest.raises(ReaderError, match="does not start"):
            sandbox.extract(order("well"))
        assert sandbox.starts == starts


@posix
def test_a_death_while_nothing_is_asked_costs_no_file(start: Callable[..., Sandbox], order: Order) -> None:
    sandbox, path = start(), order("well")
    for starts in (2, 3):
        os.kill(child_pid(sandbox.extract(path)), signal.SIGKILL)
        assert sandbox.extract(path).kind is Kind.DOCUMENT
        assert sandbox.starts == starts


def test_memory_is_watched_where_the_child_sets_no_limit(start: Callable[..., Sandbox], order: Order) -> None:
    sandbox = start(serve=misbehaving.serve_unconfined, memory_limit_bytes=misbehaving.LIMIT_BYTES // 2)
    with pytest.raises(UnreadableError, match="needs too much memory"):
        sandbox.extract(order("eat-slowly"))
    assert sandbox.starts == 1, "what did not fit once does not fit again"
    assert sandbox.extract(order("well")).kind is Kind.DOCUMENT


def test_memory_that_earlier_files_left_behind_costs_no_file(start: Callable[..., Sandbox], order: Order) -> None:
    sandbox = start()
    pid = child_pid(sandbox.extract(order("well")))
    assert sandbox.extract(order(f"short-of-memory-if-process {pid}")).kind is Kind.DOCUMENT
    assert sandbox.starts == 2


def test_a_cancel_ends_the_work(start: Callable[..., Sandbox], order: Order) -> None:
    sandbox, token = start(), CancelToken()
    timer = threading.Timer(0.5, token.cancel)
    timer.start()
    with pytest.raises(Cancelled):
        sandbox.extract(order("hang"), token)
    timer.join()
    assert sandbox.extract(order("well")).kind is Kind.DOCUMENT


def test_closing_ends_work_on_another_thread(start: Callable[..., Sandbox], order: Order) -> None:
    sandbox = start()
    path = order("hang")
    raised: list[BaseException] = []

    def read() -> None:
        try:
            sandbox.extract(path)
        except BaseException as error:  # noqa: BLE001 - handed to the asserting thread
            raised.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    while sandbox.starts == 0:
        time.sleep(0.01)
    time.sleep(0.3)
    sandbox.close()
    thread.join(20)
    assert [type(error) for error in raised] == [Cancelled]
    assert sandbox.starts == 1, "no child is started again by a call that was closed"


def test_threads_take_turns(start: Callable[..., Sandbox], order: Order) -> None:
    sandbox, path = start(), order("well")
    pids: list[int] = []
    threads = [threading.Thread(target=lambda: pids.append(child_pid(sandbox.extract(path)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(pids) == 8
    assert len(set(pids)) == 1


def test_a_child_is_replaced_after_a_while(
    start: Callable[..., Sandbox], order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_module, "_FILES_PER_CHILD", 3)
    sandbox, path = start(), order("well")
    pids = [child_pid(sandbox.extract(path)) for _ in range(7)]
    assert len(set(pids)) == 3
    assert not any(psutil.pid_exists(pid) for pid in pids[:6])


def test_a_child_that_has_grown_is_replaced(
    start: Callable[..., Sandbox], order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_module, "_MAX_RSS_BYTES", 1)
    sandbox, path = start(), order("well")
    assert child_pid(sandbox.extract(path)) != child_pid(sandbox.extract(path))


def test_decoded_sound_is_not_left_behind_after_a_failure(
    start: Callable[..., Sandbox], order: Order, tmp_path: Path
) -> None:
    sandbox, pcm = start(), tmp_path / "sound.pcm"
    with pytest.raises(UnreadableError, match="cannot be decoded"):
        sandbox.decode_audio(order("fail-late"), pcm)
    assert not pcm.exists()
    assert sandbox.decode_audio(order("well"), pcm) == 2 / 16_000
    assert pcm.stat().st_size == 8


def test_the_child_steps_back_and_goes_with_the_sandbox(start: Callable[..., Sandbox], order: Order) -> None:
    sandbox = start()
    process = psutil.Process(child_pid(sandbox.extract(order("well"))))
    if sys.platform != "win32":
        assert process.nice() >= 10
    sandbox.close()
    assert not process.is_running()


def test_a_file_that_somebody_waits_for_goes_before_indexing(start: Callable[..., Sandbox], order: Order) -> None:
    process = psutil.Process(child_pid(start(niceness=0).extract(order("well"))))
    assert process.nice() == psutil.Process().nice()


def test_decoders_cannot_write_on_the_terminal(
    start: Callable[..., Sandbox], order: Order, capfd: pytest.CaptureFixture[str]
) -> None:
    start().extract(order("chatter"))
    captured = capfd.readouterr()
    assert "noise" not in captured.out + captured.err


def test_the_parent_loads_no_decoder() -> None:
    script = (
        "import sys, core.extract.sandbox\n"
        "loaded = {'av', 'rawpy', 'pi_heif', 'pypdfium2', 'lxml', 'openpyxl', 'PIL'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
