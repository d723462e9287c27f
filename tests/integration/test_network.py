"""Real processes, watched from outside: nobody is called, nothing is left at home.

The suite's own hook sees Python alone, so that here the system calls are followed, of every process that is started,
in a network that leads nowhere. ``CI`` is unset: libraries keep quiet where it is set.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import docx
import numpy as np
import pytest
from PIL import Image

from core.config import folders_under
from core.demo import prepare_demo
from core.errors import FindlingError

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 600.0
_HIDDEN = ("CI", "PYTEST_CURRENT_TEST", "FINDLING_TEST_NETWORK", "FINDLING_TEST_NETWORK_REFUSED", "HF_HOME")

# A socket of the internet is made, or anything is sent to one. Netlink and local sockets are not the network.
_CALLED = re.compile(r"\b(?:socket|socketpair)\((?:AF_INET6?|AF_PACKET)\b|sa_family=AF_INET6?\b")


def isolated() -> list[str]:
    """What a command is run by so that it has no network; skips where that is not allowed."""
    prefix = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None or shutil.which("strace") is None:
        pytest.skip("unshare and strace are not both here")
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this computer does not let a test have a network of its own (unshare --net)")
    if subprocess.run(["strace", "-f", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this computer does not let a test follow its processes (strace)")
    return prefix


pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # following every call takes its time


class Watched:
    """Commands with a person's home of their own, followed into every child."""

    def __init__(self, folder: Path) -> None:
        self.person = folder / "person"
        self.person.mkdir()
        self.trace = folder / "trace"
        self._prefix = isolated()
        kept = {name: value for name, value in os.environ.items() if name not in _HIDDEN}
        kept = {name: value for name, value in kept.items() if not name.startswith("XDG_")}
        self.environ = {
            **kept,
            "HOME": str(self.person),
            "FINDLING_HOME": str(folder / "findling"),
            "PYTHONPATH": str(ROOT),
            "QT_QPA_PLATFORM": "offscreen",
        }

    def start(self, *command: str | Path) -> subprocess.Popen[str]:
        follow = ["strace", "-f", "-qq", "-e", "trace=%network", "-e", "signal=none", "-A", "-o", str(self.trace)]
        return subprocess.Popen(
            [*self._prefix, *follow, sys.executable, "-m", *map(str, command)],
            env=self.environ,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str | Path) -> str:
        process = self.start(*command)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode in (0, 1, 5), f"{command}: {process.returncode}\n{out}\n{err}"
        return out

    def calls(self) -> list[str]:
        lines = self.trace.read_text("utf-8", "replace").splitlines()
        return [line for line in lines if _CALLED.search(line)]

    def left_at_home(self) -> list[str]:
        """Files of others in the person's home. Fonts and shaders that Qt and the desktop keep tell nobody anything."""
        found = (path.relative_to(self.person).as_posix() for path in self.person.rglob("*") if path.is_file())
        return [name for name in found if not name.startswith((".cache/fontconfig", ".cache/qtshadercache"))]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def fill(library: Path) -> None:
    library.mkdir()
    rng = np.random.default_rng(5)
    for number in range(6):
        Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)).save(library / f"photo-{number}.jpg")
    for number in range(8):
        (library / f"note-{number}.txt").write_text(f"The boat number {number} lies in the harbour.\n" * 3, "utf-8")
    letter = docx.Document()
    letter.add_paragraph("The rent of the flat is due in March.")
    letter.save(str(library / "letter.docx"))


def test_the_watch_sees_a_call(watched: Watched) -> None:
    process = watched.start("http.client")  # imports and ends
    process.communicate(timeout=PATIENCE_S)
    assert watched.calls() == []
    process = watched.start("timeit", "-n1", "-r1", "import socket; socket.socket(socket.AF_INET).close()")
    process.communicate(timeout=PATIENCE_S)
    assert len(watched.calls()) >= 1


def test_indexing_and_searching_call_nobody(watched: Watched, tmp_path: Path) -> None:
    fill(tmp_path / "library")
    watched.run("core.cli", "index", tmp_path / "library")
    assert "note-" in watched.run("core.cli", "search", "boat in the harbour")
    watched.run("core.cli", "similar", tmp_path / "library" / "photo-1.jpg")
    watched.run("core.cli", "doctor")
    watched.run("core.cli", "models", "list")
    assert watched.calls() == []
    assert watched.left_at_home() == []


def test_preparing_models_and_hearing_speech_call_nobody(watched: Watched, tmp_path: Path) -> None:
    """With OpenVINO, nncf, transformers, open_clip, Whisper and faster-whisper, where they are installed."""
    try:
        demo = prepare_demo(folders_under(tmp_path / "demo"))
    except FindlingError as error:
        pytest.skip(f"the demo is not complete here: {error}")
    library = tmp_path / "library"
    fill(library)
    shutil.copytree(demo.library / "Recordings" / "Travel diary", library / "recordings")
    watched.environ["FINDLING_HOME"] = str(demo.settings.folders.data.parent)
    watched.run("core.cli", "index", library)
    watched.run("core.cli", "models", "prepare", "demo-clip")
    watched.run("core.cli", "models", "prepare", "all-MiniLM-L6-v2")
    watched.run("core.cli", "search", "boat in the harbour")
    assert watched.calls() == []
    assert watched.left_at_home() == []


@pytest.mark.windowed
def test_the_window_calls_nobody(watched: Watched, tmp_path: Path) -> None:
    fill(tmp_path / "library")
    watched.run("core.cli", "add", tmp_path / "library")
    window = watched.start("desktop", tmp_path / "library" / "note-1.txt")
    holder = Path(watched.environ["FINDLING_HOME"]) / "data" / "index.holder"
    deadline = time.monotonic() + PATIENCE_S
    while not holder.exists():
        assert time.monotonic() < deadline and window.poll() is None
        time.sleep(0.2)
    while '"pending":0' not in watched.run("core.cli", "status", "--json").replace(" ", ""):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    os.killpg(window.pid, signal.SIGINT)
    window.communicate(timeout=PATIENCE_S)
    assert watched.calls() == []
    assert watched.left_at_home() == []
