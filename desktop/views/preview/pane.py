"""The preview: the picture or the words of the hit that has the focus, and the facts about its file.

Pictures come from the cache of previews that the sandbox made; the window itself never decodes a found picture.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal, SignalInstance, Slot
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from core.types import Hit, Kind, SegmentHit
from desktop import theme, wording
from desktop.places import can_open
from desktop.views.preview.passage import PassageCard
from desktop.views.preview.player import Player
from desktop.views.result_delegate import cover
from desktop.views.widgets import breakable, button, label, tool_button
from desktop.workers.thumbnail_loader import ThumbnailLoader

WIDTH_PX = 360
_PREVIEW_PX = 512
_PICTURE_PX = 420  # highest
_PAGE_PX = 180
_MORE_SHOWN = 8


class Picture(QWidget):
    """A picture in full, as large as fits, or the top of a page, with rounded corners."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pixmap = QPixmap()
        self._aspect = 4 / 3
        self._page = False

    def show_pixmap(self, pixmap: QPixmap | None, aspect: float, *, page: bool) -> None:
        """Show ``pixmap``; an empty tile of the right shape until there is one."""
        self._page = page
        self._pixmap = pixmap or QPixmap()
        self._aspect = aspect
        self._fit(self.width())
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit(event.size().width())

    def _fit(self, width: int) -> None:
        self.setFixedHeight(_PAGE_PX if self._page else min(_PICTURE_PX, max(80, round(width / self._aspect))))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        target = self.rect().adjusted(0, 0, -1, -1)
        if not self._page:
            size = QSize(round(1000 * self._aspect), 1000).scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect((self.width() - size.width()) // 2, 0, size.width(), size.height())
        path = QPainterPath()
        path.addRoundedRect(QRectF(target), theme.RADIUS_CARD, theme.RADIUS_CARD)
        painter.fillPath(path, theme.color("tile"))
        if not self._pixmap.isNull():
            painter.setClipPath(path)
            source = cover(self._pixmap.size(), target.size(), from_top=True) if self._page else self._pixmap.rect()
            painter.drawPixmap(QRectF(target), self._pixmap, QRectF(source))
        if self._page:
            painter.setPen(theme.color("border"))
            painter.drawPath(path)
        painter.end()


class PreviewPane(QFrame):
    """Shows one hit. ``show_hit(None)`` empties it."""

    open_requested = Signal(Hit)
    reveal_requested = Signal(Hit)
    similar_requested = Signal(Hit)
    close_requested = Signal()

    def __init__(self, thumbnails: ThumbnailLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("preview")
        self.setAccessibleName(self.tr("Preview"))
        self.setMinimumWidth(280)
        self._thumbnails = thumbnails
        self._hit: Hit | None = None
        self._query_text = ""
        self._picture = Picture()
        self._player = Player()
        self._name = label("", "section", wrap=True)
        self._passages = QVBoxLayout()
        self._passages.setSpacing(8)
        self._facts = QGridLayout()
        self._facts.setHorizontalSpacing(12)
        self._facts.setVerticalSpacing(4)
        self._facts.setColumnStretch(1, 1)
        self._buttons = self._make_buttons()
        self._hint = label(self.tr("Choose a result to see it here."), "meta", wrap=True)
        self._body = QWidget()
        self._assemble()
        thumbnails.loaded.connect(self._on_thumbnail)
        self.show_hit(None, "")

    def _assemble(self) -> None:
        column = QVBoxLayout(self._body)
        column.setContentsMargins(16, 0, 16, 16)
        column.setSpacing(12)
        for part in (self._hint, self._picture, self._player, self._name):
            column.addWidget(part)
        column.addWidget(self._buttons)
        column.addLayout(self._passages)
        column.addLayout(self._facts)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self._body)
        head = QHBoxLayout()
        head.setContentsMargins(16, 8, 8, 8)
        head.addWidget(label(self.tr("Preview"), "caption"), 1)
        head.addWidget(tool_button("x", self.tr("Close the preview"), self.close_requested.emit))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(head)
        outer.addWidget(scroll, 1)

    def _make_buttons(self) -> QWidget:
        box = QWidget()
        row = QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self._open = button(self.tr("Open"), lambda: self._send(self.open_requested), role="primary")
        row.addWidget(self._open)
        row.addWidget(button(self.tr("Show in folder"), lambda: self._send(self.reveal_requested)))
        row.addWidget(button(self.tr("Find similar"), lambda: self._send(self.similar_requested)))
        row.addStretch(1)
        return box

    @property
    def hit(self) -> Hit | None:
        return self._hit

    def show_hit(self, hit: Hit | None, query_text: str) -> None:
        """Show ``hit`` as found by ``query_text``."""
        self._hit = hit
        self._query_text = query_text
        self._player.stop()
        _empty(self._passages)
        _empty(self._facts)
        there = hit is not None
        for part in (self._name, self._buttons):
            part.setVisible(there)
        self._hint.setVisible(not there)
        self._picture.setVisible(False)
        self._player.setVisible(False)
        if hit is None:
            self._thumbnails.retain(self, frozenset())
            return
        self._name.setText(breakable(hit.name))
        self._open.setVisible(can_open(hit) and not hit.offline)
        self._show_picture(hit)
        if hit.kind in (Kind.AUDIO, Kind.VIDEO) and not hit.offline:
            self._player.show_file(hit.path, video=hit.kind is Kind.VIDEO, start_s=hit.best.locator.start_s or 0.0)
            self._player.setVisible(True)
        self._show_passages(hit)
        self._show_facts(hit)

    def release(self) -> None:
        """Let go of the player before the window goes."""
        self._player.release()

    def _show_picture(self, hit: Hit) -> None:
        if hit.content_hash is None or hit.kind is Kind.AUDIO:
            return
        self._thumbnails.retain(self, frozenset({(hit.content_hash, _PREVIEW_PX)}))
        pixmap = self._thumbnails.pixmap(hit.content_hash, _PREVIEW_PX)
        if self._thumbnails.has_none(hit.content_hash, _PREVIEW_PX) or (hit.kind is Kind.DOCUMENT and pixmap is None):
            self._picture.setVisible(False)
            return
        aspect = hit.width / hit.height if hit.width and hit.height else 4 / 3
        if pixmap is not None and not pixmap.isNull():
            aspect = pixmap.width() / pixmap.height()
        self._picture.show_pixmap(pixmap, aspect, page=hit.kind is Kind.DOCUMENT)
        self._picture.setVisible(True)

    @Slot(str)
    def _on_thumbnail(self, content_hash: str) -> None:
        if self._hit is not None and self._hit.content_hash == content_hash:
            self._show_picture(self._hit)

    def _show_passages(self, hit: Hit) -> None:
        shown = [
            part for part in (hit.best, *hit.more[:_MORE_SHOWN]) if part.segment is not None and part.snippet.strip()
        ]
        for part in shown:
            card = PassageCard(part.snippet, part.marks, wording.locator(part.locator, hit.kind))
            if part.locator.start_s is not None and not hit.offline:
                card.make_button(self._play_from(part))
            self._passages.addWidget(card)

    def _play_from(self, part: SegmentHit) -> Callable[[], None]:
        start_s = part.locator.start_s or 0.0
        return lambda: self._player.play_from(start_s)

    def _show_facts(self, hit: Hit) -> None:
        facts = [
            (self.tr("Folder"), wording.home_relative(hit.display_path).rpartition("/")[0] or "/"),
            (self.tr("Date"), wording.day(hit.day) if hit.day is not None else ""),
            (self.tr("Size"), f"{hit.width} × {hit.height}" if hit.width and hit.height else ""),
            (self.tr("Length"), wording.clock(hit.duration_s) if hit.duration_s is not None else ""),
            (self.tr("Found by"), wording.why(hit.best, self._query_text)),
            (self.tr("State"), self.tr("The drive is away; this is what is known of the file.") if hit.offline else ""),
        ]
        for row, (name, value) in enumerate((name, value) for name, value in facts if value):
            heading = label(name, "meta")
            heading.setAlignment(Qt.AlignmentFlag.AlignTop)
            heading.setContentsMargins(0, 1, 0, 0)  # the smaller face on the baseline of the larger
            self._facts.addWidget(heading, row, 0)
            self._facts.addWidget(label(breakable(value), wrap=True), row, 1)

    def _send(self, signal: SignalInstance) -> None:
        if self._hit is not None:
            signal.emit(self._hit)


def _empty(layout: QVBoxLayout | QGridLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
