"""The rules of the layout, for any mix of results and any width."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from desktop.item_models.result_model import Shape
from desktop.views.result_layout import GAP, HEIGHTS, MARGIN, Layout, lay_out

items = st.lists(st.tuples(st.sampled_from(Shape), st.floats(0.05, 20)), max_size=60)
widths = st.integers(240, 2600)


def made(content: list[tuple[Shape, float]], width: int) -> Layout:
    return lay_out([shape for shape, _ in content], [aspect for _, aspect in content], width)


@given(items, widths)
def test_nothing_overlaps_and_nothing_leaves_the_view(content, width):
    rects = made(content, width).rects
    assert len(rects) == len(content)
    for before, (x, y, w, h) in zip((None, *rects), rects, strict=False):
        assert w > 0
        assert h > 0
        assert x >= MARGIN
        assert x + w <= width - MARGIN
        if before is not None:
            left, top, before_w, before_h = before
            assert y >= top + before_h or (y == top and x >= left + before_w + GAP)


@given(items, widths)
def test_full_rows_of_tiles_end_flush(content, width):
    rects = made(content, width).rects
    for number, (x, y, w, _) in enumerate(rects[:-1]):
        next_shape, (_, next_y, _, _) = content[number + 1][0], rects[number + 1]
        if content[number][0] is Shape.TILE and next_shape is Shape.TILE and next_y > y:
            assert x + w == width - MARGIN


@given(items, widths, st.integers(0, 6000), st.integers(1, 900))
def test_a_band_holds_exactly_what_touches_it(content, width, top, height):
    layout = made(content, width)
    touching = [number for number, (_, y, _, h) in enumerate(layout.rects) if y < top + height and y + h > top]
    assert list(layout.between(top, top + height)) == touching


@given(items, widths)
def test_every_item_is_found_at_its_own_middle(content, width):
    layout = made(content, width)
    for number, (x, y, w, h) in enumerate(layout.rects):
        assert layout.at(x + w // 2, y + h // 2) == number


@given(widths)
def test_rows_of_text_take_the_whole_width(width):
    layout = lay_out([Shape.SECTION, Shape.ROW], [1.0, 1.0], width)
    assert layout.rects == (
        (MARGIN, 0, width - 2 * MARGIN, HEIGHTS[Shape.SECTION]),
        (MARGIN, HEIGHTS[Shape.SECTION], width - 2 * MARGIN, HEIGHTS[Shape.ROW]),
    )
