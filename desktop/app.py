"""The composition root: makes the engine, the workers and the window, and takes them down in order."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSocketNotifier, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QMessageBox

from core import log
from core.config import Folders, Settings, load_settings
from core.errors import ExitCode, FindlingError, SettingsError, WindowBusyError
from desktop import theme
from desktop.instance import FirstWindow, Handover, hand_over, take_place
from desktop.views.main_window import MainWindow
from desktop.views.widgets import message_box
from desktop.workers.late_engine import LateEngine
from desktop.workers.services import Services

if TYPE_CHECKING:
    from core.engine import Engine

logger = logging.getLogger(__name__)

_UNPAINTED_MS = 1_000  # a window that is started minimised is never painted


class Session(QObject):
    """One engine with its workers and its window. ``close`` is the one way out."""

    refused = Signal(FindlingError)  # the engine cannot be opened

    def __init__(self, engine: Engine | LateEngine, *, demo: bool = False) -> None:
        super().__init__()
        self._late = engine if isinstance(engine, LateEngine) else None
        self.services = Services.around(engine, self)
        self.window = MainWindow(self.services, demo=demo)
        self.window.demo_requested.connect(start_demo)
        self._open = True
        if self._late is not None:
            self._late.failed.connect(self.refused)
            # What is heavy to load waits until the window can be seen.
            self.window.painted.connect(self._late.begin)
            QTimer.singleShot(_UNPAINTED_MS, self._late, self._late.begin)

    def start(self, examples: Sequence[Path] = ()) -> None:
        """Show the window, begin to index, and search by ``examples`` if there are any."""
        self.window.show()
        self.services.library.refresh_now()
        self.services.search.warm()
        self.services.index.start()
        if examples:
            self.window.bar.add_examples(tuple(examples))

    @Slot(list)
    def take_over(self, examples: list[Path]) -> None:
        """Another window was started for this home: come to the front, and search by what it was started with."""
        logger.info("another window was started, with %d %s", len(examples), "file" if len(examples) == 1 else "files")
        window = self.window
        window.setWindowState((window.windowState() & ~Qt.WindowState.WindowMinimized) | Qt.WindowState.WindowActive)
        window.show()
        window.raise_()
        window.activateWindow()
        if examples:
            window.bar.add_examples(tuple(examples))

    def close(self) -> None:
        """Take everything down in order; a second call does nothing."""
        if self._open:
            self._open = False
            if self._late is not None:
                self._late.give_up()
            self.window.close()
            self.services.close()
            self.window.deleteLater()


class ExceptionHook(QObject):
    """Where exceptions of slots and threads end: in the log, and once in a dialog on the main thread."""

    _caught = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._shown = False
        self._caught.connect(self._show)

    def install(self) -> None:
        """Take over from the interpreter."""
        sys.excepthook = self._on_exception
        threading.excepthook = lambda args: self._on_exception(args.exc_type, args.exc_value, args.exc_traceback)

    def _on_exception(
        self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        logger.critical("unexpected error", exc_info=(kind, error or kind(), trace))  # as much as the log may hold
        self._caught.emit(f"{kind.__name__}: {error}")

    @Slot(str)
    def _show(self, text: str) -> None:
        if self._shown:  # a fault that repeats must not bury the window in dialogs
            return
        self._shown = True
        line = self.tr("Findling met a fault of its own. Your files and the index are safe; the log has the details.")
        message_box(QMessageBox.Icon.Warning, "Findling", line, text).exec()


def run(arguments: argparse.Namespace) -> int:
    """Run the window until it is closed; the exit code of the process."""
    application = QApplication(sys.argv[:1])
    application.setApplicationName("findling")
    application.setApplicationDisplayName("Findling")
    application.setDesktopFileName("findling")
    look = theme.Theme(application)
    hook = ExceptionHook(application)
    paths = [Path(path).absolute() for path in arguments.paths]
    try:
        settings = _settings(demo=arguments.demo)
        first = _take_place(settings.folders, application)
        if first is None:
            _hand_over(settings.folders, paths)
            return int(ExitCode.OK)
        log.log_to_file(settings.folders, "window")
    except FindlingError as error:
        _refuse(error)
        return int(error.exit_code)
    session = Session(LateEngine(settings, partial(_open_engine, settings)), demo=arguments.demo)
    hook.install()
    look.changed.connect(session.window.refresh_theme)
    session.refused.connect(partial(_give_up, session))
    first.asked.connect(session.take_over)
    with _quit_on_interrupt(application):
        session.start(paths)
        code = application.exec()
        first.close()  # a window that is started from now on is a new one
        session.close()
    return code


def _take_place(folders: Folders, application: QApplication) -> FirstWindow | None:
    """None where another window is open for these folders. Raises ``SettingsError``."""
    try:
        return take_place(folders, application)
    except OSError as error:
        raise SettingsError(f"the folder cannot be used: {error.strerror}", path=folders.data) from error


def _hand_over(folders: Folders, paths: Sequence[Path]) -> None:
    """Let the window that is open do it. Raises ``WindowBusyError``."""
    handed = hand_over(folders, paths)
    if handed is Handover.NO_ANSWER:
        raise WindowBusyError("it is open already and does not answer; wait a moment, or end it, and start it again")
    if handed is Handover.TOO_MANY:
        raise WindowBusyError("these are too many files to search by; choose a few of them")


def _open_engine(settings: Settings) -> Engine:
    from core.engine import Engine

    return Engine.open(settings)


def _give_up(session: Session, error: FindlingError) -> None:
    session.window.hide()
    _refuse(error)
    QApplication.exit(int(error.exit_code))


def start_demo() -> None:
    """Open a second window on the demo's own home."""
    import subprocess

    frozen = getattr(sys, "frozen", False)
    command = [sys.executable, "--demo"] if frozen else [sys.executable, "-m", "desktop", "--demo"]
    subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)


def _settings(*, demo: bool) -> Settings:
    if not demo:
        return load_settings()
    from core.demo import prepare_demo
    from core.engine import Engine

    prepared = prepare_demo()
    engine = Engine.open(prepared.settings)
    try:
        engine.add_root(prepared.library)
    finally:
        engine.close()
    return prepared.settings


def _refuse(error: FindlingError) -> None:
    """The window cannot open: say why, and where the command line may know more."""
    sys.stderr.write(f"findling-desktop: {log.one_line(str(error))}\n")
    hint = "" if isinstance(error, WindowBusyError) else "findling doctor"
    message_box(QMessageBox.Icon.Critical, error.title, str(error), hint).exec()


@contextmanager
def _quit_on_interrupt(application: QApplication) -> Iterator[None]:
    """Let Ctrl-C in the terminal close the window in order.

    Qt's loop does not come back to Python by itself to run a signal handler; the wakeup socket makes it.
    """
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    before = signal.signal(signal.SIGINT, lambda *_: application.quit())
    wakeup = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    notifier = QSocketNotifier(ours.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(lambda: ours.recv(64))
    try:
        yield
    finally:
        notifier.setEnabled(False)
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGINT, before)
        ours.close()
        theirs.close()
