"""What a reader that a hostile file took over can do: nothing but answer. Every attack is tried for real."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import BinaryIO

import psutil
import pytest

from core.extract import confinement, worker
from core.extract.messages import Extracted, FileRequest, Reply
from core.extract.sandbox import Sandbox
from core.lifeline import JobLimits, job_limits
from core.types import Extraction, Kind, Metadata

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's confinement is Linux's")


def serve_hostile(connection: Connection) -> None:
    worker.serve_with(connection, attack)


def attack(request: FileRequest, out: BinaryIO | None) -> Reply:
    """The file names an attack and its target; the title says what came of it."""
    name, _, target = Path(os.fsdecode(request.path)).read_text().partition(" ")
    try:
        ATTACKS[name](target)
    except OSError as error:
        return _said(f"refused: {error.strerror}")
    return _said("done")


def _said(words: str) -> Extracted:
    return Extracted(extraction=Extraction(Kind.DOCUMENT, "text/plain", Metadata(title=words)))


def _open_socket(family: int, kind: int) -> Callable[[str], object]:
    return lambda _target: socket.socket(family, kind)


def _system_call(number: dict[str, int], *arguments: object) -> None:
    """As a hostile file's code would: past the C library."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(number[os.uname().machine]), *arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _fork(_target: str) -> None:
    if os.fork() == 0:
        os._exit(0)


def _trace(target: str) -> None:
    _system_call({"x86_64": 101, "aarch64": 117}, ctypes.c_long(16), ctypes.c_long(int(target)), None, None)


def _read_memory(target: str) -> None:
    buffer = ctypes.create_string_buffer(8)
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
    numbers = {"x86_64": 310, "aarch64": 270}
    _system_call(
        numbers, ctypes.c_long(int(target)), vector, ctypes.c_long(1), vector, ctypes.c_long(1), ctypes.c_long(0)
    )


def _io_ring(_target: str) -> None:
    parameters = ctypes.create_string_buffer(120)
    _system_call({"x86_64": 425, "aarch64": 425}, ctypes.c_long(4), parameters)


def _file_in_memory(_target: str) -> None:
    os.close(os.memfd_create("more than any limit counts"))


def _lift_limit(_target: str) -> None:
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40))
    except ValueError as error:  # how it tells what an ordinary user may not
        raise PermissionError(1, "Operation not permitted") from error
    if resource.getrlimit(resource.RLIMIT_AS)[0] > 2**39 and os.geteuid() == 0:
        raise PermissionError(1, "Operation not permitted")  # root may lift its limits; the parent's watch is left


def _signal_through_descriptor(target: str) -> None:
    import fcntl

    end, _ = os.pipe()
    fcntl.fcntl(end, fcntl.F_SETOWN, int(target))


ATTACKS: dict[str, Callable[[str], object]] = {
    "tcp": _open_socket(socket.AF_INET, socket.SOCK_STREAM),
    "tcp6": _open_socket(socket.AF_INET6, socket.SOCK_STREAM),
    "udp": _open_socket(socket.AF_INET, socket.SOCK_DGRAM),
    "unix": _open_socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "netlink": _open_socket(getattr(socket, "AF_NETLINK", 16), socket.SOCK_RAW),
    "look-up": lambda _target: socket.create_connection(("localhost", 9)),
    "io-ring": _io_ring,
    "fork": _fork,
    "execute": lambda _target: os.execv("/bin/sh", ["sh", "-c", "true"]),
    "spawn": lambda _target: subprocess.run(["/bin/true"], check=True),
    "write": lambda target: Path(target).write_text("was here"),
    "overwrite": lambda target: os.close(os.open(target, os.O_WRONLY | os.O_TRUNC)),
    "append": lambda target: os.close(os.open(target, os.O_WRONLY | os.O_APPEND)),
    "delete": lambda target: Path(target).unlink(),
    "rename": lambda target: Path(target).rename(target + ".taken"),
    "truncate": lambda target: os.truncate(target, 0),
    "make-folder": lambda target: Path(target).mkdir(),
    "link": lambda target: Path(target).symlink_to("/etc/passwd"),
    "permit": lambda target: Path(target).chmod(0o777),
    "touch": lambda target: os.utime(target),
    "pipe": lambda target: os.mkfifo(target),
    "temporary": lambda target: os.close(os.open(Path(target).parent, os.O_TMPFILE | os.O_RDWR)),
    "kill": lambda target: os.kill(int(target), signal.SIGTERM),
    "stop-all": lambda _target: os.kill(-1, signal.SIGSTOP),
    "trace": _trace,
    "read-memory": _read_memory,
    "signal-through-descriptor": _signal_through_descriptor,
    "file-in-memory": _file_in_memory,
    "lift-limit": _lift_limit,
    "open-memory": lambda target: os.close(os.open(f"/proc/{target}/mem", os.O_RDONLY)),
    "thread": lambda _target: threading.Thread(target=lambda: None).start(),
    "signal-itself": lambda _target: os.kill(os.getpid(), 0),
    "read": lambda target: Path(target).read_bytes(),
}

