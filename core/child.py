"""Spawned children that answer over a pipe.

A child runs ``serve(connection)`` in a fresh interpreter. Messages are opaque bytes here; the sandbox and the
model host encode theirs with msgspec, which checks types on arrival, so that a child that was taken over by a
hostile file cannot make its parent unpickle anything.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from multiprocessing import reduction
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import BinaryIO, TypeVar

from core import cpu, lifeline, log
from core.cancel import CancelToken
from core.errors import Cancelled, ChildError

logger = logging.getLogger(__name__)

T = TypeVar("T")

_POLL_S = 0.1  # how soon a cancel is seen while a child works
_TERMINATE_S = 2.0  # then kill
_MESSAGE_S = 60.0  # to read one answer, once it has begun to come
_MAX_MESSAGE_BYTES = 512 * 1024 * 1024  # a child that was taken over may claim any length

Serve = Callable[[Connection], None]


class ChildDied(ChildError):
    """The child ended without an answer: a crash, or ``killed`` from outside, as where memory is short."""

    def __init__(self, message: str, *, killed: bool = False) -> None:
        super().__init__(message)
        self.killed = killed


class ChildTimeout(ChildError):
    """The child gave no answer by its deadline and was ended."""


class ChildTooLarge(ChildError):
    """The child took more memory than it may and was ended."""


def child_main(serve: bytes, connection: Connection, niceness: int, environment: dict[str, str]) -> None:
    """What the spawned interpreter runs: leave Ctrl-C to the parent, step back, serve until the pipe closes.

    ``serve`` comes pickled, because unpickling it imports its module: libraries read ``environment`` at import.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(environment)
    lifeline.follow_parent()
    log.log_nowhere()  # it shares the terminal, or the desktop session's journal, with its parent
    cpu.step_back(niceness)
    cpu.bound_heap()
    try:
        function: Serve = pickle.loads(serve)
        function(connection)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent closed the pipe or is gone
    except Exception as error:  # noqa: BLE001 - multiprocessing would print what it says, which may quote a file
        sys.stderr.write(f"findling: a helper process ended: {log.told(error)}\n")
        sys.exit(1)


