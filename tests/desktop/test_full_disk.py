"""What the window writes by itself, on a disk that is full: it says so or does without, and leaves nothing half."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QMimeData, QSettings
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from core.errors import FindlingError, NoRoomError
from desktop.views.example_input import ExampleInput
from desktop.workers.operations import Operations
from tests.limits import limited

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_windows_place_is_kept_as_it_was(tmp_path: Path) -> None:
    """Qt writes it in one step, and does without where it cannot; this holds it to that."""
    file = tmp_path / "window.ini"
    kept = QSettings(str(file), QSettings.Format.IniFormat)
    kept.setValue("geometry", QByteArray(b"first"))
    kept.sync()
    before = file.read_bytes()
    for limit_bytes in (0, 10):
        with limited(limit_bytes):
            kept.setValue("geometry", QByteArray(b"second" * 1000))
            kept.sync()
        assert kept.status() is not QSettings.Status.NoError
        assert file.read_bytes() == before
        assert names(tmp_path) <= {"window.ini", "window.ini.lock"}
    del kept
    again = QSettings(str(file), QSettings.Format.IniFormat)
    assert again.value("geometry") == QByteArray(b"first") or again.value("geometry") == QByteArray(b"second" * 1000)
    again.setValue("geometry", QByteArray(b"third"))
    again.sync()
    assert again.status() is QSettings.Status.NoError
    assert b"third" in file.read_bytes()
    assert names(tmp_path) == {"window.ini"}


def test_a_pasted_picture_that_finds_no_room_is_told_and_leaves_nothing(qtbot: QtBot, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    operations = Operations()
    told: list[FindlingError] = []
    operations.failed.connect(told.append)
    pasted = ExampleInput(spool, operations)
    image = QImage(200, 200, QImage.Format.Format_RGB32)
    for y in range(200):
        for x in range(200):
            image.setPixel(x, y, (x * 7919 + y * 104729) & 0xFFFFFF)
    mime = QMimeData()
    mime.setImageData(image)
    with limited(1000):
        pasted.take(mime)
        qtbot.waitUntil(lambda: bool(told), timeout=20_000)
    assert isinstance(told[0], NoRoomError)
    assert str(told[0]).startswith(f"{spool}: the pasted picture could not be kept: a limit")
    assert not names(spool)
    with qtbot.waitSignal(pasted.examples, timeout=20_000) as sent:
        pasted.take(mime)
    assert sent.args is not None
    ((saved,),) = sent.args
    assert QImage(str(saved)).size() == image.size()
    pasted.forget_pasted()
    assert not names(spool)
    operations.close()
