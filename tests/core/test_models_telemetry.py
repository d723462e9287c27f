"""OpenVINO and nncf report themselves at import; ours say nothing, even where CI does not keep them quiet."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

# Every way out of the process is closed before anything is imported, and says so when it is tried.
GUARD = """
import socket, sys
tried = []
def refuse(*arguments, **options):
    tried.append(arguments)
    raise OSError("the network is closed")
socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = refuse
socket.getaddrinfo = socket.gethostbyname = socket.create_connection = refuse
sys.addaudithook(lambda event, arguments: tried.append(event) if event in
                 ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto") else None)
"""

CHECK = """
import threading
for thread in threading.enumerate():
    if thread is not threading.current_thread():
        thread.join(5)
assert not tried, tried
print("quiet")
"""


def run(program: str, home: Path, tmp_path: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_CURRENT_TEST")}
    environment |= {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CACHE_HOME": str(home),
        "PYTHONPATH": str(Path.cwd()),
    }
    done = subprocess.run(
        [sys.executable, "-c", GUARD + program + CHECK],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def _require(library: str) -> None:
    """Without importing it here, where nothing silences it."""
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")


@pytest.mark.parametrize("library", ["openvino", "nncf"])
def test_importing_tells_nobody_and_leaves_nothing_at_home(library: str, tmp_path: Path) -> None:
    _require(library)
    home = tmp_path / "home"
    home.mkdir()
    program = f"from core.models import runtime\nruntime.import_{library}()\n"
    assert run(program, home, tmp_path).endswith("quiet\n")
    assert not list(home.rglob("*"))


def test_a_graph_is_made_and_run_in_silence(tmp_path: Path) -> None:
    _require("openvino")
    home = tmp_path / "home"
    home.mkdir()
    program = """
import numpy as np, torch
from pathlib import Path
from core.models.convert import convert_fp32
from core.models.runtime import Graph
path = Path("graph.xml")
convert_fp32(torch.nn.Linear(4, 3), (np.zeros((2, 4), np.float32),), path)
assert Graph(path, threads=1)(np.ones((5, 4), np.float32)).shape == (5, 3)
"""
    assert run(program, home, tmp_path).endswith("quiet\n")
    assert not [path for path in home.rglob("*") if "openvino" in path.name.lower() or "intel" in path.name.lower()]


def test_the_query_towers_leave_torch_unloaded(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    program = """
import core.models.towers, core.models.encoders, core.models.runtime
core.models.runtime.import_openvino()
heavy = {"torch", "transformers", "open_clip", "sentence_transformers", "PIL"} & set(sys.modules)
assert not heavy, heavy
"""
    assert run(program, home, tmp_path).endswith("quiet\n")
