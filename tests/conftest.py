"""What every test rests on: a home of its own, no display needed, and the corpora where they are."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import HOME_VARIABLE, Settings, folders_under, save_settings
from core.extract.sandbox import Sandbox
from tests.closed_network import sitecustomize
from tests.command_line import Findling
from tests.library import Library

CLOSED_NETWORK = str(Path(sitecustomize.__file__).parent)

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before anything imports Qt
# Every Python process that a test starts finds the hook that closes the network to it; this one has it from here on.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (CLOSED_NETWORK, os.environ.get("PYTHONPATH"))))
os.environ[sitecustomize.MODE] = "closed"
sys.addaudithook(sitecustomize.watch)

CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home for index, cache, settings, models and logs that is this test's alone.

    Its settings let indexing go on while the computer is busy: with other tests, as it mostly is.
    """
    folder = tmp_path_factory.mktemp("home")
    settings = Settings(folders_under(folder), pause_on_battery=False, pause_when_busy=False)
    save_settings(settings)
    monkeypatch.setenv(HOME_VARIABLE, str(folder))
    yield folder


@pytest.fixture(autouse=True)
def closed_network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """No test reaches the network, nor does any process that it starts; one of the door reaches this computer."""
    refused = tmp_path_factory.getbasetemp() / "network-refused"
    refused.unlink(missing_ok=True)
    monkeypatch.setenv(sitecustomize.MODE, "loopback" if request.node.get_closest_marker("network_door") else "closed")
    monkeypatch.setenv(sitecustomize.REFUSED, str(refused))
    yield
    tried = refused.read_text("utf-8") if refused.exists() else ""
    if not request.node.get_closest_marker("network_tried"):
        assert tried == "", "the network was asked for"


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of test corpora beside the checkout; the test is skipped where there is none."""
    if not CORPORA.is_dir():
        pytest.skip(f"the test corpora are not at {CORPORA}")
    return CORPORA


@pytest.fixture(scope="session")
def prepared_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The text model as ``models prepare`` leaves it, made once: each command would import torch for seconds."""
    home = tmp_path_factory.mktemp("prepared")
    Findling(home).run("models", "prepare", "all-MiniLM-L6-v2")
    return home / "models" / ".prepared"


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The real reader of files, one child for the whole session."""
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def library(tmp_path: Path, sandbox: Sandbox) -> Iterator[Library]:
    """An empty folder with an index and an indexer."""
    library = Library(tmp_path, sandbox)
    yield library
    library.close()
