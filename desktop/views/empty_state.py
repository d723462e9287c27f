"""What the middle shows when there are no results: where to start, and what to try."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from core.display import display_path
from core.types import Progress, SearchResult, Status
from desktop import theme, wording
from desktop.views.search_bar import Ask, dates_text
from desktop.views.widgets import button, label, picture_label

_COLUMN_PX = 520


@dataclass(frozen=True)
class Choice:
    """A button; ``name`` is what the window is told when it is pressed."""

    name: str
    text: str
    primary: bool = False
    icon: str | None = None


@dataclass(frozen=True)
class EmptyState:
    """One state in words."""

    icon: str
    title: str
    lines: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    hints: tuple[tuple[str, str], ...] = ()  # icon and words


def _tr(text: str) -> str:
    return QCoreApplication.translate("EmptyState", text)


def first_run(*, demo_offered: bool) -> EmptyState:
    """No folder is watched yet."""
    choices = [Choice("add-folder", _tr("Add folder"), primary=True, icon="folder-plus")]
    if demo_offered:
        choices.append(Choice("demo", _tr("Try the demo library"), icon="compass"))
    return EmptyState(
        "findling",
        _tr("Find your own things by what is in them"),
        (
            _tr(
                "Add a folder with photos, documents, recordings or videos. "
                "Nothing in it is changed, and nothing leaves this computer."
            ),
        ),
        tuple(choices),
    )


def start(status: Status | None, progress: Progress | None) -> EmptyState:
    """Folders are there, nothing is asked."""
    hints = (
        ("image", _tr("What a photo shows: boat at sunset")),
        ("file-text", _tr("What a document says: the lease from March")),
        ("microphone", _tr("What somebody said: call me about the keys")),
        ("sparkle", _tr("Drop a file, or paste a picture, for similar ones")),
    )
    lines: tuple[str, ...] = ()
    if status is not None and (status.pending or (progress is not None and progress.stage is not None)):
        lines = (_tr("Names and dates can be searched already; what is in the files follows."),)
    elif status is not None and status.files:
        lines = (_tr("%1 files are ready.").replace("%1", wording.number(status.files)),)
    elif status is not None:
        lines = (_tr("There are no files in these folders yet."),)
    return EmptyState("magnifying-glass", _tr("Type what you remember"), lines, hints=hints)


def searching() -> EmptyState:
    """An answer takes its time and nothing older is there to look at."""
    return EmptyState(
        "magnifying-glass",
        _tr("Searching"),
        (_tr("The first search takes a little longer: the models are being loaded."),),
    )


def failed() -> EmptyState:
    """The search could not be carried out; the bar above says why."""
    return EmptyState("warning-circle", _tr("This search could not be carried out"))


def nothing(ask: Ask, result: SearchResult, status: Status | None) -> EmptyState:
    """The search has no answer."""
    choices: list[Choice] = []
    lines: list[str] = []
    if ask.filtered:
        choices.append(Choice("widen", _tr("Search everything"), primary=True))
        lines.append(_tr("The search is narrowed to %1.").replace("%1", _narrowed(ask)))
    if result.hidden:
        text = _tr("Show %1 possible matches").replace("%1", wording.number(result.hidden))
        choices.append(Choice("possible", text, primary=not choices))
    if status is not None and status.pending:
        lines.append(
            _tr("%1 files are still being read; the results update by themselves.").replace(
                "%1", wording.number(status.pending)
            )
        )
    if status is not None and any(status.waiting.values()):
        lines.append(_tr("Some files wait for a model."))
        choices.append(Choice("models", _tr("Get model")))
    if not lines:
        lines.append(_tr("Try other words, fewer words, or an example file."))
    return EmptyState("magnifying-glass-minus", _tr("Nothing here matches"), tuple(lines), tuple(choices))


def _narrowed(ask: Ask) -> str:
    parts = [wording.kind(ask.kind)] if ask.kind is not None else []
    if ask.folder is not None:
        parts.append(wording.folder_name(display_path(ask.folder)))
    if ask.after is not None or ask.before is not None:
        parts.append(dates_text(ask.after, ask.before))
    return ", ".join(parts)


class EmptyStateView(QFrame):
    """Paints one state; ``chosen`` is called with the name of a pressed choice."""

    def __init__(self, chosen: Callable[[str], object], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("center")
        self._chosen = chosen
        self._state: EmptyState | None = None
        self._outer = QVBoxLayout(self)
        self._outer.setContentsMargins(24, 24, 24, 24)
        self._column: QWidget | None = None

    @property
    def state(self) -> EmptyState | None:
        return self._state

    def show_state(self, state: EmptyState) -> None:
        """Show ``state``; the same one again changes nothing, so that the focus stays where it is."""
        if state == self._state:
            return
        self._state = state
        if self._column is not None:
            self._outer.removeWidget(self._column)
            self._column.deleteLater()
        self._column = self._build(state)
        self._outer.addWidget(self._column, 0, Qt.AlignmentFlag.AlignCenter)

    def refresh_icons(self) -> None:
        """Draw the pictures again, after a change of colours."""
        state, self._state = self._state, None
        if state is not None:
            self.show_state(state)

    def _build(self, state: EmptyState) -> QWidget:
        column = QWidget()
        column.setMaximumWidth(_COLUMN_PX)
        rows = QVBoxLayout(column)
        rows.setSpacing(12)
        rows.addWidget(_picture(state.icon), 0, Qt.AlignmentFlag.AlignHCenter)
        title = label(state.title, "title", wrap=True)
        title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        title.setMinimumWidth(_COLUMN_PX - 40)
        rows.addWidget(title)
        for text in state.lines:
            line = label(text, wrap=True)
            line.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            rows.addWidget(line)
        if state.choices:
            rows.addSpacing(8)
            rows.addLayout(self._buttons(state.choices))
        if state.hints:
            rows.addSpacing(8)
            rows.addWidget(_hints(state.hints), 0, Qt.AlignmentFlag.AlignHCenter)
        return column

    def _buttons(self, choices: Sequence[Choice]) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        for choice in choices:
            role = "primary" if choice.primary else None
            row.addWidget(button(choice.text, partial(self._chosen, choice.name), role=role, icon=choice.icon))
        row.addStretch(1)
        return row


def _picture(name: str) -> QLabel:
    if name == "findling":
        return picture_label(theme.application_icon().pixmap(88, 88))
    return picture_label(theme.icon(name, "meta").pixmap(48, 48))


def _hints(hints: Sequence[tuple[str, str]]) -> QFrame:
    card = QFrame()
    card.setObjectName("card")
    rows = QVBoxLayout(card)
    rows.setContentsMargins(16, 12, 16, 12)
    rows.setSpacing(8)
    for icon, text in hints:
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(picture_label(theme.icon(icon, "accent").pixmap(theme.ICON_PX, theme.ICON_PX)))
        row.addWidget(label(text), 1)
        rows.addLayout(row)
    return card
