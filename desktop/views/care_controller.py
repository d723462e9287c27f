"""What a person does for the index itself: have it checked and repaired, and have things forgotten for good."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from core import wording
from core.cancel import CancelToken
from core.errors import FindlingError
from core.types import Check, Hit, RootStatus
from desktop.views.notices import NoticeBar
from desktop.views.sidebar import root_path
from desktop.wording import printable
from desktop.workers.library import Snapshot
from desktop.workers.services import Services

if TYPE_CHECKING:
    from core.store.forget import Remembered
    from core.store.repair import OnStep
    from desktop.views.dialogs.check import CheckDialog
    from desktop.views.dialogs.forget import ForgetDialog

_STEPS_APART_S = 0.1


class CareController(QObject):
    """Runs the operations and owns their dialogs.

    A repair writes the index alone. Indexing is paused for it and goes on afterwards, however it ended.
    """

    said = Signal(str, object)  # a line for the toast, and the way back: there is none from here
    failed = Signal(FindlingError)
    forgotten = Signal(Path)
    _stepped = Signal(str, int, int)  # from the thread that looks: what, how much is done, how much there is
    _repair_over = Signal()  # from the thread that repairs, however it ended

    def __init__(self, services: Services, opening: NoticeBar, window: QWidget) -> None:
        """``opening`` shows how the index was opened, where there is something to say about it."""
        super().__init__(window)
        self._services = services
        self._engine = services.engine
        self._operations = services.operations
        self._window = window
        self._opening = opening
        self._told_opening = False
        self._dialog: CheckDialog | None = None
        self._looking = CancelToken()
        self._repairing = CancelToken()
        self._repair_waits = False  # for indexing to stop
        self._resume = False  # indexing, once the repair is over
        self._question: ForgetDialog | None = None
        self._held: tuple[Path, Remembered] | None = None  # what the question is about
        self._stepped.connect(self._on_step)
        self._repair_over.connect(self._on_repair_over)
        services.index.stopped.connect(self._on_index_stopped)
        services.library.changed.connect(self._on_snapshot)

    def close(self) -> None:
        """Stop what looks and what repairs: what was repaired stays, and the rest is found again."""
        self._repair_waits = self._resume = False
        self._looking.cancel()
        self._repairing.cancel()

    # How the index was opened

    @Slot(Snapshot)
    def _on_snapshot(self, _: Snapshot) -> None:
        if not self._told_opening:  # the first one: the engine is there
            self._told_opening = True
            self._operations.run(lambda: self._engine.notices, self._show_notices)

    def _show_notices(self, notices: tuple[str, ...]) -> None:
        if notices:
            self._opening.show_line("\n".join(f"{line[:1].upper()}{line[1:]}." for line in notices))

    # Check and repair

    @Slot()
    def show_check(self) -> None:
        """Open the check of the index, and begin it."""
        if self._dialog is not None:
            return
        from desktop.views.dialogs.check import CheckDialog  # dialogs load when they are first opened

        self._dialog = CheckDialog(self._window)
        self._dialog.check_requested.connect(self._check)
        self._dialog.repair_requested.connect(self._repair)
        self._dialog.finished.connect(self._on_check_closed)
        self._dialog.open()
        self._check()

    @Slot()
    def _check(self) -> None:
        dialog = self._dialog
        if dialog is None:
            return
        dialog.show_checking()
        self._looking = CancelToken()
        on_step = self._telling(self._looking)
        self._operations.run(
            lambda: self._engine.care.check(on_step),
            partial(self._on_checked, dialog),
            partial(self._on_check_trouble, dialog),
        )

    @Slot()
    def _repair(self) -> None:
        index = self._services.index
        self._resume = self._resume or index.running
        self._repair_waits = True
        if self._dialog is not None:
            self._dialog.show_waiting()
        index.pause()
        if index.idle:
            self._on_index_stopped()

    @Slot()
    def _on_index_stopped(self) -> None:
        dialog = self._dialog
        if not self._repair_waits or dialog is None:
            return
        self._repair_waits = False
        dialog.show_repairing()
        self._repairing = CancelToken()
        on_step = self._telling(self._repairing)
        self._operations.run(
            partial(self._repair_then_tell, on_step),
            partial(self._on_repaired, dialog),
            partial(self._on_check_trouble, dialog),
        )

    def _repair_then_tell(self, on_step: OnStep) -> tuple[list[str], list[Check]]:
        try:
            return self._engine.care.repair(on_step)
        finally:
            self._repair_over.emit()

    @Slot()
    def _on_repair_over(self) -> None:
        if self._resume:
            self._resume = False
            self._services.index.start()
        self._services.library.refresh_now()

    def _on_checked(self, dialog: CheckDialog, checks: list[Check]) -> None:
        if self._dialog is dialog:
            dialog.show_checks(checks)

    def _on_repaired(self, dialog: CheckDialog, found: tuple[list[str], list[Check]]) -> None:
        if self._dialog is dialog:
            dialog.show_repaired(*found)
        else:
            self.said.emit(self.tr("The index was repaired"), None)

    def _on_check_trouble(self, dialog: CheckDialog, error: FindlingError) -> None:
        if self._dialog is dialog:
            dialog.show_trouble(str(error))
        else:
            self.failed.emit(error)

    @Slot()
    def _on_check_closed(self) -> None:
        """A look ends here; a repair that has begun goes on, and one that has not does not begin."""
        dialog, self._dialog = self._dialog, None
        if dialog is not None:
            dialog.deleteLater()
        self._looking.cancel()
        if self._repair_waits:
            self._repair_waits = False
            self._on_repair_over()

    def _telling(self, cancel: CancelToken) -> OnStep:
        """What the thread that works is to call: it tells the dialog, ten times a second at most."""
        told_s = 0.0

        def on_step(what: str, done: int, total: int) -> None:
            nonlocal told_s
            cancel.raise_if_cancelled()
            if time.monotonic() - told_s > _STEPS_APART_S:
                told_s = time.monotonic()
                self._stepped.emit(what, done, total)

        return on_step

    @Slot(str, int, int)
    def _on_step(self, what: str, done: int, total: int) -> None:
        if self._dialog is not None:
            self._dialog.show_step(what, done, total)

    # Forgetting

    @Slot(object)
    def forget_folder(self, status: RootStatus) -> None:
        """Ask whether every trace of a watched folder shall go."""
        self._ask(root_path(status))

    @Slot()
    def forget_some_folder(self) -> None:
        """Ask which folder shall be forgotten, watched or not, there or gone."""
        self._ask(None)

    @Slot(Hit)
    def forget_file(self, hit: Hit) -> None:
        """Ask whether every trace of a found file shall go."""
        self._ask(Path(os.fsdecode(hit.path)), folder=False)

    def _ask(self, path: Path | None, *, folder: bool = True) -> None:
        from desktop.views.dialogs.forget import ForgetDialog

        dialog = self._question = ForgetDialog(path, folder=folder, parent=self._window)
        dialog.asked.connect(partial(self._look_up, dialog))
        dialog.accepted.connect(self._forget)
        dialog.finished.connect(partial(self._on_question_closed, dialog))
        dialog.open()
        dialog.begin()

    def _on_question_closed(self, dialog: ForgetDialog, _: int) -> None:
        if self._question is dialog:
            self._question = None
        dialog.deleteLater()

    def _look_up(self, dialog: ForgetDialog, path: Path) -> None:
        self._operations.run(
            lambda: self._engine.care.remembered(path),
            partial(self._on_looked_up, dialog, path),
            lambda error: dialog.show_trouble(path, str(error)) if self._question is dialog else None,
        )

    def _on_looked_up(self, dialog: ForgetDialog, path: Path, about: Remembered) -> None:
        if self._question is dialog:
            self._held = path, about
            dialog.show_held(path, wording.to_forget_lines(path, about))

    @Slot()
    def _forget(self) -> None:
        if self._held is None:
            return
        path, about = self._held
        self.said.emit(self.tr("Forgetting %1").replace("%1", printable(path)), None)
        work = partial(self._engine.forget, path)
        self._operations.run(work, partial(self._on_forgotten, path, about), self.failed.emit)

    def _on_forgotten(self, path: Path, about: Remembered, done: bool) -> None:
        self._services.library.refresh_now()
        self.forgotten.emit(path)
        if done:
            line = wording.forgotten_line(path, about)
            self.said.emit(line[:1].upper() + line[1:], None)
        else:
            text = self.tr("%1 is forgotten as soon as the indexing process comes to it")
            self.said.emit(text.replace("%1", printable(path)), None)