_NETWORK = ("tcp", "tcp6", "udp", "unix", "netlink", "look-up", "io-ring")
_PROGRAMS = ("fork", "execute", "spawn")
_ON_THE_FILE = ("overwrite", "append", "delete", "rename", "truncate", "permit", "touch")
_ON_A_NEW_FILE = ("write", "make-folder", "link", "pipe", "temporary")
_ON_THE_PARENT = ("kill", "stop-all", "trace", "read-memory", "signal-through-descriptor")
_ALLOWED = ("thread", "signal-itself", "read")


@pytest.fixture(scope="module")
def hostile() -> Iterator[Sandbox]:
    sandbox = Sandbox(serve=serve_hostile)
    yield sandbox
    sandbox.close()


@pytest.fixture
def outcome(hostile: Sandbox, tmp_path: Path) -> Callable[[str, object], str]:
    def tried(name: str, target: object) -> str:
        order = tmp_path / "order"
        order.write_text(f"{name} {target}")
        return hostile.extract(os.fsencode(order)).metadata.title or ""

    return tried


def _needs(hostile: Sandbox, guard: str) -> None:
    if guard not in hostile.guards():
        pytest.skip(f"this machine's kernel does not give: {guard}")


@linux
@pytest.mark.parametrize("name", [*_NETWORK, *_PROGRAMS])
def test_neither_network_nor_other_programs(hostile: Sandbox, outcome: Callable[[str, object], str], name: str) -> None:
    _needs(hostile, confinement.NETWORK if name in _NETWORK else confinement.PROGRAMS)
    assert outcome(name, "").startswith("refused: ")


@linux
@pytest.mark.parametrize("name", _ON_THE_FILE)
def test_no_file_is_touched(hostile: Sandbox, outcome: Callable[[str, object], str], tmp_path: Path, name: str) -> None:
    _needs(hostile, confinement.FILES)
    path = tmp_path / "kept.txt"
    path.write_text("a person's words")
    before = path.stat()
    assert outcome(name, path).startswith("refused: ")
    after = path.stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_ino) == (before.st_mode, before.st_mtime_ns, before.st_ino)
    assert path.read_text() == "a person's words"


@linux
@pytest.mark.parametrize("name", _ON_A_NEW_FILE)
def test_no_file_is_made(hostile: Sandbox, outcome: Callable[[str, object], str], tmp_path: Path, name: str) -> None:
    _needs(hostile, confinement.FILES)
    folder = tmp_path / "folder"
    folder.mkdir()
    assert outcome(name, folder / "new").startswith("refused: ")
    assert not list(folder.iterdir())


@linux
@pytest.mark.parametrize("name", _ON_THE_PARENT)
def test_no_other_process_is_touched(hostile: Sandbox, outcome: Callable[[str, object], str], name: str) -> None:
    _needs(hostile, confinement.NETWORK)  # the filter's
    assert outcome(name, os.getpid()).startswith("refused: ")


@linux
def test_no_other_process_is_read(hostile: Sandbox, outcome: Callable[[str, object], str]) -> None:
    _needs(hostile, confinement.PROCESSES)
    assert outcome("open-memory", os.getpid()).startswith("refused: ")


@linux
@pytest.mark.parametrize("name", ["file-in-memory", "lift-limit"])
def test_memory_has_no_back_door(hostile: Sandbox, outcome: Callable[[str, object], str], name: str) -> None:
    _needs(hostile, confinement.NETWORK)
    assert outcome(name, "").startswith("refused: ")


@pytest.mark.parametrize("name", _ALLOWED)
def test_what_decoders_do_is_allowed(outcome: Callable[[str, object], str], name: str) -> None:
    assert outcome(name, __file__) == "done"


@linux
def test_the_terminal_is_not_the_childs(hostile: Sandbox) -> None:
    hostile.guards()
    child = psutil.Process(hostile.pid or 0)
    assert child.terminal() is None or os.getsid(child.pid) == child.pid


def test_every_guard_is_named_once(hostile: Sandbox) -> None:
    guards = hostile.guards()
    assert [guard for guard in confinement.GUARDS if guard in guards] == list(guards)


@pytest.mark.skipif(sys.platform == "win32", reason="the job object does it there")
@pytest.mark.parametrize("serve", ["serve_spinning", "serve_holding_the_lock"])
def test_a_busy_child_does_not_outlive_a_killed_parent(serve: str) -> None:
    """The second keeps the interpreter's lock: no thread of the child's own would see its parent go."""
    script = textwrap.dedent(f"""
        import os, signal
        from core.child import Child
        from tests.core import misbehaving

        if __name__ == "__main__":
            child = Child("busy", misbehaving.{serve}, niceness=10)
            print(child.call(b"a", 60).decode(), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    _expect_gone(int(done.stdout))


def _expect_gone(pid: int) -> None:
    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    _, alive = psutil.wait_procs([process], timeout=20)
    try:
        left = bool(alive) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        left = False
    if left:
        process.kill()
    assert not left


def test_windows_limits_have_the_size_that_windows_asks_for() -> None:
    assert ctypes.sizeof(JobLimits) == 144 if sys.maxsize > 2**32 else 112
    limits = job_limits(2**32)
    assert (limits.limit_flags, limits.active_processes, limits.process_memory) == (0x2108, 1, 2**32)
    assert job_limits(None).limit_flags == 0x2000
