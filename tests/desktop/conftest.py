"""What tests of the window share: hits to show, a cache of thumbnails, and a look-out for threads left behind."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QLocale, QThread
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from core.types import Channel, Hit, Kind, Locator, Query, SearchResult, SegmentHit, SegmentKind, Why
from desktop.theme import Theme
from desktop.workers.thumbnail_loader import ThumbnailLoader


@pytest.fixture(scope="session")
def look(qapp: QApplication) -> Theme:
    """The window's style sheet, fonts and palette."""
    return Theme(qapp)


@pytest.fixture(autouse=True)
def english(look: Theme) -> Iterator[None]:
    """Numbers and dates that do not depend on the computer."""
    before = QLocale()
    QLocale.setDefault(QLocale("en_GB"))
    yield
    QLocale.setDefault(before)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """A worker that outlives its owner fails the test that started it."""
    yield
    threads = [found for found in gc.get_objects() if isinstance(found, QThread) and shiboken6.isValid(found)]
    assert not [thread.objectName() for thread in threads if thread != QThread.currentThread() and thread.isRunning()]


class ThumbnailStore:
    """The part of the engine that the loader sees: a folder of JPEG files, and a record of what was asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.asked: list[str] = []

    def add(self, content_hash: str, width: int, height: int) -> None:
        image = QImage(width, height, QImage.Format.Format_RGB32)
        image.fill(0x3366AA)
        assert image.save(str(self._folder / f"{content_hash}.jpg"), "JPG")

    def thumbnail(self, content_hash: str, size: int = 256) -> Path | None:
        self.asked.append(content_hash)
        path = self._folder / f"{content_hash}.jpg"
        return path if path.exists() else None


@pytest.fixture
def thumbnail_store(tmp_path: Path) -> ThumbnailStore:
    return ThumbnailStore(tmp_path)


@pytest.fixture
def thumbnails(thumbnail_store: ThumbnailStore) -> Iterator[ThumbnailLoader]:
    loader = ThumbnailLoader(thumbnail_store)
    yield loader
    loader.close()


def segment(
    kind: SegmentKind | None = SegmentKind.PASSAGE,
    *,
    snippet: str = "",
    marks: tuple[tuple[int, int], ...] = (),
    score: float = 0.9,
    locator: Locator | None = None,
    channel: Channel = Channel.FULL_TEXT,
) -> SegmentHit:
    return SegmentHit(kind, locator or Locator(), snippet, marks, score, (Why(channel, 1, score),))


def photo(number: int, *, score: float = 0.9, gated: bool = False, offline: bool = False) -> Hit:
    return Hit(
        file_id=number,
        path=f"/library/photo-{number}.jpg".encode(),
        kind=Kind.PHOTO,
        best=segment(SegmentKind.PHOTO, score=score, channel=Channel.CLIP_IMAGE),
        gated=gated,
        offline=offline,
        day=date(2023, 6, 21),
        content_hash=f"hash-{number}",
        width=400,
        height=300,
    )


def document(number: int, text: str, *, score: float = 0.9, path: bytes | None = None) -> Hit:
    return Hit(
        file_id=number,
        path=path or f"/library/log-{number}.pdf".encode(),
        kind=Kind.DOCUMENT,
        best=segment(snippet=text, score=score, locator=Locator(page=14)),
        day=date(2022, 3, 4),
    )


def spoken(number: int, text: str, *, kind: Kind = Kind.AUDIO, score: float = 0.9) -> Hit:
    return Hit(
        file_id=number,
        path=f"/library/memo-{number}.m4a".encode(),
        kind=kind,
        best=segment(SegmentKind.SPEECH, snippet=text, score=score, locator=Locator(start_s=724.0, end_s=731.0)),
        duration_s=1810.0,
    )


def answer(*hits: Hit, text: str = "boat", hidden: int = 0) -> SearchResult:
    return SearchResult(Query(text=text), hits, hidden, 12.0)
