"""Pictures of the real window over the demo library: ``python -m tests.demo.screenshots [--all] [--out FOLDER]``.

Without ``--all`` it makes the ones that the README shows; with it every state of the window, light and dark. Nothing
is painted for the occasion: engine, index, models and window are the ones that ship. Needs no display.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import apsw
from PIL import Image
from PySide6.QtCore import QLocale, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QWidget

from core.config import Folders, Settings, folders_under
from core.demo import Demo, prepare_demo
from core.engine import Engine
from core.resources import resource
from core.types import Kind
from desktop.app import Session
from desktop.theme import Theme
from desktop.views.dialogs.report import ReportDialog
from desktop.views.dialogs.sheets import AboutDialog, ShortcutSheet
from desktop.views.main_window import MainWindow

SIZE = (1280, 800)
_PATIENCE_S = 300.0  # indexing the demo takes a minute or two on a busy computer
_SETTLE_MS = 400  # thumbnails and layouts after an answer

Scene = Callable[["Camera", MainWindow], None]


@dataclass
class Camera:
    """Waits for the window to come to rest and saves what it shows."""

    out: Path
    scheme: str  # "light" or "dark"; part of the file's name

    def shoot(self, widget: QWidget, name: str) -> None:
        QTest.qWait(_SETTLE_MS)
        if isinstance(widget, MainWindow):
            self.wait(lambda: widget._services.thumbnails.idle)
            QTest.qWait(_SETTLE_MS)
        path = self.out / f"{name}-{self.scheme}.png"
        widget.grab().save(str(path))
        with Image.open(path) as picture:
            # 256 colours are plenty for an interface and a drawn world, at a third of the size.
            picture.convert("RGB").quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
        sys.stdout.write(f"{path}\n")

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("the window did not come to rest")
            QTest.qWait(50)

    def search(self, window: MainWindow, text: str, *examples: Path) -> None:
        window.bar.clear()
        if examples:
            window.bar.add_examples(examples)
        window.bar.field.line.setText(text)
        self.wait(lambda: window.search.settled)

    def choose(self, window: MainWindow, kind: Kind) -> None:
        """Put the focus on the first hit of a kind."""
        rows = (
            row for row, item in enumerate(window.result_model.rows) if item.hit is not None and item.hit.kind is kind
        )
        window.results.setFocus()
        window.results.setCurrentIndex(window.result_model.index(next(rows)))


# Scenes over the demo library


def photos_by_words(camera: Camera, window: MainWindow) -> None:
    camera.search(window, "a lighthouse by the sea")
    camera.choose(window, Kind.PHOTO)
    camera.shoot(window, "photos")


def words_in_a_page(camera: Camera, window: MainWindow) -> None:
    camera.search(window, "how often must the weight of the clockwork be wound up")
    camera.choose(window, Kind.DOCUMENT)
    camera.shoot(window, "page")


def words_that_were_said(camera: Camera, window: MainWindow) -> None:
    camera.search(window, "the white elephant in the snow at night")
    camera.choose(window, Kind.AUDIO)
    camera.shoot(window, "speech")


def similar_to_a_file(camera: Camera, window: MainWindow) -> None:
    camera.search(window, "", resource("demo", "examples", "two-elephants.png"))
    camera.choose(window, Kind.PHOTO)
    camera.shoot(window, "similar")


def chinese_words(camera: Camera, window: MainWindow) -> None:
    camera.search(window, "森林里的红色兔子")
    camera.shoot(window, "chinese")


def mixed(camera: Camera, window: MainWindow) -> None:
    camera.search(window, "cat")
    camera.shoot(window, "mixed")


def narrow(camera: Camera, window: MainWindow) -> None:
    window.resize(760, 520)
    camera.search(window, "boat")
    camera.shoot(window, "narrow")
    window.resize(*SIZE)


def nothing_matches(camera: Camera, window: MainWindow) -> None:
    camera.search(window, "quantum cryptography lecture")
    camera.shoot(window, "nothing")


def start(camera: Camera, window: MainWindow) -> None:
    window.bar.clear()
    camera.shoot(window, "start")


def dropping(camera: Camera, window: MainWindow) -> None:
    camera.search(window, "boat")
    window.overlay.offer([Path("holiday.jpg")], [])
    camera.shoot(window, "dropping")
    window.overlay.hide()


def error_bar(camera: Camera, window: MainWindow) -> None:
    camera.search(window, "", Path("/nowhere/holiday.jpg"))
    camera.shoot(window, "error")
    window.bar.clear()
    window.error_bar.hide()


def dialogs(camera: Camera, window: MainWindow) -> None:
    window.library.show_models()
    models = window.library._models
    camera.wait(lambda: models is not None and bool(models._rows))
    camera.shoot(models, "models")
    models.accept()
    for name, dialog in (
        ("shortcuts", ShortcutSheet(window)),
        ("about", AboutDialog(Path.home() / ".local/share/findling/index.db", window)),
    ):
        dialog.show()
        camera.shoot(dialog, name)
        dialog.accept()
    window.sheets.show_report()
    (report,) = window.findChildren(ReportDialog)
    camera.wait(lambda: bool(report.findChild(QPlainTextEdit).toPlainText()))
    camera.shoot(report, "report")
    report.accept()


def excludes(camera: Camera, window: MainWindow) -> None:
    window.excludes.show_of_folder(window.folder_model.roots[0])
    dialog = window.excludes._dialog
    dialog._editor.setPlainText("*.bak\nManuals/\n")
    camera.wait(dialog._save.isEnabled)
    camera.shoot(dialog, "excludes")
    dialog.reject()
    window.excludes.show_of_all()
    camera.wait(window.excludes._dialog._save.isEnabled)
    camera.shoot(window.excludes._dialog, "excludes-everywhere")
    window.excludes._dialog.reject()


def forgetting(camera: Camera, window: MainWindow) -> None:
    camera.search(window, "boat")
    camera.choose(window, Kind.PHOTO)
    for name, ask in (
        ("forget-file", lambda: window.care.forget_file(window.results.current_hit())),
        ("forget-folder", lambda: window.care.forget_folder(window.folder_model.roots[0])),
    ):
        ask()
        camera.wait(window.care._question._forget.isEnabled)
        camera.shoot(window.care._question, name)
        window.care._question.reject()
    window.care.forget_some_folder()
    camera.shoot(window.care._question, "forget-some-folder")
    window.care._question.reject()


def checking(camera: Camera, window: MainWindow) -> None:
    """A check on its way, one that found nothing, a fault that is then repaired."""
    window.care.show_check()
    dialog = window.care._dialog
    dialog.show_step("vectors", 1_200, 3_400)
    camera.shoot(dialog, "check-begun")
    camera.wait(dialog._again.isEnabled)
    camera.shoot(dialog, "check")
    damage_a_vector(window._services.engine.settings.folders)
    dialog._again.click()
    camera.wait(dialog._repair.isVisible)
    camera.shoot(dialog, "check-faults")
    dialog._repair.click()
    camera.wait(lambda: bool(dialog._done.text()))
    camera.shoot(dialog, "check-repaired")
    dialog.accept()
    camera.wait(lambda: window._services.index.running and at_rest(window))


def damage_a_vector(folders: Folders) -> None:
    connection = apsw.Connection(str(folders.index))
    connection.execute("UPDATE vectors SET vector = zeroblob(length(vector)) WHERE id = (SELECT min(id) FROM vectors)")
    connection.close()


README: tuple[Scene, ...] = (photos_by_words, words_in_a_page, words_that_were_said, similar_to_a_file)
STATES: tuple[Scene, ...] = (
    start, *README, chinese_words, mixed, nothing_matches, dropping, error_bar, dialogs, excludes, forgetting,
    checking, narrow,
)  # fmt: skip


# Scenes with a home of their own


def first_run(camera: Camera, home: Path) -> None:
    with opened(Settings(made(home / "first"))) as session:
        camera.wait(lambda: bool(session.services.library.snapshot))
        camera.shoot(session.window, "first-run")


def without_models(camera: Camera, home: Path) -> None:
    """Indexing just begun, then photos without a photo model, a file that cannot be read, and a drive that is away."""
    library = home / f"Pictures {camera.scheme}"
    library.mkdir()
    for source in sorted(resource("demo", "library", "Pictures").rglob("*.jpg"))[:40]:
        (library / source.name).write_bytes(source.read_bytes())
    (library / "torn.jpg").write_bytes(next(library.glob("*.jpg")).read_bytes()[:300])
    (library / "old minutes.doc").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000))
    with opened(Settings(made(home / f"bare {camera.scheme}"))) as session:
        window = session.window
        window.library.add_folders([library])
        camera.wait(lambda: window._progress is not None and window._progress.total > 0)
        camera.shoot(window, "indexing")
        camera.wait(lambda: at_rest(window))
        camera.search(window, "jpg")
        camera.shoot(window, "model-missing")
        window.library.show_failures()
        failures = window.library._failures
        camera.wait(lambda: failures is not None and bool(failures._model.failures))
        camera.shoot(failures, "failures")
        failures.accept()
        library.rename(library.with_suffix(".away"))
        camera.wait(lambda: any(status.root.offline for status in window.folder_model.roots))
        camera.search(window, "IMG")
        camera.shoot(window, "away")


def missing_files(camera: Camera, home: Path) -> None:
    """A folder that misses most of its files, in an index that was damaged when it was opened."""
    library = home / f"Holidays {camera.scheme}"
    library.mkdir()
    for number in range(60):
        (library / f"note {number}.txt").write_text(f"The boat, day {number}.")
    folders = made(home / f"missing {camera.scheme}")
    folders.index.write_bytes(b"no index at all " * 4096)
    with opened(Settings(folders)) as session:
        window = session.window
        window.library.add_folders([library])
        camera.wait(lambda: at_rest(window))
        library.rename(library.with_suffix(".aside"))
        library.mkdir()
        (library / "new.txt").write_text("The boat is sold.")
        camera.wait(lambda: window.center.removals.isVisible() and at_rest(window))
        camera.search(window, "boat")
        camera.shoot(window, "missing-files")


def at_rest(window: MainWindow) -> bool:
    snapshot = window._services.library.snapshot
    idle = window._progress is not None and window._progress.stage is None
    return snapshot is not None and idle and snapshot.status.pending == 0 and snapshot.status.files > 0


def made(base: Path) -> Folders:
    folders = folders_under(base)
    folders.create()
    return folders


@contextmanager
def opened(settings: Settings, *, demo: bool = False) -> Iterator[Session]:
    session = Session(Engine.open(settings), demo=demo)
    session.window.resize(*SIZE)
    session.start()
    try:
        yield session
    finally:
        session.close()


def index_demo(home: Path) -> Demo:
    """The demo as a person has it once it is indexed."""
    prepared = prepare_demo(folders_under(home / "demo"))
    engine = Engine.open(prepared.settings)
    try:
        engine.add_root(prepared.library)
        engine.index()
    finally:
        engine.close()
    return prepared


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--all", action="store_true", help="every state, light and dark")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    QLocale.setDefault(QLocale("en_GB"))
    application = QApplication(sys.argv[:1])
    look = Theme(application)
    with tempfile.TemporaryDirectory(prefix="findling-pictures-") as folder:
        home = Path(folder)
        os.environ["HOME"] = folder  # so that paths read "~/…", as they would at a person's
        prepared = index_demo(home)
        for scheme, qt_scheme in (("light", Qt.ColorScheme.Light), ("dark", Qt.ColorScheme.Dark)):
            look.force(qt_scheme)
            camera = Camera(arguments.out, scheme)
            if arguments.all:
                first_run(camera, home)
                without_models(camera, home)
                missing_files(camera, home)
            scenes = STATES if arguments.all else README if scheme == "light" else README[:1]
            with opened(prepared.settings, demo=True) as session:
                camera.wait(lambda session=session: at_rest(session.window))
                for scene in scenes:
                    scene(camera, session.window)
    return 0


if __name__ == "__main__":
    sys.exit(main())
