"""Nothing that a file says is taken for markup: the whole window, with every dialog, in front of hostile names."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QMenu, QPushButton, QTextBrowser, QWidget

from core.config import Settings, default_folders
from core.engine import Engine
from core.errors import FindlingError
from core.types import Check
from desktop.actions import Act
from desktop.app import Session
from desktop.theme import Theme
from desktop.views.dialogs.check import CheckDialog
from desktop.views.dialogs.forget import ForgetDialog
from desktop.views.widgets import message_box
from tests.desktop.plain import MARKUP, ODD, PICTURE, faults
from tests.fakes import FakeEncoders, FakeSpeech

PATIENCE_MS = 90_000
DESKTOP = Path(__file__).resolve().parents[2] / "desktop"

# Another window, and the end of this one.
NOT_TRIGGERED = {Act.DEMO, Act.QUIT}


@pytest.fixture(scope="session")
def look(qapp: QApplication) -> Theme:
    return Theme(qapp)


@pytest.fixture
def session(qtbot, look: Theme, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    for name in ("getOpenFileName", "getSaveFileName"):
        monkeypatch.setattr(QFileDialog, name, lambda *_, **__: ("", ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: "")
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _: True)
    monkeypatch.setattr(QMenu, "exec", QMenu.popup)
    engine = Engine.open(Settings(default_folders()), encoders=FakeEncoders(), speech=FakeSpeech({}))
    session = Session(engine)
    session.start()
    qtbot.waitUntil(lambda: session.services.library.snapshot is not None, timeout=PATIENCE_MS)
    yield session
    for widget in QApplication.topLevelWidgets():
        if widget is not session.window:
            widget.close()
    session.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder, files and contents that try it."""
    made = tmp_path / ODD.replace("\n", " ")
    made.mkdir()
    letters = MARKUP + " boat " + ODD + "\n" + "A line about the boat.\n" * 5
    for name in (ODD[:60], "plain"):
        (made / f"{name} boat.txt").write_text(letters, "utf-8")
    (made / f"{ODD[:60]} broken.pdf").write_bytes(b"%PDF-1.7\nno")
    (made / f"{ODD[:60]} boat.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    return made


@pytest.mark.windowed
@pytest.mark.skipif(os.name != "posix", reason="no such names there")
def test_no_widget_of_any_dialog_takes_a_name_for_markup(session: Session, folder: Path, qtbot) -> None:
    window = session.window
    window.resize(1300, 800)
    window.library.add_folders([folder])
    snapshots = session.services.library
    qtbot.waitUntil(lambda: _is_done(session), timeout=PATIENCE_MS)
    window.bar.field.line.setText("boat")
    qtbot.waitUntil(lambda: bool(window.result_model.rows) and window.search.settled, timeout=PATIENCE_MS)
    looked_at = set()

    def look() -> None:
        QApplication.processEvents()
        widgets = QApplication.allWidgets()
        looked_at.update(type(widget).__name__ for widget in widgets)
        assert faults(widgets) == []

    look()
    rows = [row.hit for row in window.result_model.rows if row.hit is not None]
    assert any(PICTURE[:8] in hit.display_path for hit in rows)
    for hit in rows:  # the preview of each
        window.preview.show_hit(hit, "boat")
        look()
    window.results.select_first()
    for act in Act:
        if act not in NOT_TRIGGERED:
            window.acts[act].trigger()
            QApplication.processEvents()
            look()
    window.bar.set_ask(replace(window.bar.ask, text=MARKUP, folder=folder, examples=(folder / f"{ODD} a&b.jpg",)))
    window.on_result.show_menu(window.acts, QPoint(5, 5))
    window.middle.show_error(FindlingError(MARKUP, path=os.fsencode(folder)))
    window.notice.show_line(MARKUP, "R&&D")
    window.toast.say(MARKUP, lambda: None)
    window.overlay.offer([folder / ODD], [])
    window.status_line.show_busy_elsewhere(MARKUP)
    window.on_result.said.emit(ODD)
    look()
    models = snapshots.snapshot.models
    window.library.show_models()
    dialog = window.library._models
    dialog.show_models([replace(one, title=MARKUP, source=ODD, licence=MARKUP, languages=MARKUP) for one in models])
    dialog.show_trouble(MARKUP)
    window.center.opening.show_line(MARKUP)
    window.center.removals.show_roots([replace(snapshots.snapshot.roots[0], missing=3)])
    (check,) = window.findChildren(CheckDialog)
    check.show_repaired([MARKUP], [Check(ODD, False, MARKUP), Check(MARKUP, True, ODD)])
    check.show_step(MARKUP, 1, 2)
    check.show_trouble(MARKUP)
    for question in window.findChildren(ForgetDialog):
        question.show_held(question.path, [MARKUP, ODD])
        question.show_trouble(question.path, MARKUP)
    window.excludes.show_of_folder(snapshots.snapshot.roots[0])
    window.care.forget_folder(snapshots.snapshot.roots[0])
    box = message_box(message_box.__globals__["QMessageBox"].Icon.Warning, MARKUP, MARKUP, MARKUP)
    box.show()
    look()
    box.close()
    assert {"FailuresDialog", "ModelsDialog", "AboutDialog", "ShortcutSheet", "DatesDialog", "Chip"} <= looked_at
    assert {"CheckDialog", "CheckRow", "ForgetDialog", "ExcludesDialog", "ReportDialog", "RemovalBar"} <= looked_at


def _is_done(session: Session) -> bool:
    snapshot = session.services.library.snapshot
    return snapshot is not None and snapshot.status.files == 4 and snapshot.status.pending == 0


@pytest.mark.windowed
def test_the_look_finds_what_it_looks_for(qtbot) -> None:
    """A widget of every kind that would take a name for markup is seen, wherever it hangs."""
    host = QWidget()
    qtbot.addWidget(host)
    QLabel("x", host)
    QTextBrowser(host)
    tip = QWidget(host)
    tip.setToolTip(MARKUP)
    said = QWidget(host)
    said.setToolTip(f"<qt>{MARKUP}</qt>")
    QPushButton("R&D", host)
    menu = QMenu(host)
    menu.addAction("R&D")
    found = faults([host, *host.findChildren(QWidget)])
    for kind in ("QLabel", "QTextBrowser", "QWidget", "QPushButton", "QMenu"):
        assert any(fault.startswith(kind) for fault in found), (kind, found)
    assert len([fault for fault in found if "tool tip of markup" in fault]) == 2


# What shows markup, or guesses; ``desktop.views.widgets`` has what does not.
GUESSING = {
    "QLabel", "QMessageBox", "QTextBrowser", "QTextEdit", "QTextDocument", "QErrorMessage", "QInputDialog",
    "QProgressDialog", "QSplashScreen", "QStaticText", "QWizard", "QWebEngineView", "QSystemTrayIcon",
}  # fmt: skip
MARKING = {"setHtml", "insertHtml", "setMarkdown", "insertMarkdown", "setTextFormat", "appendHtml"}


@pytest.mark.parametrize("path", sorted(DESKTOP.rglob("*.py")), ids=lambda path: path.name)
def test_nothing_is_made_that_guesses_whether_text_is_markup(path: Path) -> None:
    """Also in a dialog that no test opens: labels and boxes come from one place."""
    if path.name == "widgets.py":
        return
    made = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    names = {node.func.id for node in made if isinstance(node.func, ast.Name)}
    methods = {node.func.attr for node in made if isinstance(node.func, ast.Attribute)}
    statics = {
        node.func.value.id
        for node in made
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
    }
    assert not (names | statics) & GUESSING
    assert not methods & MARKING
