"""Paints results. Names and snippets are drawn as plain text; matched words are marked by ranges, never by markup."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QPainter,
    QPainterPath,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from core.types import Hit, Kind
from desktop import theme, wording
from desktop.item_models.result_model import ResultModel, ResultRow, Role, Shape, group_of
from desktop.views.marked_text import marked_layout
from desktop.views.result_layout import CAPTION_PX, HEIGHTS
from desktop.workers.thumbnail_loader import SIZES, ThumbnailLoader

_TILE_ICON_PX = 36
_ROW_TILE_PX = 56
_SNIPPET_LINES = 2
_AWAY_OPACITY = 0.45


class ResultDelegate(QStyledItemDelegate):
    """One painter for every shape of row."""

    def __init__(self, thumbnails: ThumbnailLoader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        row: ResultRow = index.data(Role.RESULT_ROW)
        return QSize(option.rect.width(), HEIGHTS.get(row.shape, option.rect.height()))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        row: ResultRow = index.data(Role.RESULT_ROW)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        rect = option.rect
        if row.hit is None:
            self._paint_heading(painter, rect, row, option)
        elif row.shape is Shape.TILE:
            self._paint_tile(painter, rect, row.hit, option)
        else:
            model = index.model()
            query_text = ""
            if isinstance(model, ResultModel) and model.result is not None:
                query_text = model.result.query.text
            self._paint_row(painter, rect, row.hit, option, query_text)
        painter.restore()

    def _paint_heading(self, painter: QPainter, rect: QRect, row: ResultRow, option: QStyleOptionViewItem) -> None:
        if row.shape is Shape.ACTION:
            self._paint_action(painter, rect, row.text, option)
            return
        section = row.shape is Shape.SECTION
        painter.setFont(theme.font(theme.SECTION_PX if section else theme.META_PX, bold=True))
        painter.setPen(theme.color("text" if section else "meta"))
        below = rect.adjusted(0, 8, 0, 0) if section else rect
        painter.drawText(below, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, row.text)
        if section:
            start = rect.left() + painter.fontMetrics().horizontalAdvance(row.text) + 16
            painter.setPen(theme.color("border"))
            painter.drawLine(start, below.center().y(), rect.right(), below.center().y())

    def _paint_action(self, painter: QPainter, rect: QRect, text: str, option: QStyleOptionViewItem) -> None:
        painter.setFont(theme.font(bold=True))
        width = painter.fontMetrics().horizontalAdvance(text) + 32
        button = QRect(rect.left() + (rect.width() - width) // 2, rect.top() + 12, width, 32)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        _fill(painter, button, theme.color("hover" if hovered else "surface"), 16)
        painter.setPen(QPen(theme.color("accent" if _focused(option) else "border"), 2 if _focused(option) else 1))
        painter.drawRoundedRect(QRectF(button).adjusted(0.5, 0.5, -0.5, -0.5), 16, 16)
        painter.setPen(theme.color("text"))
        painter.drawText(button, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_tile(self, painter: QPainter, rect: QRect, hit: Hit, option: QStyleOptionViewItem) -> None:
        picture = rect.adjusted(0, 0, 0, -CAPTION_PX)
        painter.setOpacity(_AWAY_OPACITY if hit.offline else 1.0)
        self._paint_picture(painter, picture, hit, _TILE_ICON_PX)
        painter.setOpacity(1.0)
        if hit.kind is Kind.VIDEO:
            label = wording.clock(hit.duration_s) if hit.duration_s is not None else ""
            _paint_badge(painter, picture, "play", label)
        if hit.offline:
            _paint_badge(painter, picture, "cloud-slash", self.tr("Away"), top=True)
        _paint_frame(painter, picture, option)
        painter.setFont(theme.font(theme.META_PX))
        painter.setPen(theme.color("meta"))
        caption = QRect(rect.left() + 2, picture.bottom() + 3, rect.width() - 4, CAPTION_PX - 4)
        name = painter.fontMetrics().elidedText(hit.name, Qt.TextElideMode.ElideMiddle, caption.width())
        painter.drawText(caption, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, name)

    def _paint_picture(self, painter: QPainter, rect: QRect, hit: Hit, icon_px: int) -> None:
        """The thumbnail, cropped to fill; the kind's icon where there is none."""
        _fill(painter, rect, theme.color("tile"), theme.RADIUS_CARD)
        pixmap = self._thumbnail(hit, rect, painter)
        if pixmap is None:
            theme.paint_icon(painter, wording.KIND_ICONS[group_of(hit)], QPointF(rect.center()), icon_px)
            return
        path = QPainterPath()
        path.addRoundedRect(QRectF(rect), theme.RADIUS_CARD, theme.RADIUS_CARD)
        painter.save()
        painter.setClipPath(path)
        # Of a page the top is worth seeing, of a picture the middle.
        page = hit.kind is Kind.DOCUMENT
        painter.drawPixmap(QRectF(rect), pixmap, cover(pixmap.size(), rect.size(), from_top=page))
        painter.restore()
        if page:
            painter.setPen(QPen(theme.color("border"), 1))
            painter.drawPath(path)

    def _thumbnail(self, hit: Hit, rect: QRect, painter: QPainter) -> QPixmap | None:
        if hit.content_hash is None or hit.kind is Kind.AUDIO:
            return None
        wanted = max(rect.width(), rect.height()) * painter.device().devicePixelRatioF()
        size = SIZES[0] if wanted <= SIZES[0] * 1.25 else SIZES[1]
        return self._thumbnails.pixmap(hit.content_hash, size)

    def _paint_row(
        self, painter: QPainter, rect: QRect, hit: Hit, option: QStyleOptionViewItem, query_text: str
    ) -> None:
        card = rect.adjusted(0, 2, 0, -2)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if selected or option.state & QStyle.StateFlag.State_MouseOver:
            _fill(painter, card, theme.color("selection" if selected else "hover"), theme.RADIUS_CARD)
        if _focused(option):
            painter.setPen(QPen(theme.color("accent"), 2))
            painter.drawRoundedRect(QRectF(card).adjusted(1, 1, -1, -1), theme.RADIUS_CARD, theme.RADIUS_CARD)
        tile = QRect(card.left() + 8, card.top() + (card.height() - _ROW_TILE_PX) // 2, _ROW_TILE_PX, _ROW_TILE_PX)
        painter.setOpacity(_AWAY_OPACITY if hit.offline else 1.0)
        self._paint_picture(painter, tile, hit, 24)
        painter.setOpacity(1.0)
        body = QRect(tile.right() + 13, card.top() + 7, card.right() - tile.right() - 25, card.height() - 12)
        self._paint_title(painter, QRect(body.left(), body.top(), body.width(), theme.LINE_PX), hit)
        text = QRect(body.left(), body.top() + theme.LINE_PX + 2, body.width(), _SNIPPET_LINES * theme.LINE_PX)
        if hit.best.snippet.strip() and hit.best.segment is not None:
            painter.setPen(theme.color("text"))
            snippet = marked_layout(hit.best.snippet, hit.best.marks, text.width(), max_lines=_SNIPPET_LINES)
            snippet.draw(painter, QPointF(text.topLeft()))
        else:
            _paint_facts(painter, text, hit, wording.why(hit.best, query_text))

    def _paint_title(self, painter: QPainter, rect: QRect, hit: Hit) -> None:
        """Name and place on the left, how much more and the day on the right."""
        aside = [wording.day(hit.day)] if hit.day is not None else []
        if hit.more:
            aside.insert(0, self.tr("+%1 more").replace("%1", wording.number(len(hit.more))))
        if hit.offline:
            aside.insert(0, self.tr("Away"))
        painter.setFont(theme.font(theme.META_PX))
        painter.setPen(theme.color("meta"))
        aside_text = "  ·  ".join(aside)
        aside_width = painter.fontMetrics().horizontalAdvance(aside_text)
        painter.drawText(rect, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, aside_text)

        place = wording.locator(hit.best.locator, hit.kind)
        face = theme.font(bold=True)
        metrics = QFontMetrics(face)
        place_width = metrics.horizontalAdvance(place) + 12 if place else 0
        room = max(40, rect.width() - aside_width - place_width - 16)
        name = metrics.elidedText(hit.name, Qt.TextElideMode.ElideMiddle, room)
        painter.setFont(face)
        painter.setPen(theme.color("text"))
        painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
        if place:
            painter.setPen(theme.color("link"))
            beside = rect.adjusted(metrics.horizontalAdvance(name) + 12, 0, 0, 0)
            painter.drawText(beside, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, place)


def _focused(option: QStyleOptionViewItem) -> bool:
    return bool(option.state & QStyle.StateFlag.State_HasFocus)


def _fill(painter: QPainter, rect: QRect, fill: QColor, radius: int) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(fill)
    painter.drawRoundedRect(rect, radius, radius)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _paint_frame(painter: QPainter, rect: QRect, option: QStyleOptionViewItem) -> None:
    """Selection and focus of a tile: a ring inside its edge, with a gap that keeps it visible on any picture."""
    if not option.state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_HasFocus):
        return
    area = QRectF(rect)
    painter.setPen(QPen(theme.color("surface"), 5))
    painter.drawRoundedRect(area.adjusted(2.5, 2.5, -2.5, -2.5), theme.RADIUS_CARD - 2, theme.RADIUS_CARD - 2)
    painter.setPen(QPen(theme.color("accent"), 3))
    painter.drawRoundedRect(area.adjusted(1.5, 1.5, -1.5, -1.5), theme.RADIUS_CARD, theme.RADIUS_CARD)


