"""A home of a test's own, and the index in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import Settings, folders_under
from core.store.store import Store


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a home whose folders are there, with no model of its own."""
    settings = Settings(folders_under(tmp_path / "home"))
    settings.folders.create()
    return settings


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An empty index."""
    store = Store(settings.folders)
    yield store
    store.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder, to be watched."""
    folder = tmp_path / "Pictures"
    folder.mkdir()
    return folder
