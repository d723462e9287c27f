"""Search results as rows: sections by strength, in them groups by kind, in them the hits."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from PySide6.QtCore import QAbstractListModel, QMimeData, QModelIndex, QObject, QPersistentModelIndex, Qt

from core.types import Hit, Kind, Query, SearchResult, SegmentKind
from desktop import wording
from desktop.places import url_of

_Index = QModelIndex | QPersistentModelIndex


class Shape(StrEnum):
    """How a row is laid out and painted."""

    SECTION = "section"  # "Strong · 12"
    GROUP = "group"  # "Speech"
    TILE = "tile"  # a photo or a video, in the justified grid
    ROW = "row"  # a passage, a span of speech, a file found by its name
    ACTION = "action"  # "Show 214 possible matches"


class Role(IntEnum):
    """What ``data`` answers beside Qt's own roles."""

    RESULT_ROW = Qt.ItemDataRole.UserRole + 1  # the ResultRow itself
    HIT = Qt.ItemDataRole.UserRole + 2


@dataclass(frozen=True)
class ResultRow:
    """One row. ``hit`` is set for tiles and rows."""

    shape: Shape
    text: str
    hit: Hit | None = None

    @property
    def aspect(self) -> float:
        """Width over height of the picture; 4:3 where it is not known."""
        if self.hit is not None and self.hit.width and self.hit.height:
            return self.hit.width / self.hit.height
        return 4 / 3


def group_of(hit: Hit) -> Kind:
    """The group a hit is shown in: a video found by what is said in it belongs to the speech."""
    if hit.best.segment is SegmentKind.SPEECH:
        return Kind.AUDIO
    return hit.kind


def _shape_of(hit: Hit) -> Shape:
    return Shape.TILE if group_of(hit) in (Kind.PHOTO, Kind.VIDEO) else Shape.ROW


class ResultModel(QAbstractListModel):
    """The rows of the newest result. ``show_result`` replaces them in one reset."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[ResultRow] = []
        self._result: SearchResult | None = None

    @property
    def rows(self) -> Sequence[ResultRow]:
        return self._rows

    @property
    def result(self) -> SearchResult | None:
        return self._result

    def show_result(self, result: SearchResult | None) -> None:
        """Show ``result``; ``None`` clears. An answer that equals the one shown changes nothing on screen."""
        if result is not None and self._result is not None and _same_rows(result, self._result):
            self._result = result
            return
        self.beginResetModel()
        self._result = result
        self._rows = self._build(result) if result is not None else []
        self.endResetModel()

    def row_of_file(self, file_id: int) -> int | None:
        """The row that shows a file."""
        for row, item in enumerate(self._rows):
            if item.hit is not None and item.hit.file_id == file_id:
                return row
        return None

    def _build(self, result: SearchResult) -> list[ResultRow]:
        sections = (
            (self.tr("Strong"), [hit for hit in result.hits if not hit.gated]),
            (self.tr("Possible"), [hit for hit in result.hits if hit.gated]),
        )
        rows: list[ResultRow] = []
        for title, hits in sections:
            if hits:
                rows.append(ResultRow(Shape.SECTION, f"{title} · {wording.number(len(hits))}"))
                rows.extend(self._grouped(hits))
        if result.hidden and rows:
            text = self.tr("Show %1 possible matches").replace("%1", wording.number(result.hidden))
            rows.append(ResultRow(Shape.ACTION, text))
        return rows

    def _grouped(self, hits: Sequence[Hit]) -> list[ResultRow]:
        """Groups in the order of their best hit, hits in their own order."""
        groups: dict[Kind, list[Hit]] = {}
        for hit in hits:
            groups.setdefault(group_of(hit), []).append(hit)
        rows: list[ResultRow] = []
        for kind, members in groups.items():
            rows.append(ResultRow(Shape.GROUP, wording.kind(kind)))
            rows.extend(ResultRow(_shape_of(hit), hit.name, hit) for hit in members)
        return rows

    # What Qt asks for

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == Role.RESULT_ROW:
            return row
        if role == Role.HIT:
            return row.hit
        if role == Qt.ItemDataRole.DisplayRole:
            return row.text
        if row.hit is None:
            return None
        query = self._result.query if self._result is not None else Query()
        if role == Qt.ItemDataRole.ToolTipRole:
            # A tool tip guesses whether its text is markup; said openly and escaped, a file's name cannot be.
            lines = (wording.home_relative(row.hit.display_path), wording.why(row.hit.best, query.text))
            return "<qt>" + "<br>".join(html.escape(line) for line in lines if line) + "</qt>"
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            return wording.described(row.hit, query.text)
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        row = self._rows[index.row()]
        if row.hit is not None:
            flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
            return flags if row.hit.offline else flags | Qt.ItemFlag.ItemIsDragEnabled
        return Qt.ItemFlag.ItemIsEnabled if row.shape is Shape.ACTION else Qt.ItemFlag.NoItemFlags

    def mimeTypes(self) -> list[str]:
        return ["text/uri-list"]

    def mimeData(self, indexes: Sequence[_Index]) -> QMimeData:
        """The files themselves, as a file manager would hand them out."""
        hits = [self._rows[index.row()].hit for index in indexes]
        mime = QMimeData()
        mime.setUrls([url_of(hit.path) for hit in hits if hit is not None])
        return mime


def _same_rows(one: SearchResult, other: SearchResult) -> bool:
    return one.hits == other.hits and one.hidden == other.hidden and one.query.text == other.query.text
