"""What a person does to the library: folders, failures, models. Each action is an operation away from the window."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from core.cancel import CancelToken
from core.errors import FindlingError
from core.types import Filling, ModelInfo, RootStatus
from desktop import places, wording
from desktop.views.sidebar import root_path
from desktop.workers.library import Library, Snapshot
from desktop.workers.operations import OnSuccess, Operations

if TYPE_CHECKING:
    from core.engine import Engine
    from desktop.views.dialogs.failures import FailuresDialog
    from desktop.views.dialogs.models import ModelsDialog


class LibraryController(QObject):
    """Runs the operations and owns their dialogs."""

    said = Signal(str, object)  # a line for the toast, and the way back or None
    failed = Signal(FindlingError)
    removed = Signal(Path)
    _fetched_some = Signal(str, object, object)  # from the fetching thread: name, bytes, total bytes or None

    def __init__(self, engine: Engine, operations: Operations, library: Library, window: QWidget) -> None:
        super().__init__(window)
        self._engine = engine
        self._operations = operations
        self._library = library
        self._window = window
        self._fetches: dict[str, CancelToken] = {}
        self._models: ModelsDialog | None = None
        self._failures: FailuresDialog | None = None
        self._fetched_some.connect(self._on_fetched_some)
        library.changed.connect(self._on_snapshot)

    def close(self) -> None:
        """Stop what is being fetched."""
        for token in self._fetches.values():
            token.cancel()

    # Folders

    @Slot()
    def choose_folder(self) -> None:
        """Ask for a folder and add it."""
        folder = QFileDialog.getExistingDirectory(self._window, self.tr("Add folder"))
        if folder:
            self.add_folders([Path(folder)])

    def add_folders(self, folders: Sequence[Path]) -> None:
        """Watch folders from now on."""
        for folder in folders:
            done = partial(self._on_added, folder)
            self._run(partial(self._engine.add_root, folder), done)

    def remove_folder(self, status: RootStatus) -> None:
        """Let a folder go. What is known of it is kept for a while, so that adding it again costs nothing."""
        folder = Path(os.fsdecode(status.root.path))
        self._run(partial(self._engine.remove_root, folder), partial(self._on_removed, folder))

    @Slot(object)
    def allow_removals(self, status: RootStatus) -> None:
        """Take what a folder misses out of the index, on the person's yes."""
        done = partial(self._on_removals_allowed, status)
        self._run(partial(self._engine.allow_removals, root_path(status)), done)

    def _on_removals_allowed(self, status: RootStatus, _: object) -> None:
        self._library.refresh_now()
        text = self.tr("%1 files that are missing leave the index").replace("%1", wording.number(status.missing))
        self.said.emit(text, None)

    def _on_added(self, folder: Path, _: object) -> None:
        self._library.refresh_now()
        self.said.emit(self.tr("Added %1").replace("%1", wording.folder_name(wording.printable(folder))), None)

    def _on_removed(self, folder: Path, _: object) -> None:
        self._library.refresh_now()
        self.removed.emit(folder)
        text = self.tr("%1 was removed; its files are untouched").replace(
            "%1", wording.folder_name(wording.printable(folder))
        )
        self.said.emit(text, lambda: self.add_folders([folder]))

    # Failures

    @Slot()
    def show_failures(self) -> None:
        """Open the list of failures."""
        if self._failures is None:
            from desktop.views.dialogs.failures import FailuresDialog  # dialogs load when they are first opened

            self._failures = FailuresDialog(self._window)
            self._failures.retry_requested.connect(self._retry)
            self._failures.reveal_requested.connect(self._reveal)
        self._run(self._engine.failures, self._failures.show_failures)
        self._failures.show()
        self._failures.raise_()

    @Slot(object)
    def _retry(self, paths: Sequence[bytes] | None) -> None:
        self._run(lambda: self._engine.retry_failed(paths), self._on_retried)

    def _on_retried(self, _: int) -> None:
        self._library.refresh_now()
        if self._failures is not None:
            self._failures.accept()
        self.said.emit(self.tr("These files are tried again"), None)

    @Slot(bytes)
    def _reveal(self, path: bytes) -> None:
        places.show_in_folder(path)

    # Models

    @Slot()
    def show_models(self) -> None:
        """Open the list of models."""
        if self._models is None:
            from desktop.views.dialogs.models import ModelsDialog

            self._models = ModelsDialog(self._window)
            self._models.get_requested.connect(self._fetch)
            self._models.use_requested.connect(self._use)
            self._models.cancel_requested.connect(self._cancel_fetch)
            self._models.import_requested.connect(self._import)
        self._refresh_models()
        self._models.show()
        self._models.raise_()

    def _refresh_models(self) -> None:
        if self._models is not None:
            self._run(self._engine.models, self._models.show_models)

    @Slot(Snapshot)
    def _on_snapshot(self, snapshot: Snapshot) -> None:
        if self._models is not None and self._models.isVisible() and not self._fetches:
            self._models.show_fillings(snapshot.models)

    @Slot(str)
    def _fetch(self, name: str) -> None:
        if name in self._fetches:
            return
        token = self._fetches[name] = CancelToken()
        work = partial(self._engine.fetch_model, name, partial(self._fetched_some.emit, name), token)
        if self._models is not None:
            self._models.show_progress(name, 0, None)
        self._operations.run(work, self._on_model, partial(self._on_fetch_failed, name))

    @Slot(str)
    def _cancel_fetch(self, name: str) -> None:
        token = self._fetches.pop(name, None)
        if token is not None:
            token.cancel()
        if self._models is not None:
            self._models.show_stopped(name)

    @Slot(str, object, object)
    def _on_fetched_some(self, name: str, done_bytes: int, total_bytes: int | None) -> None:
        if self._models is not None and name in self._fetches:
            self._models.show_progress(name, done_bytes, total_bytes)

    def _on_model(self, info: ModelInfo) -> None:
        self._fetches.pop(info.name, None)
        self._library.refresh_now()
        self._refresh_models()
        self.said.emit(self.tr("%1 is ready; files that waited for it follow").replace("%1", info.title), None)

    def _on_fetch_failed(self, name: str, error: FindlingError) -> None:
        self._fetches.pop(name, None)
        if self._models is not None:
            self._models.show_stopped(name, str(error))

    @Slot(str)
    def _use(self, name: str) -> None:
        self._run(partial(self._engine.use_model, name), partial(self._on_used, name), self._on_model_trouble)

    def _on_used(self, name: str, filling: Filling | None) -> None:
        self._library.refresh_now()
        self._refresh_models()
        self.said.emit(wording.used(name, filling), None)

    @Slot(Path)
    def _import(self, folder: Path) -> None:
        self._run(partial(self._engine.import_model, folder), self._on_model, self._on_model_trouble)

    def _on_model_trouble(self, error: FindlingError) -> None:
        if self._models is not None:
            self._models.show_trouble(str(error))

    def _run(
        self,
        work: Callable[[], object],
        on_success: OnSuccess,
        on_failure: Callable[[FindlingError], None] | None = None,
    ) -> None:
        self._operations.run(work, on_success, on_failure or self.failed.emit)
