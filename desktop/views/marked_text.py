"""Plain text with marked ranges, broken into lines. Marks are drawn by range, so no markup is ever read from a file."""

from __future__ import annotations

from PySide6.QtCore import QPointF
from PySide6.QtGui import QTextCharFormat, QTextLayout, QTextLine, QTextOption

from desktop import theme

Marks = tuple[tuple[int, int], ...]  # (start, end) in characters

# One character for one, so that the marks stay where they are.
_FLAT = str.maketrans(dict.fromkeys("\n\r\t\v\f\u2028\u2029", " "))
_BREAKS = str.maketrans({"\n": "\u2028", "\r": " ", "\t": " ", "\v": " ", "\f": " "})
_ALL = 10_000  # lines


def marked_layout(
    text: str, marks: Marks, width: int, *, max_lines: int = _ALL, keep_breaks: bool = False
) -> QTextLayout:
    """``text`` in lines of ``width`` pixels and ``theme.LINE_PX`` height, cut with an ellipsis after ``max_lines``.

    Marked ranges are bold on the accent's tint. ``keep_breaks`` keeps the line breaks of the text.
    """
    shown = text.translate(_BREAKS if keep_breaks else _FLAT)
    layout = _broken(shown, marks, width, max_lines)
    while layout.lineCount() and (end := _end(shown, layout)) < len(shown):
        # Cut where the last line ends, and a little before, until the ellipsis fits too.
        shown = shown[: max(0, end - 2)].rstrip("… ") + "…"
        if shown == "…":
            break
        layout = _broken(shown, marks, width, max_lines)
    return layout


def _broken(text: str, marks: Marks, width: int, max_lines: int) -> QTextLayout:
    layout = QTextLayout(text, theme.font())
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    layout.setFormats(_formats(text, marks))
    layout.beginLayout()
    for number in range(max_lines):
        line = layout.createLine()
        if not line.isValid():
            break
        line.setLineWidth(max(1, width))
        line.setPosition(QPointF(0, number * theme.LINE_PX + (theme.LINE_PX - line.height()) / 2))
    layout.endLayout()
    return layout


def _end(text: str, layout: QTextLayout) -> int:
    """How many characters the lines hold. Qt counts UTF-16 units where Python counts characters."""
    last: QTextLine = layout.lineAt(layout.lineCount() - 1)
    units = last.textStart() + last.textLength()
    return len(text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "replace"))


def _formats(text: str, marks: Marks) -> list[QTextLayout.FormatRange]:
    ranges = []
    for start, end in marks:
        span = QTextLayout.FormatRange()
        span.start = _utf16_units(text[:start])
        span.length = _utf16_units(text[start:end])
        style = QTextCharFormat()
        style.setFont(theme.font(bold=True))
        style.setBackground(theme.color("mark"))
        style.setForeground(theme.color("text"))
        span.format = style
        ranges.append(span)
    return ranges


def _utf16_units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)
