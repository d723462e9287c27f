"""Two windows, a window and a command: real processes on one home."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.command_line import PATIENCE_S, Findling

pytestmark = [pytest.mark.windowed, pytest.mark.skipif(os.name != "posix", reason="ends windows by signals")]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def findling(tmp_path: Path) -> Iterator[Findling]:
    findling = Findling(tmp_path / "home")
    yield findling
    findling.stop_all()


def open_window(findling: Findling, *arguments: str | Path) -> subprocess.Popen[str]:
    return findling.start(*arguments, module="desktop")


def close_window(window: subprocess.Popen[str]) -> None:
    window.send_signal(signal.SIGINT)
    window.communicate(timeout=PATIENCE_S)
    assert window.returncode == 0


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)


def log_of(findling: Findling) -> str:
    path = findling.home / "logs" / "window.log"
    return path.read_text("utf-8") if path.exists() else ""


def holder(findling: Findling) -> str:
    try:
        return str(json.loads((findling.home / "data" / "index.holder").read_text("utf-8"))["purpose"])
    except (OSError, ValueError):
        return ""


def test_the_second_window_hands_over_and_leaves_and_a_command_says_who_writes(
    findling: Findling, tmp_path: Path
) -> None:
    photo = tmp_path / "holiday.jpg"
    photo.write_bytes(b"not really")
    window = open_window(findling)
    until(lambda: holder(findling) == "window", "the window to index")

    _, err = open_window(findling, photo).communicate(timeout=PATIENCE_S)
    assert (findling.started[-1].returncode, err) == (0, "")
    until(lambda: "another window was started, with 1 file" in log_of(findling), "the first window to be asked")
    assert window.poll() is None

    _, err = findling.run("index", code=3)
    assert f"the open window of Findling (process {window.pid})" in err
    assert len(err.splitlines()) == 1

    # Searching and asking go on beside it.
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "boat.txt").write_text("The old boat needs new varnish.\n", "utf-8")
    findling.run("add", tmp_path / "papers")
    until(lambda: findling.json("status")["files"] == 1, "the window to take up the folder")
    until(lambda: findling.json("status")["pending"] == 0, "its text")
    assert findling.found("varnish for the boat") == ["boat.txt"]

    close_window(window)


def test_a_killed_window_is_followed_by_a_new_one(findling: Findling) -> None:
    killed = open_window(findling)
    until(lambda: holder(findling) == "window", "the window to index")
    killed.kill()
    killed.communicate(timeout=PATIENCE_S)
    window = open_window(findling)
    said = json.dumps({"pid": window.pid})[1:-1]
    until(lambda: said in (findling.home / "data" / "index.holder").read_text("utf-8"), "the new window to index")
    close_window(window)


def test_a_window_that_hangs_is_told(findling: Findling) -> None:
    hung = open_window(findling)
    until(lambda: holder(findling) == "window", "the window to index")
    hung.send_signal(signal.SIGSTOP)
    second = open_window(findling)
    assert second.stderr is not None
    assert second.stderr.readline() == (
        "findling-desktop: it is open already and does not answer; wait a moment, or end it, and start it again\n"
    )
    hung.send_signal(signal.SIGCONT)
