"""What a person wants passed over, in one folder or in all: the dialog, and the operations that it asks for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from core.errors import FindlingError
from core.types import RootStatus
from desktop import wording
from desktop.views.sidebar import root_path
from desktop.workers.library import Library
from desktop.workers.operations import OnSuccess, Operations

if TYPE_CHECKING:
    from core.engine import Engine
    from desktop.views.dialogs.excludes import ExcludesDialog


class ExcludeController(QObject):
    """Opens the list of patterns, one at a time, and lets what was written hold."""

    said = Signal(str, object)  # a line for the toast, and the way back or None
    failed = Signal(FindlingError)

    def __init__(self, engine: Engine, operations: Operations, library: Library, window: QWidget) -> None:
        super().__init__(window)
        self._engine = engine
        self._operations = operations
        self._library = library
        self._window = window
        self._dialog: ExcludesDialog | None = None

    @Slot(object)
    def show_of_folder(self, status: RootStatus) -> None:
        """Open the list of what is passed over in a folder."""
        self._show(root_path(status))

    @Slot()
    def show_of_all(self) -> None:
        """Open the list of what is passed over in every folder."""
        self._show(None)

    def _show(self, folder: Path | None) -> None:
        from desktop.views.dialogs.excludes import ExcludesDialog  # dialogs load when they are first opened

        dialog = self._dialog = ExcludesDialog(_name(folder), self._window)
        dialog.asked.connect(partial(self._count, dialog, folder))
        dialog.accepted.connect(lambda: self._change(folder, dialog.patterns()))
        dialog.finished.connect(partial(self._on_closed, dialog))
        self._run(lambda: self._engine.excludes().patterns(folder), self._answered(dialog, dialog.show_patterns))
        dialog.open()

    def _on_closed(self, dialog: ExcludesDialog, _: int) -> None:
        if self._dialog is dialog:
            self._dialog = None
        dialog.deleteLater()

    def _answered(self, dialog: ExcludesDialog, show: OnSuccess) -> OnSuccess:
        """``show``, as long as the dialog that asked is open."""
        return lambda answer: show(answer) if self._dialog is dialog else None

    def _count(self, dialog: ExcludesDialog, folder: Path | None, patterns: tuple[str, ...]) -> None:
        self._operations.run(
            lambda: self._engine.excludes().count(folder, patterns),
            self._answered(dialog, partial(dialog.show_count, patterns)),
            self._answered(dialog, lambda error: dialog.show_trouble(patterns, error.message)),
        )

    def _change(self, folder: Path | None, patterns: tuple[str, ...]) -> None:
        self._run(lambda: self._engine.excludes().change(folder, patterns), partial(self._on_changed, folder))

    def _on_changed(self, folder: Path | None, _: object) -> None:
        self._library.refresh_now()
        name = _name(folder)
        if name is None:
            text = self.tr("What is excluded is no longer found in any folder")
        else:
            text = self.tr("What is excluded in %1 is no longer found").replace("%1", name)
        self.said.emit(text, None)

    def _run(self, work: Callable[[], object], on_success: OnSuccess) -> None:
        self._operations.run(work, on_success, self.failed.emit)


def _name(folder: Path | None) -> str | None:
    return wording.folder_name(wording.printable(folder)) if folder is not None else None
