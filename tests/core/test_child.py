"""Spawned children that answer over a pipe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

import psutil
import pytest

from core import child as child_module
from core.cancel import CancelToken
from core.child import Child, ChildDied, ChildTimeout
from core.errors import Cancelled
from tests.core import misbehaving

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


def serve_echo(connection: Connection) -> None:
    """Answer with the child's pid and the message; obey a few orders."""
    while True:
        message = connection.recv_bytes()
        if message == b"hang":
            time.sleep(600)
        if message == b"die":
            os._exit(3)
        if message.startswith(b"signal "):
            os.kill(os.getpid(), int(message.split()[1]))
        connection.send_bytes(str(os.getpid()).encode() + b" " + message)


@pytest.fixture
def echo() -> Iterator[Child]:
    child = Child("echo", serve_echo)
    yield child
    child.close()


def test_one_child_answers_many_requests(echo: Child) -> None:
    answers = [echo.call(str(n).encode(), 60) for n in range(20)]
    assert len({answer.split()[0] for answer in answers}) == 1
    assert [answer.split()[1] for answer in answers] == [str(n).encode() for n in range(20)]
    assert echo.starts == 1
    assert echo.running


def test_large_messages_pass(echo: Child) -> None:
    message = b"x" * 30_000_000
    assert len(echo.call(message, 60)) > len(message)


def test_a_death_is_told_and_the_next_request_starts_another(echo: Child) -> None:
    echo.call(b"a", 60)
    with pytest.raises(ChildDied, match="code 3"):
        echo.call(b"die", 60)
    assert not echo.running
    assert echo.call(b"b", 60).endswith(b" b")
    assert echo.starts == 2


@posix
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, getattr(signal, "SIGRTMIN", 34) + 1])
def test_a_death_names_its_signal(echo: Child, number: int) -> None:
    with pytest.raises(ChildDied, match=r"SIG|signal"):
        echo.call(b"signal %d" % number, 60)


def test_the_deadline_ends_the_child(echo: Child) -> None:
    with pytest.raises(ChildTimeout):
        echo.call(b"hang", 0.5)
    assert not echo.running


def test_a_cancel_ends_the_child(echo: Child) -> None:
    token = CancelToken()
    echo.send(b"hang")
    token.cancel()
    with pytest.raises(Cancelled):
        echo.receive(None, token)
    assert not echo.running


@posix
def test_half_an_answer_does_not_hold_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "_MESSAGE_S", 0.5)
    child = Child("half", misbehaving.serve_half_an_answer)
    with pytest.raises(ChildDied, match="SIGKILL"):
        child.call(b"x", 60)


def test_nothing_was_asked(echo: Child) -> None:
    with pytest.raises(ChildDied):
        echo.receive(1)


def test_closing_leaves_no_process(echo: Child) -> None:
    pid = int(echo.call(b"a", 60).split()[0])
    echo.close()
    assert not psutil.pid_exists(pid)
    echo.close()


@posix
def test_a_killed_child_that_takes_its_time_to_go_is_no_error(
    echo: Child, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pid = int(echo.call(b"a", 60).split()[0])
    monkeypatch.setattr(child_module, "_TERMINATE_S", 0.0)  # waits for nothing: the child is still there
    monkeypatch.setattr(child_module.SpawnProcess, "kill", lambda process: None)
    monkeypatch.setattr(child_module.SpawnProcess, "terminate", lambda process: None)
    process = psutil.Process(pid)
    process.suspend()
    try:
        echo.kill()
        assert "is not gone yet" in caplog.text
        assert not echo.running
    finally:
        process.kill()


def test_the_child_leaves_when_its_parent_is_killed() -> None:
    script = textwrap.dedent("""
        import os, signal
        from core.child import Child
        from tests.core.test_child import serve_echo

        if __name__ == "__main__":
            child = Child("echo", serve_echo)
            print(child.call(b"a", 60).split()[0].decode(), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL
    psutil.wait_procs(processes := [p for p in psutil.process_iter() if p.pid == int(done.stdout)], timeout=20)
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


@posix
def test_ctrl_c_is_the_parents_alone(echo: Child) -> None:
    pid = int(echo.call(b"a", 60).split()[0])
    os.kill(pid, signal.SIGINT)
    assert int(echo.call(b"b", 60).split()[0]) == pid


def serve_standing(connection: Connection) -> None:
    """Answer with the child's niceness on the processor and its class on the disk."""
    while True:
        connection.recv_bytes()
        process = psutil.Process()
        disk = process.ionice().ioclass.name if sys.platform == "linux" else "unknown"
        session = os.getsid(0) == os.getpid()
        behind = process.nice() - os.getpriority(os.PRIO_PROCESS, os.getppid())
        connection.send_bytes(f"{behind} {disk} {session}".encode())


@pytest.mark.skipif(sys.platform != "linux", reason="the classes of the disk are Linux's")
def test_a_child_steps_back_on_the_processor_and_on_the_disk() -> None:
    modest, equal = Child("modest", serve_standing, niceness=7), Child("equal", serve_standing)
    try:
        assert modest.call(b"?", 60) == b"7 IOPRIO_CLASS_IDLE True"
        assert equal.call(b"?", 60).startswith(b"0 ")
        assert not equal.call(b"?", 60).endswith(b"True"), "who is not to step back stays in its parent's session"
    finally:
        modest.close()
        equal.close()


def test_children_that_run_are_known() -> None:
    first, second = Child("first", serve_echo), Child("second", serve_echo)
    pids = [int(child.call(b"a", 60).split()[0]) for child in (first, second)]
    assert set(pids) <= set(child_module.running_pids())
    for child in (first, second):
        child.close()
    assert not set(pids) & set(child_module.running_pids())
