"""A pen that draws shapes of a unit box in one of several hand-drawn styles."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

RGB = tuple[int, int, int]
Point = tuple[float, float]

STYLES: tuple[str, ...] = (
    "flat",
    "outlined",
    "crayon",
    "watercolour",
    "papercut",
    "sketch",
    "pixel",
    "shaded",
)

WOBBLE = {"crayon": 0.018, "watercolour": 0.012, "sketch": 0.014, "outlined": 0.004}
"""How far a contour strays from its true place, in units of the drawn thing's half size."""


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """`a` with `share` (0..1) of `b` in it."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def luma(colour: RGB) -> float:
    """Perceived brightness, 0..255 (Rec. 601 weights)."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


@dataclass(frozen=True)
class Grade:
    """The light that falls on everything in a picture: its colour and how much of it."""

    tint: RGB = (255, 255, 255)
    share: float = 0.0

    def __call__(self, colour: RGB) -> RGB:
        return mix(colour, self.tint, self.share)


class Pen:
    """Draws polygons, ovals and lines given in a box of -1..1 (x right, y down).

    The box is placed at `centre` with half size `half_px`, turned by `angle` radians and
    mirrored where asked; the style decides about fill, contour and steadiness of the hand.
    """

    def __init__(
        self,
        image: Image.Image,
        style: str,
        rng: random.Random,
        *,
        centre: Point,
        half_px: float,
        angle: float = 0.0,
        mirrored: bool = False,
        grade: Grade | None = None,
    ) -> None:
        self._draw = ImageDraw.Draw(image, "RGBA")
        self._style = style
        self._rng = rng
        self._centre = centre
        self._half_px = half_px
        self._cos, self._sin = math.cos(angle), math.sin(angle)
        self._mirror = -1.0 if mirrored else 1.0
        self._grade = grade or Grade()
        self._wobble_px = WOBBLE.get(style, 0.0) * half_px
        # Large background shapes get no thicker contours than the things in front of them.
        self._line_px = max(1.0, min(half_px * 0.035, min(image.size) * 0.012))

    def poly(self, points: Sequence[Point], fill: RGB) -> None:
        """A filled polygon with straight edges."""
        self._shape(self._placed(points, subdivide=self._wobble_px > 0), self._grade(fill))

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: RGB) -> None:
        """A filled rectangle."""
        self.poly([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], fill)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: RGB, angle: float = 0.0) -> None:
        """A filled ellipse around (x, y), turned by `angle` radians."""
        self._shape(self._placed(self._ring(x, y, rx, ry, angle), subdivide=False), self._grade(fill))

    def line(self, points: Sequence[Point], width: float, fill: RGB) -> None:
        """An open stroke with round joints; `width` in box units."""
        placed = self._placed(points, subdivide=False)
        width_px = max(1, round(width * self._half_px))
        colour = self._grade(fill)
        if self._style == "papercut":
            shifted = [(x + self._line_px, y + self._line_px) for x, y in placed]
            self._draw.line(shifted, fill=(0, 0, 0, 60), width=width_px, joint="curve")
        if width >= 0.09:
            edge_px = round(self._line_px * (1.5 if self._style == "outlined" else 0.6))
            self._stroke(placed, width_px + 2 * max(1, edge_px), self._contour(colour))
        self._stroke(placed, width_px, colour)

    def loop(self, x: float, y: float, rx: float, ry: float, width: float, fill: RGB) -> None:
        """A closed ring, hollow inside."""
        ring = self._ring(x, y, rx, ry, 0.0)
        self.line([*ring, ring[0], ring[1]], width, fill)

    def curve(self, start: Point, bend: Point, end: Point, width: float, fill: RGB) -> None:
        """A quadratic Bezier stroke from `start` to `end`, pulled towards `bend`."""
        points = []
        for step in range(9):
            t = step / 8
            a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
            points.append((a * start[0] + b * bend[0] + c * end[0], a * start[1] + b * bend[1] + c * end[1]))
        self.line(points, width, fill)

    def _stroke(self, placed: list[Point], width_px: int, colour: RGB) -> None:
        self._draw.line(placed, fill=colour, width=width_px, joint="curve")
        if width_px >= 4:
            for x, y in (placed[0], placed[-1]):
                r = width_px / 2 - 0.5
                self._draw.ellipse([x - r, y - r, x + r, y + r], fill=colour)

    def _contour(self, fill: RGB) -> RGB:
        # A dark thing gets a lighter contour and a light one a darker, so that white on snow
        # and black at night stay visible in every style.
        if self._style == "outlined":
            return (30, 28, 36) if luma(fill) >= 60 else (175, 175, 185)
        return mix(fill, (255, 255, 255), 0.5) if luma(fill) < 60 else mix(fill, (0, 0, 0), 0.35)

    def _ring(self, x: float, y: float, rx: float, ry: float, angle: float) -> list[Point]:
        count = max(10, min(48, int(self._half_px * max(rx, ry) * 0.8)))
        cos, sin = math.cos(angle), math.sin(angle)
        ring = []
        for step in range(count):
            turn = 2 * math.pi * step / count
            dx, dy = rx * math.cos(turn), ry * math.sin(turn)
            ring.append((x + dx * cos - dy * sin, y + dx * sin + dy * cos))
        return ring

    def _placed(self, points: Sequence[Point], *, subdivide: bool) -> list[Point]:
        if subdivide:
            points = _subdivided(points)
        placed = []
        for x, y in points:
            x *= self._mirror
            px = self._centre[0] + (x * self._cos - y * self._sin) * self._half_px
            py = self._centre[1] + (x * self._sin + y * self._cos) * self._half_px
            if self._wobble_px:
                px += self._rng.gauss(0.0, self._wobble_px)
                py += self._rng.gauss(0.0, self._wobble_px)
            placed.append((px, py))
        return placed

    def _shape(self, points: list[Point], fill: RGB) -> None:
        contour = self._contour(fill)
        closed = [*points, points[0], points[1]]
        thin = max(1, round(self._line_px * 0.6))
        if self._style == "outlined":
            self._draw.polygon(points, fill=fill)
            self._draw.line(closed, fill=contour, width=max(1, round(self._line_px * 1.5)), joint="curve")
        elif self._style == "watercolour":
            self._draw.polygon(points, fill=(*fill, 205))
            self._draw.line(closed, fill=(*contour, 120), width=thin * 2)
        elif self._style == "papercut":
            off = self._line_px * 1.4
            self._draw.polygon([(x + off, y + off) for x, y in points], fill=(0, 0, 0, 70))
            self._draw.polygon(points, fill=fill)
            self._draw.line(closed, fill=(*contour, 110), width=thin)
        elif self._style == "sketch":
            self._draw.polygon(points, fill=(*fill, 185))
            pencil = (70, 68, 74) if luma(fill) >= 60 else (150, 150, 158)
            for _ in range(2):
                jitter = self._wobble_px
                again = [(x + self._rng.gauss(0, jitter), y + self._rng.gauss(0, jitter)) for x, y in points]
                self._draw.line([*again, again[0]], fill=(*pencil, 200), width=thin)
        else:
            self._draw.polygon(points, fill=fill)
            self._draw.line(closed, fill=(*contour, 160), width=thin)
            if self._style == "shaded":
                self._highlight(points, fill)

    def _highlight(self, points: list[Point], fill: RGB) -> None:
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        x, y = (min(xs) * 0.58 + max(xs) * 0.42), (min(ys) * 0.6 + max(ys) * 0.4)
        light = mix(fill, (255, 255, 255), 0.5)
        for shrink in (0.75, 0.5):
            inner = [(x + (px - x) * shrink, y + (py - y) * shrink) for px, py in points]
            self._draw.polygon(inner, fill=(*light, 50))


def _subdivided(points: Sequence[Point]) -> list[Point]:
    """Each edge cut in three, so that a wobbling hand bends straight edges too."""
    cut = []
    for index, (x0, y0) in enumerate(points):
        x1, y1 = points[(index + 1) % len(points)]
        cut += [(x0 + (x1 - x0) * t, y0 + (y1 - y0) * t) for t in (0.0, 1 / 3, 2 / 3)]
    return cut
