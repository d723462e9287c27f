"""Pictures of reports: bars of plain and ours for a topic, lines for how cost grows."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Any

from tests.benchmarks.harness import Line, Report, Row, number

_PLAIN = "#b8bec8"
_OURS = "#2f6fb2"
_WANTED = "#c2410c"
_INK = "#22262e"
_LABEL = 44  # characters in a line beside the bars
_WIDE = 30  # how many times the smallest bar the largest may be on a linear axis


def draw(report: Report, path: Path) -> None:
    """Write the report's picture to ``path``; a report without rows and lines has none."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update(
        {"font.size": 9, "text.color": _INK, "axes.labelcolor": _INK, "svg.hashsalt": "findling"}
    )
    if report.lines:
        _draw_lines(report, path)
    elif report.rows:
        _draw_bars(report, path)


def _draw_bars(report: Report, path: Path) -> None:
    """One panel for each unit, a pair of horizontal bars for each row."""
    from matplotlib import pyplot

    groups: dict[str, list[Row]] = {}
    for row in report.rows:
        groups.setdefault(row.unit + (", more is better" if row.more_is_better else ""), []).append(row)
    heights = [sum(2.2 if row.plain is not None else 1.2 for row in rows) for rows in groups.values()]
    figure, panels = pyplot.subplots(
        len(groups), 1, figsize=(8.6, 0.9 + 0.24 * sum(heights) + 0.55 * len(groups)), squeeze=False,
        height_ratios=heights, layout="constrained",
    )  # fmt: skip
    for (unit, rows), panel in zip(groups.items(), panels[:, 0], strict=True):
        _fill_panel(panel, unit, rows)
    if any(row.plain is not None for row in report.rows):
        from matplotlib.patches import Patch

        figure.legend(
            handles=[Patch(color=_PLAIN, label="plain way"), Patch(color=_OURS, label="Findling")],
            loc="outside upper right", frameon=False, ncols=2,
        )  # fmt: skip
    figure.suptitle(report.title, x=0.01, ha="left", fontweight="bold")
    figure.savefig(path, dpi=110, facecolor="white")
    pyplot.close(figure)


def _fill_panel(panel: Any, unit: str, rows: list[Row]) -> None:
    at, ticks, values = 0.0, [], []
    for row in rows:
        middle = at
        if row.plain is not None:
            panel.barh(at, row.plain.median, height=0.9, color=_PLAIN)
            panel.annotate(number(row.plain.median), (row.plain.median, at), xytext=(4, 0), **_BESIDE)
            values.append(row.plain.median)
            at, middle = at + 0.95, at + 0.475
        panel.barh(at, row.ours.median, height=0.9, color=_OURS)
        panel.annotate(_label(row), (row.ours.median, at), xytext=(4, 0), fontweight="bold", **_BESIDE)
        values.append(row.ours.median)
        if row.wanted is not None and row.wanted.of == "value":
            limit = row.wanted.least if row.wanted.least is not None else row.wanted.most
            assert limit is not None
            panel.plot([limit, limit], [at - 0.5, at + 0.5], color=_WANTED, linewidth=2)
            values.append(limit)
        ticks.append((middle, row.what))
        at += 1.25
    panel.set_yticks([place for place, _ in ticks], [fill(name, _LABEL) for _, name in ticks])
    panel.invert_yaxis()
    panel.set_xlabel(unit, loc="left")
    positive = [value for value in values if value > 0]
    if positive and max(positive) > _WIDE * min(positive):
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter(lambda value, _place: number(value))
        panel.set_xlim(min(positive) / 2, max(positive) * 8)
    else:
        panel.set_xlim(0, max(values, default=1.0) * 1.45 or 1.0)
    _plainly(panel)


_BESIDE: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": 8}


def _label(row: Row) -> str:
    parts = [number(row.ours.median)]
    if row.ratio is not None:
        parts.append(f"{row.ratio:.1f} times")
    elif row.wanted is not None and row.wanted.of == "value":
        parts.append(f"wanted {row.wanted}")
    return "  ".join(parts)


def _draw_lines(report: Report, path: Path) -> None:
    """One log-log panel for each unit."""
    from matplotlib import pyplot

    groups: dict[str, list[Line]] = {}
    for line in report.lines:
        groups.setdefault(line.unit, []).append(line)
    columns = 2 if len(groups) > 1 else 1
    rows = -(-len(groups) // columns)
    figure, panels = pyplot.subplots(
        rows, columns, figsize=(8.6, 0.6 + 2.9 * rows), squeeze=False, layout="constrained"
    )
    for panel in panels.ravel()[len(groups) :]:
        panel.set_visible(False)
    colours = (_OURS, _WANTED, "#3f7d3a", "#7a4fa3", "#806a00")
    for (unit, lines), panel in zip(groups.items(), panels.ravel(), strict=False):
        for line, colour in zip(lines, colours, strict=False):
            sizes, values = zip(*line.points, strict=True)
            panel.plot(sizes, values, marker="o", markersize=4, color=colour, label=line.name)
            panel.annotate(number(values[-1]), (sizes[-1], values[-1]), xytext=(5, 0), **_BESIDE)
        panel.set_xscale("log")
        panel.set_yscale("log")
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_formatter(lambda value, _place: number(value))
        panel.xaxis.set_minor_formatter(lambda _value, _place: "")
        values = [value for line in lines for _, value in line.points]
        near = max(values) < 10 * min(values)  # then there may be no power of ten to read the axis by
        panel.yaxis.set_minor_formatter(lambda value, _place, near=near: number(value) if near else "")
        panel.margins(x=0.16, y=0.18)
        panel.set_xlabel("segments", loc="left")
        panel.set_title(unit, loc="left", fontsize=9)
        panel.grid(alpha=0.25)
        panel.legend(frameon=False, fontsize=8)
        _plainly(panel)
    figure.suptitle(report.title, x=0.01, ha="left", fontweight="bold")
    figure.savefig(path, dpi=110, facecolor="white")
    pyplot.close(figure)


def _plainly(panel: Any) -> None:
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
