"""Two windows for one home: the second hands its files to the first, whatever state the first is in."""

from __future__ import annotations

import os
import signal
import stat
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalSocket
from pytestqt.qtbot import QtBot

from core.config import Folders, folders_under
from desktop.instance import MAX_BYTES, FirstWindow, Handover, hand_over, socket_name, take_place

ROOT = Path(__file__).resolve().parents[2]

# Another process, which hands over and says what became of it.
SECOND = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from core.config import folders_under
from desktop.instance import hand_over
application = QCoreApplication([])
print(hand_over(folders_under(Path(sys.argv[1])), [Path(path) for path in sys.argv[2:]]).name)
"""

# Another process, which takes the place and says so; it answers nothing, or answers until it is ended.
FIRST = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from core.config import folders_under
from desktop.instance import take_place
application = QCoreApplication([])
first = take_place(folders_under(Path(sys.argv[1])))
print("first" if first else "second", flush=True)
application.exec()
"""


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return folders_under(tmp_path / "home")


@pytest.fixture
def first(folders: Folders, qtbot: QtBot) -> Iterator[FirstWindow]:
    made = take_place(folders)
    assert made is not None
    yield made
    made.close()


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a process of this test's, and see to its end."""
    started = []

    def run(program: str, *arguments: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", program, *(os.fspath(one) for one in arguments)]  # type: ignore[call-overload]
        started.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def said(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def test_files_of_a_second_window_reach_the_first(
    folders: Folders, first: FirstWindow, qtbot: QtBot, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    odd = os.fsdecode(b"/photos/caf\xe9\n<b>.jpg")
    with qtbot.waitSignal(first.asked, timeout=30_000) as asked:
        second = start(SECOND, folders.data.parent, odd, "relative.jpg")
    assert asked.args == [[Path(odd), ROOT / "relative.jpg"]]
    assert said(second) == Handover.DONE.name


def test_a_second_window_without_files_only_brings_the_first_forward(
    folders: Folders, first: FirstWindow, qtbot: QtBot, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    with qtbot.waitSignal(first.asked, timeout=30_000) as asked:
        start(SECOND, folders.data.parent)
    assert asked.args == [[]]


def test_there_is_one_first_window_for_a_home_and_another_for_another(folders: Folders, first: FirstWindow) -> None:
    assert take_place(folders) is None
    other = take_place(folders_under(folders.data.parent.with_name("another home")))
    assert other is not None
    other.close()


def test_the_place_is_free_again_once_the_window_is_closed(folders: Folders, first: FirstWindow) -> None:
    first.close()
    again = take_place(folders)
    assert again is not None
    again.close()


@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
def test_what_a_killed_window_left_behind_is_in_nobodys_way(
    folders: Folders, qtbot: QtBot, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    killed = start(FIRST, folders.data.parent)
    assert said(killed) == "first"
    killed.kill()
    killed.wait()
    assert Path(socket_name(folders)).exists()
    first = take_place(folders)
    assert first is not None
    with qtbot.waitSignal(first.asked, timeout=30_000):
        second = start(SECOND, folders.data.parent)
    assert said(second) == Handover.DONE.name
    first.close()


@pytest.mark.skipif(os.name != "posix", reason="stops a process")
def test_a_first_window_that_hangs_does_not_hold_up_the_second(
    folders: Folders, qapp: object, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    hung = start(FIRST, folders.data.parent)
    assert said(hung) == "first"
    hung.send_signal(signal.SIGSTOP)
    # With another patience than a person's, so that nothing is measured: it comes back at all.
    assert hand_over(folders, [], patience_ms=300) is Handover.NO_ANSWER
    assert take_place(folders) is None


def test_a_place_that_was_taken_by_nobody_who_listens_is_given_up_on(folders: Folders, first: FirstWindow) -> None:
    first._server.close()
    assert hand_over(folders, [], patience_ms=200) is Handover.NO_ANSWER


def test_more_than_a_message_holds_is_not_sent(folders: Folders) -> None:
    paths = [Path("/x" * 500)] * (MAX_BYTES // 900)
    assert hand_over(folders, paths) is Handover.TOO_MANY


@pytest.mark.parametrize(
    "message",
    [
        struct.pack(">I", 0xFFFFFFFF),
        struct.pack(">I", MAX_BYTES + 1) + b"x" * 4096,
        struct.pack(">I", 5) + b"\xff" * 5,
        struct.pack(">I", 12) + b"/a/b\0c/d.txt",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_list_of_paths_is_turned_away(
    message: bytes, folders: Folders, first: FirstWindow, qtbot: QtBot
) -> None:
    taken: list[list[Path]] = []
    first.asked.connect(taken.append)
    stranger = QLocalSocket()
    stranger.connectToServer(socket_name(folders))
    assert stranger.waitForConnected(5_000)
    stranger.write(message)
    qtbot.waitUntil(lambda: stranger.state() == QLocalSocket.LocalSocketState.UnconnectedState, timeout=30_000)
    assert taken == []
    assert bytes(stranger.readAll().data()) == b""


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_nobody_else_can_reach_the_socket(folders: Folders, first: FirstWindow) -> None:
    socket = Path(socket_name(folders))
    assert stat.S_IMODE(socket.stat().st_mode) & 0o077 == 0
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(os.name != "posix", reason="a socket's path is bounded there")
@pytest.mark.parametrize("name", [b"x" * 120, b"caf\xe9"])
def test_a_home_whose_name_no_socket_can_have_works_too(
    name: bytes, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    folders = folders_under(tmp_path / os.fsdecode(name))
    first = take_place(folders)
    assert first is not None
    stranger = QLocalSocket()
    stranger.connectToServer(socket_name(folders))
    assert stranger.waitForConnected(5_000)
    first.close()


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_folder_for_sockets_that_others_can_enter_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"findling-{os.getuid()}").mkdir()
    (tmp_path / f"findling-{os.getuid()}").chmod(0o777)
    with pytest.raises(PermissionError):
        take_place(folders_under(tmp_path / ("x" * 120)))
