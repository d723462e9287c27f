"""The window before its engine is open: seen at once, and closed in order whenever that is."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from core.config import Settings, default_folders
from core.engine import Engine
from core.errors import Cancelled, IndexDamagedError
from desktop.app import Session
from desktop.workers.late_engine import LateEngine
from tests.fakes import FakeEncoders, FakeSpeech

pytestmark = pytest.mark.windowed


class Opening:
    """Opens a real engine once it is let go."""

    def __init__(self, *, error: Exception | None = None) -> None:
        self.settings = Settings(default_folders())
        self.go = threading.Event()
        self.begun = threading.Event()
        self.engines: list[Engine] = []
        self._error = error

    def __call__(self) -> Engine:
        self.begun.set()
        assert self.go.wait(30)
        if self._error is not None:
            raise self._error
        self.engines.append(Engine.open(self.settings, encoders=FakeEncoders(), speech=FakeSpeech({})))
        return self.engines[0]


def session_of(opening: Opening) -> tuple[Session, LateEngine]:
    late = LateEngine(opening.settings, opening)
    return Session(late), late


def test_the_window_is_seen_before_the_engine_is_opened(qtbot, look):
    opening = Opening()
    session, late = session_of(opening)
    try:
        assert not opening.begun.is_set()
        session.start()
        qtbot.waitUntil(opening.begun.is_set)
        assert session.window.isVisible()
        assert session.services.library.snapshot is None
        assert late.settings.folders == opening.settings.folders
        opening.go.set()
        qtbot.waitUntil(lambda: session.services.library.snapshot is not None, timeout=30_000)
    finally:
        opening.go.set()
        session.close()


@pytest.mark.parametrize("begun", [False, True])
def test_closing_does_not_need_an_engine(qtbot, look, begun):
    opening = Opening()
    session, late = session_of(opening)
    session.window.painted.disconnect(late.begin)
    session.start()
    if begun:
        late.begin()
        assert opening.begun.wait(30)
    opening.go.set()
    session.close()
    assert not opening.engines or begun
    if not opening.engines:
        with pytest.raises(Cancelled):
            late.status()


def test_an_index_that_cannot_be_opened_is_told_once(qtbot, look):
    opening = Opening(error=IndexDamagedError("the index is damaged", path=Path("/index.db")))
    opening.go.set()
    session, late = session_of(opening)
    refused: list[str] = []
    session.refused.connect(lambda error: refused.append(str(error)))
    session.start()
    qtbot.waitUntil(lambda: bool(refused))
    with pytest.raises(Cancelled):
        late.roots()
    session.close()
    assert refused == ["/index.db: the index is damaged"]
