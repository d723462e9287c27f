"""The window: one field, one list; everything else waits at the edge."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QFileDialog, QMainWindow, QSplitter, QVBoxLayout, QWidget

from core.errors import FindlingError
from core.types import Kind, Progress, RootStatus
from desktop import places, theme
from desktop.actions import Act
from desktop.item_models.folder_model import FolderModel
from desktop.item_models.result_model import ResultModel
from desktop.views.action_set import ActionSet
from desktop.views.care_controller import CareController
from desktop.views.center import Center
from desktop.views.center_controller import CenterController
from desktop.views.drop_overlay import DropOverlay
from desktop.views.example_input import ExampleInput
from desktop.views.exclude_controller import ExcludeController
from desktop.views.library_controller import LibraryController
from desktop.views.notices import Toast
from desktop.views.preview.pane import WIDTH_PX as PREVIEW_PX
from desktop.views.preview.pane import PreviewPane
from desktop.views.preview.placement import PreviewPlacement
from desktop.views.result_actions import ResultActions
from desktop.views.search_bar import SearchBar
from desktop.views.search_controller import SearchController
from desktop.views.sheet_controller import SheetController
from desktop.views.sidebar import WIDTH_PX as SIDEBAR_PX
from desktop.views.sidebar import Sidebar, root_path
from desktop.views.speed_controller import SpeedController
from desktop.views.status_line import StatusLine
from desktop.window_settings import KeptFiles, open_settings
from desktop.workers.library import Snapshot
from desktop.workers.services import Services

_KIND_ACTS = {
    Act.SHOW_ALL: None,
    Act.PHOTOS: Kind.PHOTO,
    Act.DOCUMENTS: Kind.DOCUMENT,
    Act.SPEECH: Kind.AUDIO,
    Act.VIDEOS: Kind.VIDEO,
}
_MENU_GROUPS = (
    (Act.ADD_FOLDER, Act.MODELS, Act.FAILURES, Act.PAUSE, Act.DEMO),
    (Act.EXAMPLE, Act.PASTE, Act.DATES),
    (Act.EXCLUDES, Act.FORGET_FOLDER, Act.CHECK, Act.REPORT),
    (Act.SIDEBAR, Act.SHORTCUTS, Act.ABOUT, Act.QUIT),
)


class MainWindow(QMainWindow):
    """Assembles the views and connects them to the workers; the search and the library have their own controllers."""

    demo_requested = Signal()
    painted = Signal()  # once: there is something to see

    def __init__(self, services: Services, *, demo: bool = False) -> None:
        super().__init__()
        self._services = services
        self._progress: Progress | None = None
        self._was_painted = False
        self.setWindowTitle(self.tr("Findling · Demo library") if demo else "Findling")
        self.setWindowIcon(theme.application_icon())
        self.setMinimumSize(760, 520)
        self.resize(1280, 800)
        self.setAcceptDrops(True)

        folders = services.engine.settings.folders
        self._settings = open_settings(folders)
        self.result_model = ResultModel(self)
        self.folder_model = FolderModel(self)
        self.bar = SearchBar()
        self.center = Center(self.result_model, services.thumbnails, self._on_choice, KeptFiles(self._settings))
        self.results = self.center.results
        self.empty = self.center.empty
        self.notice = self.center.notice
        self.error_bar = self.center.error_bar
        self.sidebar = Sidebar(self.folder_model)
        self.preview = PreviewPane(services.thumbnails)
        self.status_line = StatusLine(demo=demo)
        self._assemble()
        self.toast = Toast(self._whole)
        self.search = SearchController(self.bar, services.search, self.result_model, self)
        self.placement = PreviewPlacement(self.preview, self.center, self.search, self)
        self.library = LibraryController(services.engine, services.operations, services.library, self)
        self.excludes = ExcludeController(services.engine, services.operations, services.library, self)
        self.care = CareController(services, self.center.opening, self)
        self.middle = CenterController(
            self.center,
            self.search,
            self.result_model,
            services.library,
            self.placement,
            self.library.show_models,
            demo=demo,
            parent=self,
        )
        self.input = ExampleInput(folders.spool, services.operations, self)
        self.overlay = DropOverlay(self._whole, self.input)
        self.on_result = ResultActions(self.results, self.bar, services.operations, self)
        self.speed = SpeedController(services.engine, services.operations, services.library, self)
        self.sheets = SheetController(services.engine, services.operations, self.bar, self)
        self.acts = self._make_actions()
        self.acts[Act.DEMO].setVisible(not demo)
        self._make_menus()
        self._connect()
        self._restore_geometry()
        self.middle.show_start()
        self.bar.field.setFocus()

    def _make_menus(self) -> None:
        speed = self.speed.menu(self.acts, self.tr("Indexing speed"), self)
        self.status_line.set_speed_menu(speed)
        menu = self.acts.menu(self, *_MENU_GROUPS)
        menu.insertMenu(self.acts[Act.DEMO], speed)
        self.bar.menu_button.setMenu(menu)

    def _assemble(self) -> None:
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setHandleWidth(1)
        self._splitter.setChildrenCollapsible(False)
        for part in (self.sidebar, self.center, self.preview):
            self._splitter.addWidget(part)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.setSizes([SIDEBAR_PX, 1280 - SIDEBAR_PX - PREVIEW_PX, PREVIEW_PX])
        self._whole = QWidget()
        rows = QVBoxLayout(self._whole)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.bar)
        rows.addWidget(self._splitter, 1)
        rows.addWidget(self.status_line)
        self.setCentralWidget(self._whole)
        self.results.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def _connect(self) -> None:
        services = self._services
        self.bar.asked.connect(self._on_asked)
        self.bar.example_requested.connect(self.acts[Act.EXAMPLE].trigger)
        self.bar.dates_requested.connect(self.acts[Act.DATES].trigger)
        self.bar.pasted.connect(self.input.take)
        self.bar.stepped_down.connect(self._go_to_results)
        self.bar.field.line.returnPressed.connect(self._on_return)
        self.input.examples.connect(self.bar.add_examples)
        self.input.folders.connect(self.library.add_folders)
        self.results.opened.connect(self.on_result.open)
        self.results.current_hit_changed.connect(self.placement.show_current)
        self.results.action_triggered.connect(self._show_possible)
        self.results.preview_requested.connect(self.placement.toggle)
        self.results.customContextMenuRequested.connect(lambda at: self.on_result.show_menu(self.acts, at))
        self.on_result.said.connect(self.toast.say)
        self.sheets.said.connect(self.toast.say)
        self.preview.open_requested.connect(self.on_result.open)
        self.preview.reveal_requested.connect(self.on_result.reveal)
        self.preview.similar_requested.connect(self.on_result.find_similar)
        self.preview.close_requested.connect(self.placement.toggle)
        self.sidebar.kind_chosen.connect(self._choose_kind)
        self.sidebar.add_requested.connect(self.library.choose_folder)
        self.sidebar.folders.chosen.connect(self._choose_folder)
        self.sidebar.folders.remove_requested.connect(self.library.remove_folder)
        self.sidebar.folders.exclude_requested.connect(self.excludes.show_of_folder)
        self.sidebar.folders.forget_requested.connect(self.care.forget_folder)
        self.sidebar.folders.reveal_requested.connect(lambda status: places.open_folder(status.root.path))
        self.center.removals.agreed.connect(self.library.allow_removals)
        for controller in (self.library, self.excludes, self.care):
            controller.said.connect(self.toast.say)
            controller.failed.connect(self.middle.show_error)
        self.care.forgotten.connect(self._on_folder_removed)
        self.library.removed.connect(self._on_folder_removed)
        self.status_line.pause_toggled.connect(self._toggle_indexing)
        self.status_line.anyway_requested.connect(self.speed.index_anyway)
        self.status_line.models_requested.connect(self.library.show_models)
        self.status_line.failures_requested.connect(self.library.show_failures)
        services.operations.failed.connect(self.middle.show_error)
        services.library.changed.connect(self._on_snapshot)
        services.index.progressed.connect(self._on_progress)
        services.index.changed.connect(services.library.refresh)
        services.index.changed.connect(services.thumbnails.forget_missing)
        services.index.changed.connect(self.search.refresh)
        services.index.busy.connect(lambda error: self.status_line.show_busy_elsewhere(error.message))
        services.index.failed.connect(self._on_index_failed)
        services.index.running_changed.connect(self.status_line.show_running)

    # Actions

    def _make_actions(self) -> ActionSet:
        act = self.on_result
        handlers: dict[Act, Callable[[], object]] = {
            Act.FIND: self._go_to_field,
            Act.EXAMPLE: self._choose_example,
            Act.PASTE: lambda: self.input.take(QGuiApplication.clipboard().mimeData()),
            Act.CLEAR: self._clear,
            Act.OPEN: act.with_current(act.open),
            Act.REVEAL: act.with_current(act.reveal),
            Act.SIMILAR: act.with_current(act.find_similar),
            Act.COPY_PATH: act.copy_paths,
            Act.PREVIEW: self.placement.toggle,
            Act.DATES: self.sheets.choose_dates,
            Act.HIDDEN: self._show_possible,
            Act.ADD_FOLDER: self.library.choose_folder,
            Act.FORGET_FILE: act.with_current(self.care.forget_file),
            Act.FORGET_FOLDER: self.care.forget_some_folder,
            Act.EXCLUDES: self.excludes.show_of_all,
            Act.CHECK: self.care.show_check,
            Act.REMOVE_FOLDER: self._remove_current_folder,
            Act.PAUSE: self._toggle_indexing,
            Act.FAILURES: self.library.show_failures,
            Act.MODELS: self.library.show_models,
            Act.DEMO: self.demo_requested.emit,
            Act.SIDEBAR: lambda: self.sidebar.setVisible(not self.sidebar.isVisible()),
            Act.SHORTCUTS: self.sheets.show_shortcuts,
            Act.REPORT: self.sheets.show_report,
            Act.ABOUT: self.sheets.show_about,
            Act.QUIT: self.close,
        }
        handlers |= self.speed.handlers()
        for kind_act, kind in _KIND_ACTS.items():
            handlers[kind_act] = partial(self._choose_kind, kind)
        return ActionSet(self, handlers)

    def _go_to_field(self) -> None:
        self.bar.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.bar.field.line.selectAll()

    def _clear(self) -> None:
        self.bar.clear()
        self.bar.field.setFocus()

    @Slot()
    def _go_to_results(self) -> None:
        if self.result_model.rowCount():
            self.results.setFocus()
            if self.results.current_hit() is None:
                self.results.select_first()

    @Slot()
    def _on_return(self) -> None:
        self.search.flush()
        if self.search.settled:
            self._go_to_results()

    def _choose_example(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, self.tr("Search by a file"))
        if name:
            self.bar.add_examples((Path(name),))

    @Slot(object)
    def _choose_kind(self, kind: Kind | None) -> None:
        self.bar.set_ask(replace(self.bar.ask, kind=kind))

    @Slot(object)
    def _choose_folder(self, status: RootStatus | None) -> None:
        self.bar.set_ask(replace(self.bar.ask, folder=root_path(status) if status is not None else None))

    def _remove_current_folder(self) -> None:
        status = self.sidebar.folders.current_status()
        if status is not None:
            self.library.remove_folder(status)

    @Slot(Path)
    def _on_folder_removed(self, folder: Path) -> None:
        chosen = self.bar.ask.folder
        if chosen is not None and chosen.is_relative_to(folder):
            self.bar.set_ask(replace(self.bar.ask, folder=None))
        self.search.refresh()

    @Slot()
    def _show_possible(self) -> None:
        self.bar.set_ask(replace(self.bar.ask, possible=True))

    @Slot()
    def _toggle_indexing(self) -> None:
        index = self._services.index
        if index.running:
            index.pause()
        else:
            index.start()

    def _on_choice(self, name: str) -> None:
        """A button of an empty state."""
        {
            "add-folder": self.library.choose_folder,
            "demo": self.demo_requested.emit,
            "widen": lambda: self.bar.set_ask(self.bar.ask.without_filters()),
            "possible": self._show_possible,
            "models": self.library.show_models,
        }[name]()

    # What the workers tell

    @Slot()
    def _on_asked(self) -> None:
        ask = self.bar.ask
        self.sidebar.show_kind(ask.kind)
        self.sidebar.folders.show_chosen(os.fsencode(ask.folder) if ask.folder is not None else None)
        self.error_bar.hide()

    @Slot(Snapshot)
    def _on_snapshot(self, snapshot: Snapshot) -> None:
        self.folder_model.show_roots(snapshot.roots)
        self.center.removals.show_roots(snapshot.roots)
        self.status_line.show_status(snapshot.status)

    @Slot(Progress)
    def _on_progress(self, progress: Progress) -> None:
        self._progress = progress
        self.middle.follow(progress)
        self.status_line.show_progress(progress)
        self._services.library.refresh()

    @Slot(FindlingError)
    def _on_index_failed(self, error: FindlingError) -> None:
        self.error_bar.show_line(f"{error.title}: {error}", self.tr("Try again"), self._toggle_indexing)

    # Drag and drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self.overlay.on_enter(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.overlay.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self.overlay.on_drop(event)
        self.activateWindow()

    # The window itself

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.placement.on_width(self.width())

    def refresh_theme(self) -> None:
        """Draw again what is kept as a picture, after a change of colours."""
        self.bar.field.refresh_icon()
        self.empty.refresh_icons()

    def _restore_geometry(self) -> None:
        geometry = self._settings.value("geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._was_painted:
            self._was_painted = True
            QTimer.singleShot(0, self.painted.emit)  # after what the other widgets paint

    def closeEvent(self, event: QCloseEvent) -> None:
        self._settings.setValue("geometry", self.saveGeometry())
        self.preview.release()
        self.library.close()
        self.care.close()
        self.input.forget_pasted()
        super().closeEvent(event)
