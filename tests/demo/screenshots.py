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

from PIL import Image
from PySide6.QtCore import QLocale, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from core.config import Folders, Settings, folders_under
from core.demo import Demo, prepare_demo
from core.engine import Engine
from core.resources import resource
from core.types import Kind
from desktop.app import Session
from desktop.theme import Theme
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


README: tuple[Scene, ...] = (photos_by_words, words_in_a_page, words_that_were_said, similar_to_a_file)
STATES: tuple[Scene, ...] = (
    start, *README, chinese_words, mixed, nothing_matches, dropping, error_bar, dialogs, narrow,
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
            scenes = STATES if arguments.all else README if scheme == "light" else README[:1]
            with opened(prepared.settings, demo=True) as session:
                camera.wait(lambda session=session: at_rest(session.window))
                for scene in scenes:
                    scene(camera, session.window)
    return 0


if __name__ == "__main__":
    sys.exit(main())
