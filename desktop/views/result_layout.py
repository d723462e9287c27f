"""Where each result goes: a pure function from shapes and a width to rectangles.

Tiles of one run fill justified rows: heights near the target, widths by aspect ratio, edges flush. Everything else
takes a full row of a fixed height, so that no text is measured and a layout of thousands of rows takes milliseconds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from desktop.item_models.result_model import Shape

MARGIN = 16
GAP = 8
TILE_PX = 164  # the height that rows of tiles aim for, without their caption
CAPTION_PX = 24
HEIGHTS = {Shape.SECTION: 44, Shape.GROUP: 32, Shape.ROW: 80, Shape.ACTION: 52}
_ASPECTS = (0.55, 2.4)  # beyond, a picture is cropped rather than let it push its row out of shape
_STRETCH = 1.35  # how much taller than the target a full row may get

Rect = tuple[int, int, int, int]  # x, y, width, height


@dataclass(frozen=True)
class Layout:
    """Rectangles in content coordinates, one for each item, in reading order."""

    rects: tuple[Rect, ...]
    height: int
    _tops: tuple[int, ...]
    _bottoms: tuple[int, ...]

    def between(self, top: int, bottom: int) -> range:
        """The items that touch the band from ``top`` to ``bottom``."""
        return range(bisect_right(self._bottoms, top), bisect_left(self._tops, bottom))

    def at(self, x: int, y: int) -> int | None:
        """The item at a point."""
        for item in self.between(y, y + 1):
            left, top, width, height = self.rects[item]
            if left <= x < left + width and top <= y < top + height:
                return item
        return None


def lay_out(shapes: Sequence[Shape], aspects: Sequence[float], width: int) -> Layout:
    """Lay items out in ``width`` pixels. ``aspects`` are width over height, read for tiles only."""
    inner = max(1, width - 2 * MARGIN)
    rects: list[Rect] = []
    y = 0
    item = 0
    while item < len(shapes):
        if shapes[item] is not Shape.TILE:
            height = HEIGHTS[shapes[item]]
            rects.append((MARGIN, y, inner, height))
            y += height
            item += 1
            continue
        end = item
        while end < len(shapes) and shapes[end] is Shape.TILE:
            end += 1
        for row in justify(aspects[item:end], inner):
            height = row[0][1]
            rects.extend((MARGIN + x, y, tile_width, height + CAPTION_PX) for x, _, tile_width in row)
            y += height + CAPTION_PX + GAP
        item = end
    tops, bottoms = _bands(rects)
    return Layout(tuple(rects), y + MARGIN, tops, bottoms)


def justify(aspects: Sequence[float], width: int) -> list[list[tuple[int, int, int]]]:
    """Rows of tiles as (x, height, width), each row but the last exactly ``width`` wide with its gaps."""
    rows: list[list[tuple[int, int, int]]] = []
    pending: list[float] = []
    for aspect in aspects:
        pending.append(min(max(aspect, _ASPECTS[0]), _ASPECTS[1]))
        if sum(pending) * TILE_PX + GAP * (len(pending) - 1) >= width:
            rows.append(_fill(pending, width))
            pending = []
    if pending:
        rows.append(_line(pending, width))
    return rows


def _fill(aspects: Sequence[float], width: int) -> list[tuple[int, int, int]]:
    """One full row: the height at which the widths add up, the last tile taking what rounding left."""
    free = max(len(aspects), width - GAP * (len(aspects) - 1))
    height = max(1, min(round(free / sum(aspects)), round(TILE_PX * _STRETCH)))
    row: list[tuple[int, int, int]] = []
    x = 0
    for position, aspect in enumerate(aspects):
        last = position == len(aspects) - 1
        tile = max(1, width - x if last else round(free * aspect / sum(aspects)))
        row.append((x, height, tile))
        x += tile + GAP
    return row


def _line(aspects: Sequence[float], width: int) -> list[tuple[int, int, int]]:
    """The last row: at the target height, not stretched."""
    row: list[tuple[int, int, int]] = []
    x = 0
    for aspect in aspects:
        tile = min(max(1, round(TILE_PX * aspect)), width)
        row.append((x, TILE_PX, tile))
        x += tile + GAP
    return row


def _bands(rects: Sequence[Rect]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return tuple(top for _, top, _, _ in rects), tuple(top + height for _, top, _, height in rects)
