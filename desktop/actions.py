"""Every action of the window with its keys: the menus, the shortcuts and the sheet all read from here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

if TYPE_CHECKING:
    # PySide's stub gives it back as ``object``; it is the text it was given.
    def QT_TRANSLATE_NOOP(context: str, text: str) -> str: ...
else:
    from PySide6.QtCore import QT_TRANSLATE_NOOP


class Act(StrEnum):
    """The actions by name."""

    FIND = "find"
    EXAMPLE = "example"
    PASTE = "paste"
    CLEAR = "clear"
    OPEN = "open"
    REVEAL = "reveal"
    SIMILAR = "similar"
    COPY_PATH = "copy-path"
    PREVIEW = "preview"
    FORGET_FILE = "forget-file"
    SHOW_ALL = "show-all"
    PHOTOS = "photos"
    DOCUMENTS = "documents"
    SPEECH = "speech"
    VIDEOS = "videos"
    DATES = "dates"
    HIDDEN = "hidden"
    ADD_FOLDER = "add-folder"
    REMOVE_FOLDER = "remove-folder"
    FORGET_FOLDER = "forget-folder"
    EXCLUDES = "excludes"
    PAUSE = "pause"
    INDEX_ANYWAY = "index-anyway"
    QUIET = "quiet"
    BALANCED = "balanced"
    FULL = "full"
    ON_BATTERY = "on-battery"
    WHEN_BUSY = "when-busy"
    FAILURES = "failures"
    MODELS = "models"
    CHECK = "check"
    DEMO = "demo"
    SIDEBAR = "sidebar"
    SHORTCUTS = "shortcuts"
    REPORT = "report"
    ABOUT = "about"
    QUIT = "quit"


@dataclass(frozen=True)
class ActionSpec:
    """One action: its words, its keys in Qt's portable form, its icon, its group in the sheet."""

    act: Act
    text: str
    keys: tuple[str, ...]
    icon: str
    group: str

    @property
    def label(self) -> str:
        return QCoreApplication.translate("Actions", self.text)

    @property
    def group_label(self) -> str:
        return QCoreApplication.translate("Actions", self.group)


_SEARCH = QT_TRANSLATE_NOOP("Actions", "Search")
_RESULTS = QT_TRANSLATE_NOOP("Actions", "Results")
_FILTERS = QT_TRANSLATE_NOOP("Actions", "Filters")
_LIBRARY = QT_TRANSLATE_NOOP("Actions", "Library")
_SPEED = QT_TRANSLATE_NOOP("Actions", "Indexing speed")
_WINDOW = QT_TRANSLATE_NOOP("Actions", "Window")

