"""Colours, measures, fonts and icons of the window, light and dark.

Views never name a colour: they ask ``tokens()`` while they paint, so that a change of the system's colour scheme
needs no more than a repaint.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from string import Template

from PySide6.QtCore import QObject, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QApplication

from core.resources import resource

ICON_GAP_PX = 6  # between a button's icon and its text
META_PX, BODY_PX, SECTION_PX, TITLE_PX = 12, 13, 15, 20
LINE_PX = 20  # 1.5 times the body size: room for CJK faces, which stand taller than Latin ones
RADIUS_CARD, RADIUS_CONTROL = 8, 6
ICON_PX = 18


@dataclass(frozen=True)
class Tokens:
    """The colours of one scheme, as ``#rrggbb``."""

    window: str
    surface: str
    sidebar: str
    hover: str
    pressed: str
    border: str
    tile: str  # behind a thumbnail that is not there yet, and behind an icon in a row
    text: str
    meta: str  # secondary text; at least 4.5:1 on window, surface and sidebar
    accent: str
    accent_hover: str
    on_accent: str
    link: str  # the accent where it is text: dark enough to be read
    selection: str  # background of selected rows
    mark: str  # background of matched words
    warning: str
    error: str
    notice: str  # background of notices
    plate: str = "#c0101216"  # badges on pictures, #aarrggbb
    on_picture: str = "#ffffff"


LIGHT = Tokens(
    window="#f6f7f9",
    surface="#ffffff",
    sidebar="#eff1f4",
    hover="#e6e9ee",
    pressed="#d9dde4",
    border="#d9dde4",
    tile="#e8ebf0",
    text="#1a1d23",
    meta="#565e6c",
    accent="#2f6fed",
    accent_hover="#245cd0",
    on_accent="#ffffff",
    link="#1f55c4",
    selection="#dfe9fd",
    mark="#dbe6fd",
    warning="#8a5200",
    error="#b3261e",
    notice="#e9f0fe",
)
DARK = Tokens(
    window="#15171b",
    surface="#1c1f24",
    sidebar="#191b20",
    hover="#272b32",
    pressed="#31363f",
    border="#30353e",
    tile="#272b32",
    text="#e9ebef",
    meta="#a3abb8",
    accent="#7aa2ff",
    accent_hover="#94b4ff",
    on_accent="#0e1420",
    link="#8fb0ff",
    selection="#26324d",
    mark="#2c3d63",
    warning="#f0b35e",
    error="#ff9a92",
    notice="#20293c",
)

_tokens = LIGHT


def tokens() -> Tokens:
    """The colours in force now."""
    return _tokens


def color(name: str) -> QColor:
    """One of the colours in force now, by its field in ``Tokens``."""
    return QColor(getattr(_tokens, name))


def font(px: int = BODY_PX, *, bold: bool = False) -> QFont:
    """The system's face in one of the window's sizes, in pixels."""
    face = QFont(QApplication.font())
    face.setPixelSize(px)
    face.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    return face


class Theme(QObject):
    """Keeps the application in the system's colour scheme, or in the one that was asked for."""

    changed = Signal()

    def __init__(self, application: QApplication, scheme: Qt.ColorScheme | None = None) -> None:
        super().__init__(application)
        self._application = application
        self._forced = scheme
        # Fusion is the one style that follows a palette fully on every platform.
        application.setStyle("fusion")
        face = application.font()
        face.setPixelSize(BODY_PX)
        application.setFont(face)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._apply)
        self._apply()

    def force(self, scheme: Qt.ColorScheme | None) -> None:
        """Use ``scheme`` whatever the system says; ``None`` follows the system again."""
        self._forced = scheme
        self._apply()

    @Slot()
    def _apply(self) -> None:
        global _tokens
        scheme = self._forced or QGuiApplication.styleHints().colorScheme()
        _tokens = DARK if scheme == Qt.ColorScheme.Dark else LIGHT
        self._application.setPalette(_palette(_tokens))
        self._application.setStyleSheet(_style_sheet(_tokens))
        self.changed.emit()