class Child:
    """One child process, started on the first request and again after a death. Calls are serialised by the caller."""

    def __init__(
        self,
        name: str,
        serve: Serve,
        *,
        niceness: int = 0,
        threads: int | None = None,
        memory_limit_bytes: int | None = None,
    ) -> None:
        """``threads`` is what the child's libraries may use; they decide by themselves where it is None.

        A child whose resident memory grows over ``memory_limit_bytes`` while it is waited for is ended.
        """
        self.name = name
        self._serve = serve
        self._niceness = niceness
        self._memory_limit_bytes = memory_limit_bytes
        self._job: object | None = None  # Windows: ends the child when we end
        self.threads = threads  # of the next start
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._guard = threading.Lock()
        self.starts = 0
        self.last_used_s = time.monotonic()
        _children.add(self)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.is_alive()

    @property
    def pid(self) -> int | None:
        process = self._process
        try:
            return None if process is None else process.pid
        except ValueError:  # it was ended by another thread just now
            return None

    def start(self) -> None:
        """Start the child, if it does not run, before there is anything to ask."""
        self._ensure_started()

    def send(self, message: bytes, file: BinaryIO | None = None) -> None:
        """Send one request, starting the child if need be; ``receive_file`` takes the open file there.

        Raises ``ChildDied``.
        """
        connection = self._ensure_started()
        self.last_used_s = time.monotonic()
        try:
            connection.send_bytes(message)
            if file is not None:
                reduction.send_handle(connection, _handle_of(file), self.pid)
        except OSError as error:
            raise self._died() from error

    def follow_up(self, message: bytes) -> None:
        """Send to the child that runs, in the middle of a conversation. Raises ``ChildDied`` where there is none."""
        connection = self._connection
        if connection is None:
            raise self._died()
        try:
            connection.send_bytes(message)
        except OSError as error:
            raise self._died() from error

    def receive(self, timeout_s: float | None = None, cancel: CancelToken | None = None) -> bytes:
        """Wait for one answer.

        Raises ``ChildTimeout`` at the deadline and ``Cancelled`` when ``cancel`` is set (the child is ended in both
        cases, since it may be anywhere in its work), ``ChildTooLarge`` when it takes too much memory, ``ChildDied``
        when it ended by itself.
        """
        connection = self._connection
        if connection is None:
            raise self._died()
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        try:
            while not connection.poll(_POLL_S):
                if cancel is not None and cancel.cancelled:
                    self.kill()
                    raise Cancelled
                if deadline is not None and time.monotonic() > deadline:
                    self.kill()
                    raise ChildTimeout(f"no answer within {timeout_s:.0f} s")
                if self._is_too_large():
                    self.kill()
                    raise ChildTooLarge("took too much memory")
            with self._killed_after(_MESSAGE_S):
                message = connection.recv_bytes(_MAX_MESSAGE_BYTES)
        except (EOFError, OSError) as error:
            raise self._died() from error
        self.last_used_s = time.monotonic()
        return message

    def call(
        self,
        message: bytes,
        timeout_s: float | None = None,
        cancel: CancelToken | None = None,
        file: BinaryIO | None = None,
    ) -> bytes:
        """``send`` and ``receive``."""
        self.send(message, file)
        return self.receive(timeout_s, cancel)

    def close(self) -> None:
        """Let the child leave by itself; end it if it does not."""
        process = self._let_go()
        if process is not None:
            process.join(_TERMINATE_S)
            _end(process)

    def kill(self) -> None:
        """End the child at once."""
        process = self._let_go()
        if process is not None:
            process.kill()
            _end(process)

    def _let_go(self) -> SpawnProcess | None:
        """Close the pipe; the process that was at its other end."""
        with self._guard:
            process, connection = self._process, self._connection
            self._process = self._connection = None
        if connection is not None:
            connection.close()
        return process

    def _is_too_large(self) -> bool:
        """The second line behind the limit that a child sets itself, and the only one where a system has none."""
        pid = self.pid
        if self._memory_limit_bytes is None or pid is None:
            return False
        import psutil

        try:
            return bool(psutil.Process(pid).memory_info().rss > self._memory_limit_bytes)
        except psutil.Error:  # it is gone, which is seen elsewhere
            return False

    @contextlib.contextmanager
    def _killed_after(self, seconds: float) -> Iterator[None]:
        """End a child that began an answer and does not finish it: reading one waits without a limit of its own."""
        process = self._process
        if process is None:
            yield
            return
        timer = threading.Timer(seconds, process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _ensure_started(self) -> Connection:
        with self._guard:
            if self._process is not None and self._connection is not None and self._process.is_alive():
                return self._connection
            if self._connection is not None:
                self._connection.close()
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            environment = {} if self.threads is None else cpu.thread_environment(self.threads)
            arguments = (pickle.dumps(self._serve), theirs, self._niceness, environment)
            process = context.Process(target=child_main, args=arguments, name=self.name, daemon=True)
            process.start()
            if process.pid is not None:
                self._job = lifeline.tie(process.pid, self._memory_limit_bytes)
            theirs.close()  # so that our end sees EOF when the child dies, and the child when we do
            self._process, self._connection = process, ours
            self.starts += 1
            logger.debug("started child %s as %s", self.name, process.pid)
            return ours

    def _died(self) -> ChildDied:
        process = self._process
        code = None
        if process is not None:
            process.join(_TERMINATE_S)
            code = process.exitcode
        self.kill()
        if code is not None and code < 0:
            name = _signal_name(-code)
            return ChildDied(f"ended by {name}", killed=name == "SIGKILL")
        return ChildDied("ended unexpectedly" if code is None else f"ended with code {code}")


def with_one_retry(work: Callable[[], T], whose: str, over: str, closed: Callable[[], bool]) -> T:
    """What ``work`` returns, which asks a child; one that dies over it is started once more.

    ``whose`` process it is and ``over`` what it died are for people: "the search", "question". ``closed`` says whether
    its owner has ended it, which is no death. Raises ``ChildError`` when it dies twice, ``Cancelled`` when it was
    closed, and whatever else ``work`` raises.
    """
    for last in (False, True):
        if closed():
            raise Cancelled
        try:
            return work()
        except ChildDied as error:
            if closed():
                raise Cancelled from error
            if last:
                raise ChildError(f"{whose}'s process died twice on the same {over} ({error})") from error
            logger.warning("%s's process died (%s); it is started once more", whose, error)
    raise AssertionError("unreachable")


def receive_file(connection: Connection) -> BinaryIO:
    """In the child: the file that came with a request, open for writing."""
    handle = reduction.recv_handle(connection)
    if sys.platform == "win32":
        import msvcrt

        handle = msvcrt.open_osfhandle(handle, os.O_BINARY)
    return os.fdopen(handle, "wb")


def _handle_of(file: BinaryIO) -> int:
    if sys.platform == "win32":
        import msvcrt

        return msvcrt.get_osfhandle(file.fileno())
    return file.fileno()


_children: weakref.WeakSet[Child] = weakref.WeakSet()


def running_pids() -> list[int]:
    """The processes of all children of this process that run now."""
    return [pid for child in list(_children) if (pid := child.pid) is not None]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have no names
        return f"signal {number}"


def _end(process: SpawnProcess) -> None:
    if process.is_alive():
        process.terminate()
        process.join(_TERMINATE_S)
    if process.is_alive():
        process.kill()
        process.join(_TERMINATE_S)
    if process.is_alive():
        # On a machine that swaps a killed process takes its time to go; multiprocessing reaps it at the next start.
        logger.warning("child %s (process %s) was killed and is not gone yet", process.name, process.pid)
        return
    process.close()