def _paint_badge(painter: QPainter, rect: QRect, icon: str, label: str, *, top: bool = False) -> None:
    """A small dark plate on a picture, dark in both schemes because the picture below may have any colour."""
    painter.setFont(theme.font(theme.META_PX, bold=True))
    width = painter.fontMetrics().horizontalAdvance(label) + (30 if label else 24)
    y = rect.top() + 8 if top else rect.bottom() - 29
    plate = QRect(rect.left() + 8, y, width, 22)
    _fill(painter, plate, theme.color("plate"), 11)
    painter.setPen(theme.color("on_picture"))
    painter.drawText(plate.adjusted(22, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, label)
    theme.paint_icon(painter, icon, QPointF(plate.left() + 12, plate.center().y() + 1), 13, "on_picture")


def cover(source: QSize, target: QSize, *, from_top: bool = False) -> QRectF:
    """The largest part of ``source`` that has the proportions of ``target``: its middle, or its top."""
    scale = min(source.width() / max(1, target.width()), source.height() / max(1, target.height()))
    width, height = target.width() * scale, target.height() * scale
    y = 0.0 if from_top else (source.height() - height) / 2
    return QRectF((source.width() - width) / 2, y, width, height)


def _paint_facts(painter: QPainter, rect: QRect, hit: Hit, why: str) -> None:
    """For a file that was found as a whole: where it is and why it is here."""
    painter.setFont(theme.font())
    painter.setPen(theme.color("meta"))
    folder = wording.home_relative(hit.display_path).rpartition("/")[0] or "/"
    for line, text in enumerate((folder, why)):
        place = QRect(rect.left(), rect.top() + line * theme.LINE_PX, rect.width(), theme.LINE_PX)
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, place.width())
        painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
