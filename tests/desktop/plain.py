"""Looks at everything that is on the screen for text that Qt could take for markup, or for a key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html.parser import HTMLParser

from PySide6.QtCore import QAbstractTableModel, QModelIndex
from PySide6.QtGui import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QGroupBox,
    QLabel,
    QMenu,
    QMessageBox,
    QTabBar,
    QTextEdit,
    QWidget,
)

# What a person may have called a file, a folder or a model, or written in one.
PICTURE = '<img src="file:///etc/hostname">'
MARKUP = f"<b>R&D</b> &amp; {PICTURE}"
ODD = f"R&D {MARKUP.replace('/', ':')}\n\u202egpj.exe\u200f"

_OUR_TAGS = frozenset({"qt", "br", "p"})
_TIP_ROLES = (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.WhatsThisRole, Qt.ItemDataRole.StatusTipRole)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.strange = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.strange |= tag not in _OUR_TAGS or bool(attributes)


def is_plain(tip: str) -> bool:
    """Whether a tool tip shows what it says: no markup for Qt, or ours with everything else escaped."""
    if not Qt.mightBeRichText(tip):
        return True
    tags = _Tags()
    tags.feed(tip)
    return tip.startswith("<qt>") and not tags.strange


def faults(widgets: Iterable[QWidget]) -> list[str]:
    """Every place in these widgets, not in their children, where a name could be taken for markup; in words."""
    return [
        f"{type(widget).__name__} {widget.objectName()}: {fault}" for widget in widgets for fault in _faults(widget)
    ]


def _faults(widget: QWidget) -> Iterator[str]:
    if isinstance(widget, QLabel) and not _is_qts_own(widget):
        if widget.textFormat() is not Qt.TextFormat.PlainText:
            yield f"guesses whether its text is markup: {widget.text()!r}"
        if widget.buddy() is not None and _is_key(widget.text()):
            yield f"makes a key of a name: {widget.text()!r}"
    if isinstance(widget, QMessageBox) and widget.textFormat() is not Qt.TextFormat.PlainText:
        yield "guesses whether its text is markup"
    if isinstance(widget, QTextEdit):
        yield "shows rich text"
    for tip in (widget.toolTip(), widget.whatsThis(), widget.statusTip()):
        if not is_plain(tip):
            yield f"has a tool tip of markup: {tip!r}"
    if isinstance(widget, QAbstractItemView) and widget.model() is not None:
        yield from _faults_of_model(widget)
    keyed = [action.text() for action in widget.actions()]
    keyed += [widget.text()] if isinstance(widget, QAbstractButton) else []
    keyed += [widget.title()] if isinstance(widget, (QMenu, QGroupBox)) else []
    keyed += [widget.tabText(number) for number in range(widget.count())] if isinstance(widget, QTabBar) else []
    yield from (f"makes a key of a name: {text!r}" for text in keyed if _is_key(text))
    yield from (f"an action's tip: {one.toolTip()!r}" for one in widget.actions() if not is_plain(one.toolTip()))


def _faults_of_model(view: QAbstractItemView) -> Iterator[str]:
    model = view.model()
    for row in range(model.rowCount(QModelIndex())):
        columns = model.columnCount(QModelIndex()) if isinstance(model, QAbstractTableModel) else 1
        for column in range(columns):
            for role in _TIP_ROLES:
                tip = model.index(row, column).data(role)
                if isinstance(tip, str) and not is_plain(tip):
                    yield f"a row has a tool tip of markup: {tip!r}"


def _is_qts_own(label: QLabel) -> bool:
    """The window of tool tips, whose words are looked at where they are kept, and the icon of a message box."""
    return label.metaObject().className() == "QTipLabel" or label.objectName() == "qt_msgboxex_icon_label"


def _is_key(text: str) -> bool:
    return "R&D" in text  # doubled it would be R&&D
