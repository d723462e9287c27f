"""The window from end to end: the real window, engine, index and sandbox; only the models are stand-ins."""

from __future__ import annotations

import os
import shutil
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt
from PySide6.QtGui import (
    QColor,
    QDesktopServices,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QImage,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QFileDialog,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSlider,
    QWidget,
)

from core.config import Settings, default_folders
from core.demo import prepare_demo
from core.engine import Engine
from core.resources import resource
from core.types import Hit, Kind, ModelRole
from core.writer import WriterLock
from desktop import places
from desktop.app import Session
from desktop.places import path_of, url_of
from desktop.theme import Theme
from desktop.views.main_window import MainWindow
from desktop.views.search_bar import Ask
from tests.fakes import FakeEncoders, FakeSpeech

pytestmark = pytest.mark.windowed

PATIENCE_MS = 90_000  # how long a loop waits for a worker before the test fails; nothing is measured by it
SENTENCE = "we took the old boat out at sunset"
NOT_UTF_8 = b"caf\xe9 menu.txt"


@pytest.fixture(scope="session")
def look(qapp: QApplication) -> Theme:
    return Theme(qapp)


def picture(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (320, 240)) -> Path:
    noise = np.random.default_rng(len(path.name)).integers(-12, 12, (size[1], size[0], 3))
    pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def tone(path: Path, pitch_hz: int, seconds: float = 12.0) -> Path:
    times = np.arange(int(seconds * 16_000)) / 16_000
    samples = (0.4 * np.sin(2 * np.pi * pitch_hz * times) * 32_767).astype("<i2")
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(16_000)
        recording.writeframes(samples.tobytes())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos, documents and a recording, as a person has them."""
    made = tmp_path / "My things"
    (made / "Pictures").mkdir(parents=True)
    (made / "Papers").mkdir()
    picture(made / "Pictures" / "IMG_0001.jpg", (220, 30, 30))
    picture(made / "Pictures" / "IMG_0002.jpg", (40, 70, 220))
    picture(made / "Pictures" / "IMG_0003.png", (30, 160, 50))
    (made / "Papers" / "lease.txt").write_text("The tenant pays the monthly rent for the flat.", "utf-8")
    (made / "Papers" / "bread.md").write_text("# Bread\n\nLet the dough rest overnight and bake it hot.", "utf-8")
    tone(made / "memo.wav", 440)
    return made


class Driver:
    """Hands and eyes: what a test does to the window and reads from it."""

    def __init__(self, session: Session, qtbot: object) -> None:
        self.session = session
        self.window: MainWindow = session.window
        self._qtbot = qtbot

    def wait(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition, timeout=PATIENCE_MS)

    def add(self, *folders: Path) -> None:
        """Add folders and wait until there is nothing left to do in them."""
        self.window.library.add_folders(list(folders))
        self.wait(self.is_done)

    def is_done(self) -> bool:
        snapshot = self.session.services.library.snapshot
        if snapshot is None or not snapshot.roots or not snapshot.status.files:
            return False
        progress = self.window._progress
        return snapshot.status.pending == 0 and progress is not None and progress.stage is None

    def type(self, text: str) -> None:
        self.window.bar.field.line.clear()
        self._qtbot.keyClicks(self.window.bar.field.line, text)
        self.settle()

    def settle(self) -> None:
        self.wait(lambda: self.window.search.settled)

    def hits(self) -> list[Hit]:
        return [row.hit for row in self.window.result_model.rows if row.hit is not None]

    def names(self) -> list[str]:
        return [hit.name for hit in self.hits()]

    def finds(self, text: str, name: str) -> Hit:
        """Search, and search again as the index grows, until ``name`` is the first hit."""
        self.type(text)
        self.wait(lambda: self.names()[:1] == [name])
        return self.hits()[0]

    def press(self, text: str, within: QWidget | None = None) -> None:
        buttons = (within or self.window).findChildren(QPushButton)
        (found,) = (button for button in buttons if button.text() == text and button.isVisible())
        found.click()

    def drag(self, mime: QMimeData) -> None:
        at, keys = self.window.rect().center(), Qt.KeyboardModifier.NoModifier
        enter = QDragEnterEvent(at, Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, keys)
        QApplication.sendEvent(self.window, enter)
        assert enter.isAccepted()

    def drop_on(self, *paths: Path) -> None:
        self.drag(mime_of(*paths))
        self.drop(mime_of(*paths))

    def drop(self, mime: QMimeData) -> None:
        at, keys = QPointF(self.window.rect().center()), Qt.KeyboardModifier.NoModifier
        event = QDropEvent(at, Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, keys)
        QApplication.sendEvent(self.window, event)
        assert event.isAccepted()


def mime_of(*paths: Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([url_of(os.fsencode(path)) for path in paths])
    return mime


def opened(*, photo: str | None = "fake-photo", speech: str | None = "fake-speech@w1") -> Session:
    engine = Engine.open(
        Settings(default_folders()),
        encoders=FakeEncoders(photo=photo),
        speech=FakeSpeech({440: SENTENCE}, model=speech),
    )
    return Session(engine)


@pytest.fixture
def window(qtbot, look) -> Iterator[Driver]:
    session = opened()
    session.start()
    driver = Driver(session, qtbot)
    driver.wait(lambda: session.services.library.snapshot is not None)
    yield driver
    session.close()


def test_a_newcomer_adds_a_folder_and_finds_what_is_in_it(window: Driver, folder: Path, monkeypatch):
    assert window.window.empty.state.title == "Find your own things by what is in them"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    window.press("Add folder", window.window.empty)
    window.wait(window.is_done)
    assert window.window.status_line.text == "6 files, up to date"
    assert window.finds("red", "IMG_0001.jpg").kind is Kind.PHOTO
    assert "rent" in window.finds("monthly rent", "lease.txt").best.snippet
    spoken = window.finds("boat sunset", "memo.wav")
    assert spoken.best.locator.start_s == 0.0
    assert SENTENCE in spoken.best.snippet
    window.type("quantum xylophone")
    assert window.hits() == []
    assert window.window.empty.state.title == "Nothing here matches"


def test_a_dropped_file_finds_similar_ones_and_words_join_it(window: Driver, folder: Path, tmp_path: Path):
    window.add(folder)
    example = picture(tmp_path / "another blue.png", (44, 66, 214))
    window.drag(mime_of(example))
    assert window.window.overlay.isVisible()
    assert window.window.overlay.title == "Find similar"
    window.drop(mime_of(example))
    assert not window.window.overlay.isVisible()
    window.wait(lambda: window.names()[:1] == ["IMG_0002.jpg"])
    assert window.window.bar.ask.examples == (example,)
    window.type("rent")
    assert window.window.bar.ask.query().like == (example,)
    assert {"IMG_0002.jpg", "lease.txt"} <= set(window.names())


def test_an_example_that_cannot_be_read_is_told_and_shows_no_old_results(window: Driver, folder: Path):
    window.add(folder)
    window.finds("red", "IMG_0001.jpg")
    gone = folder / "gone.jpg"
    window.window.bar.set_ask(Ask(examples=(gone,)))
    window.wait(window.window.error_bar.isVisible)
    assert str(gone) in window.window.error_bar.text
    assert window.hits() == []
    window.window.bar.clear()
    window.finds("red", "IMG_0001.jpg")
    assert not window.window.error_bar.isVisible()


def test_a_dropped_folder_is_added_and_a_drag_that_leaves_does_nothing(window: Driver, folder: Path):
    window.drag(mime_of(folder))
    assert window.window.overlay.title == "Add this folder"
    QApplication.sendEvent(window.window, QDragLeaveEvent())
    assert not window.window.overlay.isVisible()
    window.drag(mime_of(folder))
    window.drop(mime_of(folder))
    window.wait(window.is_done)
    assert [window.window.folder_model.index(0).data()] == ["My things"]


def test_a_pasted_picture_searches_and_is_forgotten_on_closing(window: Driver, folder: Path):
    window.add(folder)
    image = QImage(200, 200, QImage.Format.Format_RGB32)
    image.fill(QColor(30, 160, 50))
    QGuiApplication.clipboard().setImage(image)
    window.window.input.take(QGuiApplication.clipboard().mimeData())
    window.wait(lambda: window.names()[:1] == ["IMG_0003.png"])
    (kept,) = window.window.bar.ask.examples
    assert kept.exists()
    window.session.close()
    assert not kept.exists()


def test_what_changes_on_disk_changes_what_is_found(window: Driver, folder: Path):
    window.add(folder)
    (folder / "Papers" / "harbour.txt").write_text("The ferry leaves the harbour at noon.", "utf-8")
    window.finds("ferry", "harbour.txt")
    (folder / "Papers" / "harbour.txt").rename(folder / "timetable.txt")
    window.wait(lambda: window.names()[:1] == ["timetable.txt"])
    (folder / "timetable.txt").unlink()
    window.wait(lambda: window.names() == [])


def test_filters_narrow_and_the_empty_answer_offers_to_widen(window: Driver, folder: Path):
    window.add(folder)
    window.finds("monthly rent", "lease.txt")
    window.press("Photos")
    window.settle()
    assert window.hits() == []
    assert [choice.name for choice in window.window.empty.state.choices][:1] == ["widen"]
    window.press("Search everything")
    window.wait(lambda: window.names() == ["lease.txt"])


def test_a_removed_folder_is_forgotten_and_undo_brings_it_back(window: Driver, folder: Path):
    window.add(folder)
    window.finds("monthly rent", "lease.txt")
    window.window.library.remove_folder(window.window.folder_model.roots[0])
    window.wait(lambda: window.window.folder_model.rowCount() == 0)
    window.wait(lambda: window.names() == [])
    assert (folder / "Papers" / "lease.txt").exists()
    window.press("Undo")
    window.wait(lambda: window.names() == ["lease.txt"])


def test_what_cannot_be_read_is_listed_with_its_reason(window: Driver, folder: Path):
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    window.add(folder)
    window.wait(lambda: window.session.services.library.snapshot.status.failed == 1)
    window.press("1 not read")
    dialog = window.window.library._failures
    window.wait(lambda: len(dialog._model.failures) == 1)
    (failure,) = dialog._model.failures
    assert failure.path.endswith(b"broken.jpg")
    assert failure.reason
    dialog.accept()


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_that_is_not_utf_8_is_found_and_handed_out_whole(window: Driver, folder: Path):
    path = os.fsencode(folder) + b"/" + NOT_UTF_8
    try:
        Path(os.fsdecode(path)).write_text("onion soup and grilled trout", "utf-8")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    window.add(folder)
    hit = window.finds("grilled trout", "caf\ufffd menu.txt")
    assert hit.path == path
    row = window.window.result_model.row_of_file(hit.file_id)
    urls = window.window.result_model.mimeData([window.window.result_model.index(row)]).urls()
    assert [path_of(url) for url in urls] == [path]


def test_double_click_opens_the_file_and_find_similar_searches_by_it(window: Driver, folder: Path, monkeypatch, qtbot):
    urls = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: bool(urls.append(url)) or True)
    window.add(folder)
    hit = window.finds("red", "IMG_0001.jpg")
    results = window.window.results
    at = results.visualRect(window.window.result_model.index(2)).center()
    qtbot.mouseClick(results.viewport(), Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseDClick(results.viewport(), Qt.MouseButton.LeftButton, pos=at)
    window.wait(lambda: bool(urls))  # its content is looked at first
    assert [path_of(url) for url in urls] == [hit.path]
    window.window.on_result.find_similar(hit)
    window.settle()
    assert window.window.bar.ask.text == ""
    assert hit.name not in window.names()  # a file is not similar to itself


def test_what_became_a_program_since_it_was_indexed_is_only_shown(window: Driver, folder: Path, monkeypatch):
    urls, shown = [], []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: bool(urls.append(url)) or True)
    monkeypatch.setattr(places, "show_in_folder", lambda path: bool(shown.append(path)) or True)
    window.add(folder)
    hit = window.finds("rent", "lease.txt")
    Path(os.fsdecode(hit.path)).write_text("#!/bin/sh\n")
    window.window.on_result.open(hit)
    window.wait(lambda: bool(shown))
    assert (urls, shown) == ([], [hit.path])
    assert window.window.toast.text == "lease.txt is shown in its folder, not opened: it could run as a program"


def test_without_a_photo_model_the_window_says_how_photos_are_found(qtbot, look, folder: Path):
    session = opened(photo=None, speech=None)
    session.start()
    driver = Driver(session, qtbot)
    try:
        driver.add(folder)
        driver.finds("IMG_0001", "IMG_0001.jpg")
        assert "Until a photo model is here" in driver.window.notice.text
        snapshot = session.services.library.snapshot
        assert set(snapshot.status.waiting) == {ModelRole.PHOTO, ModelRole.SPEECH}
    finally:
        session.close()


def test_the_window_closes_in_the_middle_of_indexing_and_goes_on_later(qtbot, look, folder: Path):
    for number in range(30):
        picture(folder / f"extra-{number}.jpg", (number * 8, 90, 140))
    first = opened()
    first.start()
    driver = Driver(first, qtbot)
    first.window.library.add_folders([folder])
    driver.wait(lambda: first.window._progress is not None and first.window._progress.done > 3)
    first.close()
    second = opened()
    second.start()
    driver = Driver(second, qtbot)
    try:
        driver.wait(driver.is_done)
        assert second.services.library.snapshot.status.files == 36
        driver.finds("monthly rent", "lease.txt")
    finally:
        second.close()


def test_pausing_stops_the_work_and_resuming_goes_on(window: Driver, folder: Path):
    window.add(folder)
    window.window.status_line.pause_toggled.emit()
    assert window.window.status_line.text.startswith("Indexing is paused")
    window.wait(lambda: window.session.services.index._thread is None)
    (folder / "late.txt").write_text("The ferry leaves at noon.", "utf-8")
    window.window.status_line.pause_toggled.emit()
    window.finds("ferry", "late.txt")


def test_while_another_process_indexes_the_window_searches(qtbot, look, folder: Path):
    settings = Settings(default_folders())
    settings.folders.create()
    with WriterLock(settings.folders, "index"):
        session = opened()
        session.start()
        driver = Driver(session, qtbot)
        try:
            driver.wait(lambda: bool(session.window.status_line.text))
            driver.type("boat")
            assert driver.hits() == []
            assert session.window.error_bar.isHidden()
        finally:
            session.close()


def test_closing_leaves_no_thread_behind(qtbot, look, folder: Path):
    session = opened()
    session.start()
    driver = Driver(session, qtbot)
    driver.add(folder)
    driver.type("red")
    services = session.services
    session.close()
    assert services.index._thread is None or services.index._thread.isFinished()
    assert services.search._thread.isFinished()
    assert services.operations._pool.activeThreadCount() == 0
    assert services.thumbnails._pool.activeThreadCount() == 0


def test_every_control_has_a_name_for_screen_readers(window: Driver):
    controls = window.window.findChildren(QWidget)
    nameless = [
        control.objectName() or type(control).__name__
        for control in controls
        if isinstance(control, QAbstractButton | QLineEdit | QAbstractItemView | QSlider | QProgressBar)
        and not (control.accessibleName() or (isinstance(control, QAbstractButton) and control.text()))
        and control.isVisibleTo(window.window)
    ]
    assert nameless == []


@pytest.mark.slow
def test_the_demo_models_find_by_meaning_in_the_window(qtbot, look, tmp_path: Path):
    """The shipped encoders in their child processes: words and a dropped drawing to pictures, words to a page."""
    try:
        demo = prepare_demo()
        elephants = resource("demo", "examples", "two-elephants.png")
    except FileNotFoundError as error:
        pytest.skip(f"the demo is not complete here: {error}")
    session = Session(Engine.open(demo.settings), demo=True)
    session.start()
    driver = Driver(session, qtbot)
    try:
        assert session.window.windowTitle() == "Findling · Demo library"
        some = tmp_path / "Some of it"
        shutil.copytree(demo.library / "Pictures" / "2024" / "Castle tour", some / "Castle tour")
        shutil.copytree(demo.library / "Manuals", some / "Manuals")
        shutil.copytree(demo.library / "Recordings" / "Travel diary", some / "Travel diary")
        driver.add(some)
        driver.drop_on(elephants)
        driver.wait(lambda: driver.names()[:1] == ["DSC02891.png"])
        session.window.bar.clear()
        page = driver.finds("how often must the weight of the clockwork be wound up", "lighthouse-keeper-handbook.pdf")
        assert page.best.locator.page == 3
        spoken = driver.finds("the white elephant in the snow at night", "05 Everything in one go.mp3")
        assert abs((spoken.best.locator.start_s or 0.0) - 40.35) < 1.0
    finally:
        session.close()