SPECS: tuple[ActionSpec, ...] = (
    ActionSpec(
        Act.FIND, QT_TRANSLATE_NOOP("Actions", "Go to the search field"), ("Ctrl+F", "/"), "magnifying-glass", _SEARCH
    ),
    ActionSpec(Act.EXAMPLE, QT_TRANSLATE_NOOP("Actions", "Search by a file"), ("Ctrl+O",), "image-square", _SEARCH),
    ActionSpec(
        Act.PASTE,
        QT_TRANSLATE_NOOP("Actions", "Search by the picture in the clipboard"),
        ("Ctrl+V",),
        "clipboard",
        _SEARCH,
    ),
    ActionSpec(Act.CLEAR, QT_TRANSLATE_NOOP("Actions", "Clear the search"), ("Esc",), "x", _SEARCH),
    ActionSpec(Act.OPEN, QT_TRANSLATE_NOOP("Actions", "Open"), ("Return",), "arrow-square-out", _RESULTS),
    ActionSpec(Act.REVEAL, QT_TRANSLATE_NOOP("Actions", "Show in folder"), ("Ctrl+Shift+R",), "folder-open", _RESULTS),
    ActionSpec(Act.SIMILAR, QT_TRANSLATE_NOOP("Actions", "Find similar"), ("Ctrl+L",), "sparkle", _RESULTS),
    ActionSpec(Act.COPY_PATH, QT_TRANSLATE_NOOP("Actions", "Copy path"), ("Ctrl+Shift+C",), "copy", _RESULTS),
    ActionSpec(Act.PREVIEW, QT_TRANSLATE_NOOP("Actions", "Preview"), ("Space",), "eye", _RESULTS),
    ActionSpec(Act.FORGET_FILE, QT_TRANSLATE_NOOP("Actions", "Forget this file…"), ("Ctrl+G",), "eraser", _RESULTS),
    ActionSpec(Act.SHOW_ALL, QT_TRANSLATE_NOOP("Actions", "All kinds"), ("Ctrl+1",), "squares-four", _FILTERS),
    ActionSpec(Act.PHOTOS, QT_TRANSLATE_NOOP("Actions", "Photos"), ("Ctrl+2",), "image", _FILTERS),
    ActionSpec(Act.DOCUMENTS, QT_TRANSLATE_NOOP("Actions", "Documents"), ("Ctrl+3",), "file-text", _FILTERS),
    ActionSpec(Act.SPEECH, QT_TRANSLATE_NOOP("Actions", "Speech"), ("Ctrl+4",), "microphone", _FILTERS),
    ActionSpec(Act.VIDEOS, QT_TRANSLATE_NOOP("Actions", "Videos"), ("Ctrl+5",), "film-strip", _FILTERS),
    ActionSpec(Act.DATES, QT_TRANSLATE_NOOP("Actions", "Choose dates"), ("Ctrl+D",), "calendar-blank", _FILTERS),
    ActionSpec(Act.HIDDEN, QT_TRANSLATE_NOOP("Actions", "Show possible matches"), ("Ctrl+E",), "eye-slash", _FILTERS),
    ActionSpec(Act.ADD_FOLDER, QT_TRANSLATE_NOOP("Actions", "Add folder"), ("Ctrl+Shift+A",), "folder-plus", _LIBRARY),
    ActionSpec(
        Act.REMOVE_FOLDER, QT_TRANSLATE_NOOP("Actions", "Remove folder"), ("Ctrl+Shift+Del",), "folder-minus", _LIBRARY
    ),
    ActionSpec(
        Act.FORGET_FOLDER, QT_TRANSLATE_NOOP("Actions", "Forget a folder…"), ("Ctrl+Shift+G",), "eraser", _LIBRARY
    ),
    ActionSpec(
        Act.EXCLUDES, QT_TRANSLATE_NOOP("Actions", "Excluded everywhere"), ("Ctrl+Shift+E",), "prohibit", _LIBRARY
    ),
    ActionSpec(Act.PAUSE, QT_TRANSLATE_NOOP("Actions", "Pause or resume indexing"), ("Ctrl+P",), "pause", _LIBRARY),
    ActionSpec(
        Act.FAILURES,
        QT_TRANSLATE_NOOP("Actions", "Files that could not be read"),
        ("Ctrl+Shift+F",),
        "warning",
        _LIBRARY,
    ),
    ActionSpec(Act.MODELS, QT_TRANSLATE_NOOP("Actions", "Models"), ("Ctrl+M",), "download-simple", _LIBRARY),
    ActionSpec(
        Act.CHECK, QT_TRANSLATE_NOOP("Actions", "Check the index"), ("Ctrl+Shift+K",), "first-aid-kit", _LIBRARY
    ),
    ActionSpec(Act.DEMO, QT_TRANSLATE_NOOP("Actions", "Try the demo library"), ("Ctrl+Shift+D",), "compass", _LIBRARY),
    ActionSpec(Act.QUIET, QT_TRANSLATE_NOOP("Actions", "Quiet: one core, with rests"), ("Alt+1",), "leaf", _SPEED),
    ActionSpec(Act.BALANCED, QT_TRANSLATE_NOOP("Actions", "Balanced: half of the cores"), ("Alt+2",), "scales", _SPEED),
    ActionSpec(Act.FULL, QT_TRANSLATE_NOOP("Actions", "Full: all cores"), ("Alt+3",), "gauge", _SPEED),
    ActionSpec(Act.ON_BATTERY, QT_TRANSLATE_NOOP("Actions", "Pause on battery"), ("Alt+4",), "battery-low", _SPEED),
    ActionSpec(
        Act.WHEN_BUSY,
        QT_TRANSLATE_NOOP("Actions", "Pause while the computer is busy"),
        ("Alt+5",),
        "cpu",
        _SPEED,
    ),
    ActionSpec(Act.INDEX_ANYWAY, QT_TRANSLATE_NOOP("Actions", "Index anyway"), ("Ctrl+Shift+P",), "play", _SPEED),
    ActionSpec(Act.SIDEBAR, QT_TRANSLATE_NOOP("Actions", "Show or hide the left column"), ("Ctrl+B",), "list", _WINDOW),
    ActionSpec(Act.SHORTCUTS, QT_TRANSLATE_NOOP("Actions", "Keyboard shortcuts"), ("?", "F1"), "keyboard", _WINDOW),
    ActionSpec(Act.REPORT, QT_TRANSLATE_NOOP("Actions", "Save a report for a bug"), ("Ctrl+Shift+B",), "bug", _WINDOW),
    ActionSpec(Act.ABOUT, QT_TRANSLATE_NOOP("Actions", "About Findling"), ("Ctrl+I",), "info", _WINDOW),
    ActionSpec(Act.QUIT, QT_TRANSLATE_NOOP("Actions", "Quit"), ("Ctrl+Q",), "x", _WINDOW),
)