def _palette(t: Tokens) -> QPalette:
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: t.window,
        QPalette.ColorRole.WindowText: t.text,
        QPalette.ColorRole.Base: t.surface,
        QPalette.ColorRole.AlternateBase: t.sidebar,
        QPalette.ColorRole.Text: t.text,
        QPalette.ColorRole.PlaceholderText: t.meta,
        QPalette.ColorRole.Button: t.surface,
        QPalette.ColorRole.ButtonText: t.text,
        QPalette.ColorRole.BrightText: t.on_accent,
        QPalette.ColorRole.Highlight: t.accent,
        QPalette.ColorRole.HighlightedText: t.on_accent,
        QPalette.ColorRole.Link: t.accent,
        QPalette.ColorRole.Accent: t.accent,
        QPalette.ColorRole.ToolTipBase: t.surface,
        QPalette.ColorRole.ToolTipText: t.text,
        QPalette.ColorRole.Mid: t.border,
        QPalette.ColorRole.Midlight: t.hover,
        QPalette.ColorRole.Dark: t.border,
        QPalette.ColorRole.Light: t.surface,
    }
    for role, value in roles.items():
        palette.setColor(role, QColor(value))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(t.meta))
    return palette


def _style_sheet(t: Tokens) -> str:
    template = Template(resource("themes", "window.qss").read_text("utf-8"))
    return template.substitute(asdict(t))


@cache
def _phosphor() -> tuple[str, dict[str, str]]:
    """The family of QtAwesome's Phosphor font, and its characters by their names.

    Read from the package's files: its own code loads the dozen other fonts with it, which takes a third of a second
    and comes before the first paint.
    """
    spec = find_spec("qtawesome")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("qtawesome")
    fonts = Path(spec.origin).parent / "fonts"
    (font,), (names,) = fonts.glob("phosphor-[0-9]*.ttf"), fonts.glob("phosphor-charmap-*.json")
    codes: dict[str, str] = json.loads(names.read_text("utf-8"))
    family = QFontDatabase.applicationFontFamilies(QFontDatabase.addApplicationFont(str(font)))[0]
    return family, {name: chr(int(code, 16)) for name, code in codes.items()}


class _GlyphEngine(QIconEngine):
    """Paints one glyph of the icon font in the colour that is in force at that moment.

    The glyph fills a square at the left of the rectangle: a wider icon size leaves room before a button's text.
    """

    def __init__(self, name: str, tone: str) -> None:
        super().__init__()
        self._name = name
        self._tone = tone

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        family, characters = _phosphor()
        font = QFont(family)
        font.setPixelSize(rect.height())
        painter.save()
        painter.setFont(font)
        painter.setPen(color("meta" if mode == QIcon.Mode.Disabled else self._tone))
        square = QRectF(rect.x(), rect.y(), rect.height(), rect.height())
        painter.drawText(square, Qt.AlignmentFlag.AlignCenter, characters[self._name])
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return _GlyphEngine(self._name, self._tone)


def icon(name: str, tone: str = "text") -> QIcon:
    """A Phosphor icon by its name, in one of the colours of ``Tokens``."""
    return QIcon(_GlyphEngine(name, tone))


def paint_icon(painter: QPainter, name: str, center: QPointF, px: int = ICON_PX, tone: str = "meta") -> None:
    """Paint an icon of ``px`` pixels around ``center``."""
    rect = QRect(0, 0, px, px)
    rect.moveCenter(center.toPoint())
    _GlyphEngine(name, tone).paint(painter, rect, QIcon.Mode.Normal, QIcon.State.Off)


def application_icon() -> QIcon:
    """The application's own icon."""
    return QIcon(str(resource("icons", "findling.svg")))
