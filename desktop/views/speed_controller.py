"""What a person settles about indexing in the background: its share of the processor, and when it pauses."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QMenu, QWidget

from core.types import CpuShare
from desktop import theme
from desktop.actions import Act
from desktop.views.action_set import ActionSet
from desktop.workers.library import Library, Snapshot
from desktop.workers.operations import Operations

if TYPE_CHECKING:
    from core.engine import Engine

_SHARES = {Act.QUIET: CpuShare.QUIET, Act.BALANCED: CpuShare.BALANCED, Act.FULL: CpuShare.FULL}
_PAUSES = {Act.ON_BATTERY: "pause_on_battery", Act.WHEN_BUSY: "pause_when_busy"}


class SpeedController(QObject):
    """Carries choices to the engine, and shows which ones hold: also those made in the settings file."""

    def __init__(self, engine: Engine, operations: Operations, library: Library, window: QWidget) -> None:
        super().__init__(window)
        self._engine = engine
        self._operations = operations
        self._library = library
        self._acts: ActionSet | None = None
        library.changed.connect(self._on_snapshot)

    def handlers(self) -> dict[Act, partial[None]]:
        """What each action does."""
        shares = {act: partial(self._choose_share, share) for act, share in _SHARES.items()}
        pauses = {act: partial(self._toggle_pause, act) for act in _PAUSES}
        return {**shares, **pauses, Act.INDEX_ANYWAY: partial(self.index_anyway)}

    def menu(self, acts: ActionSet, title: str, window: QWidget) -> QMenu:
        """The menu of the choices; one for all the places that show it."""
        self._acts = acts
        acts.make_choice(*_SHARES)
        for act in _PAUSES:
            acts.make_choice(act)
        menu = acts.menu(window, tuple(_SHARES), tuple(_PAUSES))
        menu.setTitle(title)
        menu.setIcon(theme.icon("gauge"))
        return menu

    @Slot()
    def index_anyway(self) -> None:
        """Go on although the computer runs on battery or is busy."""
        self._operations.run(self._engine.index_anyway)

    def _choose_share(self, share: CpuShare) -> None:
        self._change(partial(self._engine.choose_pace, cpu_share=share))

    def _toggle_pause(self, act: Act) -> None:
        if self._acts is not None:
            wanted = self._acts[act].isChecked()
            self._change(partial(self._engine.choose_pace, **{_PAUSES[act]: wanted}))

    def _change(self, change: partial[None]) -> None:
        # Shown again however it ends: where the settings cannot be written, the tick goes back.
        self._operations.run(change, lambda _: self._library.refresh_now(), self._on_trouble)

    def _on_trouble(self, error: object) -> None:
        self._library.refresh_now()
        self._operations.failed.emit(error)

    @Slot(Snapshot)
    def _on_snapshot(self, snapshot: Snapshot) -> None:
        if self._acts is None:
            return
        for act, share in _SHARES.items():
            self._acts[act].setChecked(snapshot.settings.cpu_share is share)
        self._acts[Act.ON_BATTERY].setChecked(snapshot.settings.pause_on_battery)
        self._acts[Act.WHEN_BUSY].setChecked(snapshot.settings.pause_when_busy)
