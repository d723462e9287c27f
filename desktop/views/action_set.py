"""The window's ``QAction`` objects, made from the one table of actions, and the menus built of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from desktop import theme
from desktop.actions import SPECS, Act

# Keys that belong to the list alone: as shortcuts of the window they would be taken from buttons and fields.
_LIST_ACTS = frozenset({Act.OPEN, Act.PREVIEW})


class ActionSet:
    """Every action of the window by its name."""

    def __init__(self, window: QWidget, handlers: Mapping[Act, Callable[[], object]]) -> None:
        self._actions: dict[Act, QAction] = {}
        for spec in SPECS:
            action = QAction(theme.icon(spec.icon), spec.label, window)
            action.setShortcuts([QKeySequence(keys) for keys in spec.keys])
            action.triggered.connect(lambda _checked=False, act=spec.act: handlers[act]())
            if spec.act in _LIST_ACTS:
                # Shown in menus; the list itself answers the keys.
                action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            else:
                window.addAction(action)
            self._actions[spec.act] = action

    def __getitem__(self, act: Act) -> QAction:
        return self._actions[act]

    def make_choice(self, *acts: Act) -> None:
        """Let the actions be ticked; of several, one at a time."""
        group = QActionGroup(self._actions[acts[0]].parent()) if len(acts) > 1 else None
        for act in acts:
            self._actions[act].setCheckable(True)
            self._actions[act].setIconVisibleInMenu(False)  # it would stand in the place of the tick
            if group is not None:
                group.addAction(self._actions[act])

    def menu(self, parent: QWidget, *groups: Sequence[Act]) -> QMenu:
        """A menu of groups of actions with lines between them."""
        menu = QMenu(parent)
        for number, group in enumerate(groups):
            if number:
                menu.addSeparator()
            menu.addActions([self._actions[act] for act in group])
        return menu
