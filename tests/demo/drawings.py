"""How each thing of the demo world is drawn, in a box of -1..1 (y down), in a given colour."""

from __future__ import annotations

import math
from collections.abc import Callable

from tests.demo.canvas import RGB, Pen, luma, mix

WOOD: RGB = (139, 94, 60)
DARK: RGB = (58, 54, 62)
CREAM: RGB = (250, 240, 215)
METAL: RGB = (150, 156, 168)
LEAF: RGB = (64, 138, 66)
GLASS: RGB = (188, 226, 242)
PINK: RGB = (240, 160, 170)
ROOF: RGB = (112, 72, 62)
GOLD: RGB = (250, 200, 60)
FLAME: RGB = (250, 150, 40)
WHITE: RGB = (248, 248, 246)

Drawing = Callable[[Pen, RGB], None]


def shade(colour: RGB, share: float = 0.22) -> RGB:
    """A tone of the same colour that can be told from it: darker, or lighter where it is dark."""
    return mix(colour, (255, 255, 255), share) if luma(colour) < 60 else mix(colour, (0, 0, 0), share)


def accent(colour: RGB) -> RGB:
    """A pale companion that still shows on a pale colour."""
    return (176, 182, 196) if luma(colour) > 215 else WHITE


def boat(p: Pen, c: RGB) -> None:
    p.box(-0.06, -0.95, 0.03, 0.4, WOOD)
    p.poly([(0.08, -0.88), (0.08, 0.22), (0.78, 0.22)], CREAM)
    p.poly([(-0.12, -0.62), (-0.12, 0.22), (-0.62, 0.22)], CREAM)
    p.poly([(-1.0, 0.32), (1.0, 0.32), (0.62, 0.88), (-0.66, 0.88)], c)
    p.poly([(-0.93, 0.42), (0.93, 0.42), (0.86, 0.53), (-0.86, 0.53)], shade(c))


def house(p: Pen, c: RGB) -> None:
    p.box(0.35, -0.8, 0.55, -0.3, ROOF)
    p.box(-0.72, -0.1, 0.72, 0.96, c)
    p.poly([(-0.95, -0.05), (0.0, -0.85), (0.95, -0.05)], ROOF)
    p.box(-0.16, 0.4, 0.16, 0.96, WOOD)
    p.box(-0.55, 0.12, -0.28, 0.4, GLASS)
    p.box(0.28, 0.12, 0.55, 0.4, GLASS)


def car(p: Pen, c: RGB) -> None:
    p.poly([(-0.62, 0.0), (-0.36, -0.46), (0.36, -0.46), (0.64, 0.02)], c)
    p.poly([(-0.46, -0.02), (-0.29, -0.34), (-0.04, -0.34), (-0.04, -0.02)], GLASS)
    p.poly([(0.05, -0.02), (0.05, -0.34), (0.29, -0.34), (0.47, -0.02)], GLASS)
    p.poly([(-1.0, 0.48), (-0.98, 0.06), (-0.6, -0.02), (0.66, 0.0), (0.96, 0.1), (1.0, 0.48)], c)
    p.box(0.86, 0.14, 0.98, 0.26, GOLD)
    for x in (-0.54, 0.54):
        p.oval(x, 0.5, 0.26, 0.26, DARK)
        p.oval(x, 0.5, 0.11, 0.11, METAL)


def tree(p: Pen, c: RGB) -> None:
    p.poly([(-0.12, 0.1), (0.12, 0.1), (0.18, 0.98), (-0.18, 0.98)], WOOD)
    p.oval(-0.38, 0.0, 0.44, 0.4, c)
    p.oval(0.38, 0.0, 0.44, 0.4, c)
    p.oval(0.0, -0.42, 0.52, 0.5, c)
    p.oval(0.0, -0.02, 0.3, 0.26, shade(c, 0.12))


def mountain(p: Pen, c: RGB) -> None:
    p.poly([(-1.0, 0.9), (-0.42, -0.32), (-0.2, -0.05), (0.22, -0.92), (1.0, 0.9)], c)
    p.poly([(0.22, -0.92), (1.0, 0.9), (0.36, 0.9), (0.46, 0.2), (0.24, -0.2)], shade(c, 0.16))
    p.poly([(0.22, -0.92), (-0.01, -0.44), (0.1, -0.34), (0.2, -0.5), (0.3, -0.32), (0.44, -0.42)], accent(c))
    p.poly([(-0.42, -0.32), (-0.55, -0.05), (-0.44, -0.1), (-0.36, 0.0), (-0.3, -0.16)], accent(c))


def cat(p: Pen, c: RGB) -> None:
    p.curve((0.3, 0.85), (1.05, 0.8), (0.78, 0.05), 0.17, c)
    p.oval(0.0, 0.5, 0.44, 0.48, c)
    p.poly([(-0.42, -0.3), (-0.42, -0.9), (-0.08, -0.56)], c)
    p.poly([(0.42, -0.3), (0.42, -0.9), (0.08, -0.56)], c)
    p.oval(0.0, -0.28, 0.48, 0.4, c)
    for x in (-0.19, 0.19):
        p.oval(x, -0.33, 0.1, 0.11, (190, 225, 110))
        p.oval(x, -0.33, 0.04, 0.1, (20, 20, 20))
    p.poly([(-0.06, -0.18), (0.06, -0.18), (0.0, -0.1)], PINK)
    for y in (-0.14, -0.06):
        p.line([(0.14, y), (0.62, y - 0.05)], 0.03, shade(c, 0.55))
        p.line([(-0.14, y), (-0.62, y - 0.05)], 0.03, shade(c, 0.55))
    p.oval(-0.18, 0.92, 0.16, 0.09, shade(c))
    p.oval(0.18, 0.92, 0.16, 0.09, shade(c))


def dog(p: Pen, c: RGB) -> None:
    p.curve((-0.6, 0.05), (-0.95, -0.1), (-0.9, -0.48), 0.14, c)
    for x in (-0.55, -0.32, 0.12, 0.34):
        p.box(x - 0.09, 0.3, x + 0.09, 0.95, c)
    p.oval(-0.12, 0.18, 0.58, 0.3, c)
    p.poly([(0.2, 0.2), (0.26, -0.35), (0.62, -0.35), (0.48, 0.25)], c)
    p.oval(0.45, -0.42, 0.34, 0.3, c)
    p.oval(0.8, -0.32, 0.22, 0.15, c)
    p.oval(0.97, -0.38, 0.08, 0.07, (20, 20, 20) if luma(c) > 60 else (150, 150, 155))
    p.oval(0.24, -0.3, 0.14, 0.32, shade(c, 0.4), 0.2)
    p.oval(0.56, -0.48, 0.05, 0.06, (20, 20, 20) if luma(c) > 60 else WHITE)
    p.box(0.22, -0.08, 0.56, 0.0, (200, 50, 60) if c[0] < 200 else (50, 90, 190))


def bird(p: Pen, c: RGB) -> None:
    p.poly([(-0.45, 0.1), (-1.0, -0.1), (-0.95, 0.3)], shade(c))
    p.line([(-0.05, 0.4), (-0.05, 0.85)], 0.06, FLAME)
    p.line([(0.15, 0.4), (0.15, 0.85)], 0.06, FLAME)
    p.oval(0.0, 0.1, 0.58, 0.4, c, -0.2)
    p.oval(0.46, -0.35, 0.3, 0.29, c)
    p.poly([(0.7, -0.45), (1.02, -0.32), (0.7, -0.22)], FLAME)
    p.oval(0.54, -0.42, 0.06, 0.06, (20, 20, 20) if luma(c) > 60 else WHITE)
    p.poly([(0.25, 0.0), (-0.2, -0.62), (-0.62, -0.55), (-0.35, 0.15)], shade(c, 0.3))


def fish(p: Pen, c: RGB) -> None:
    p.poly([(-0.5, 0.0), (-1.0, -0.45), (-0.86, 0.0), (-1.0, 0.45)], shade(c))
    p.poly([(-0.2, -0.3), (0.05, -0.68), (0.38, -0.28)], shade(c))
    p.oval(0.14, 0.0, 0.74, 0.42, c)
    for x in (-0.2, 0.05):
        p.curve((x, -0.32), (x + 0.14, 0.0), (x, 0.32), 0.07, accent(c))
    p.poly([(0.15, 0.08), (-0.08, 0.36), (0.28, 0.28)], shade(c))
    p.oval(0.58, -0.1, 0.1, 0.1, WHITE)
    p.oval(0.6, -0.1, 0.05, 0.05, (20, 20, 20))


def horse(p: Pen, c: RGB) -> None:
    mane = shade(c, 0.5)
    p.curve((-0.6, -0.05), (-0.98, 0.05), (-0.88, 0.62), 0.14, mane)
    for x in (-0.52, -0.34, 0.2, 0.37):
        p.poly([(x - 0.08, 0.1), (x + 0.08, 0.1), (x + 0.05, 0.95), (x - 0.05, 0.95)], c)
        p.box(x - 0.06, 0.87, x + 0.06, 0.97, DARK)
    p.oval(-0.08, 0.08, 0.58, 0.27, c)
    p.poly([(0.18, 0.05), (0.42, -0.72), (0.68, -0.62), (0.5, 0.15)], c)
    p.oval(0.7, -0.58, 0.32, 0.15, c, 0.6)
    p.poly([(0.44, -0.7), (0.5, -0.98), (0.58, -0.7)], c)
    p.line([(0.42, -0.78), (0.3, -0.4), (0.14, -0.08)], 0.14, mane)
    p.oval(0.63, -0.66, 0.045, 0.045, (20, 20, 20) if luma(c) > 60 else WHITE)


def rabbit(p: Pen, c: RGB) -> None:
    p.oval(0.46, 0.72, 0.16, 0.15, accent(c))
    for x in (-0.2, 0.2):
        p.oval(x, -0.66, 0.13, 0.36, c, x * 0.6)
        p.oval(x, -0.66, 0.06, 0.25, PINK, x * 0.6)
    p.oval(0.0, 0.52, 0.42, 0.44, c)
    p.oval(0.0, 0.62, 0.22, 0.26, accent(c))
    p.oval(0.0, -0.1, 0.38, 0.33, c)
    for x in (-0.15, 0.15):
        p.oval(x, -0.14, 0.06, 0.07, (20, 20, 20) if luma(c) > 60 else WHITE)
        p.oval(x * 1.4, 0.92, 0.18, 0.08, c)
    p.oval(0.0, 0.0, 0.06, 0.045, PINK)
    p.box(-0.05, 0.08, 0.05, 0.18, WHITE)


def elephant(p: Pen, c: RGB) -> None:
    p.curve((-0.75, 0.0), (-0.95, 0.1), (-0.92, 0.45), 0.05, shade(c))
    for x in (-0.55, -0.25, 0.05, 0.3):
        p.box(x - 0.13, 0.3, x + 0.13, 0.95, c)
    p.oval(-0.18, 0.05, 0.64, 0.46, c)
    p.oval(0.5, -0.2, 0.36, 0.36, c)
    p.curve((0.74, -0.1), (1.08, 0.25), (0.84, 0.75), 0.2, c)
    p.poly([(0.56, 0.06), (0.7, 0.06), (0.72, 0.4)], CREAM)
    p.oval(0.28, -0.2, 0.26, 0.36, shade(c, 0.18), 0.15)
    p.oval(0.64, -0.28, 0.045, 0.05, (20, 20, 20) if luma(c) > 60 else WHITE)


def butterfly(p: Pen, c: RGB) -> None:
    for side in (-1, 1):
        p.oval(side * 0.5, -0.34, 0.48, 0.36, c, side * -0.5)
        p.oval(side * 0.4, 0.38, 0.34, 0.34, c)
        p.oval(side * 0.55, -0.36, 0.18, 0.15, accent(c))
        p.oval(side * 0.42, 0.4, 0.13, 0.13, shade(c, 0.45))
        p.curve((0.0, -0.5), (side * 0.1, -0.9), (side * 0.3, -0.92), 0.045, DARK)
    p.oval(0.0, 0.05, 0.085, 0.6, DARK)


def flower(p: Pen, c: RGB) -> None:
    p.curve((0.0, 0.0), (0.08, 0.5), (0.0, 0.98), 0.1, LEAF)
    p.oval(0.28, 0.62, 0.27, 0.11, LEAF, -0.5)
    p.oval(-0.26, 0.72, 0.25, 0.1, LEAF, 0.5)
    for step in range(7):
        turn = 2 * math.pi * step / 7
        p.oval(0.38 * math.cos(turn), -0.38 + 0.38 * math.sin(turn), 0.28, 0.17, c, turn)
    p.oval(0.0, -0.38, 0.2, 0.2, GOLD if not (c[0] > 225 and c[1] > 115 and c[2] < 120) else WOOD)


def mushroom(p: Pen, c: RGB) -> None:
    p.poly([(-0.22, 0.0), (0.22, 0.0), (0.32, 0.95), (-0.32, 0.95)], CREAM)
    dome = [(0.95 * math.cos(t), 0.1 - 0.9 * math.sin(t)) for t in (math.pi * k / 14 for k in range(15))]
    p.poly([*dome, (-0.4, 0.24), (0.4, 0.24)], c)
    for x, y, r in ((-0.5, -0.14, 0.13), (0.05, -0.48, 0.17), (0.5, -0.16, 0.14), (-0.1, -0.02, 0.1)):
        p.oval(x, y, r, r * 0.9, accent(c))


def apple(p: Pen, c: RGB) -> None:
    p.oval(-0.3, 0.18, 0.52, 0.64, c)
    p.oval(0.3, 0.18, 0.52, 0.64, c)
    p.oval(0.0, 0.3, 0.5, 0.5, c)
    p.curve((0.0, -0.32), (0.0, -0.65), (0.14, -0.9), 0.1, WOOD)
    p.oval(0.34, -0.66, 0.28, 0.13, LEAF, -0.4)
    p.oval(-0.42, -0.06, 0.1, 0.18, accent(c), 0.4)


def banana(p: Pen, c: RGB) -> None:
    outer = [(math.cos(t) * 0.98, -0.55 + math.sin(t) * 1.25) for t in (math.pi * k / 14 for k in range(1, 14))]
    inner = [(math.cos(t) * 0.86, -0.55 + math.sin(t) * 0.66) for t in (math.pi * k / 14 for k in range(13, 0, -1))]
    p.poly(outer + inner, c)
    middle = [(math.cos(t) * 0.88, -0.55 + math.sin(t) * 0.95) for t in (math.pi * k / 14 for k in range(2, 13))]
    p.line(middle, 0.06, shade(c))
    p.poly([(-0.98, -0.32), (-0.78, -0.36), (-0.86, -0.68), (-1.0, -0.66)], WOOD)
    p.oval(0.9, -0.3, 0.1, 0.09, DARK)


def cake(p: Pen, c: RGB) -> None:
    p.oval(0.0, 0.85, 0.98, 0.13, METAL)
    p.box(-0.78, 0.15, 0.78, 0.85, c)
    p.box(-0.78, 0.45, 0.78, 0.56, CREAM)
    p.box(-0.55, -0.3, 0.55, 0.15, c)
    drip = [(-0.55, -0.32), (0.55, -0.32), (0.55, -0.08), (0.36, -0.16), (0.18, -0.04), (0.0, -0.16), (-0.2, -0.02)]
    p.poly([*drip, (-0.38, -0.16), (-0.55, -0.06)], CREAM)
    for x in (-0.32, 0.0, 0.32):
        p.box(x - 0.05, -0.68, x + 0.05, -0.32, (120, 190, 230) if x else PINK)
        p.oval(x, -0.82, 0.07, 0.13, FLAME)


def cup(p: Pen, c: RGB) -> None:
    p.oval(-0.05, 0.86, 0.85, 0.12, accent(c))
    p.loop(0.6, 0.18, 0.26, 0.27, 0.13, c)
    p.poly([(-0.7, -0.28), (0.6, -0.28), (0.42, 0.82), (-0.52, 0.82)], c)
    p.oval(-0.05, -0.28, 0.65, 0.15, shade(c, 0.12))
    p.oval(-0.05, -0.26, 0.54, 0.1, (96, 62, 40))
    for x in (-0.3, 0.0, 0.26):
        p.line([(x, -0.5), (x + 0.08, -0.62), (x - 0.02, -0.76), (x + 0.06, -0.92)], 0.05, (215, 218, 222))


def chair(p: Pen, c: RGB) -> None:
    for x in (-0.52, 0.4):
        p.box(x, -0.95, x + 0.13, 0.2, shade(c))
    p.box(-0.42, -0.85, 0.42, -0.55, c)
    p.box(-0.42, -0.42, 0.42, -0.2, c)
    for x in (-0.4, 0.3):
        p.box(x, 0.2, x + 0.11, 0.72, shade(c, 0.35))
    p.poly([(-0.52, 0.05), (0.53, 0.05), (0.72, 0.32), (-0.7, 0.32)], c)
    for x in (-0.7, 0.57):
        p.box(x, 0.32, x + 0.14, 0.98, shade(c))


def lamp(p: Pen, c: RGB) -> None:
    p.oval(0.0, 0.12, 0.4, 0.12, (255, 238, 150))
    p.box(-0.06, 0.05, 0.06, 0.85, METAL)
    p.oval(0.0, 0.86, 0.42, 0.12, METAL)
    p.poly([(-0.36, -0.85), (0.36, -0.85), (0.74, 0.1), (-0.74, 0.1)], c)
    p.poly([(-0.72, 0.0), (0.72, 0.0), (0.76, 0.12), (-0.76, 0.12)], shade(c))
    p.poly([(-0.36, -0.85), (0.36, -0.85), (0.38, -0.76), (-0.38, -0.76)], shade(c))


def book(p: Pen, c: RGB) -> None:
    p.poly([(-0.62, 0.72), (0.5, 0.72), (0.74, 0.92), (-0.4, 0.92)], CREAM)
    p.poly([(0.5, -0.9), (0.74, -0.68), (0.74, 0.92), (0.5, 0.72)], CREAM)
    p.line([(0.6, -0.78), (0.6, 0.8)], 0.025, METAL)
    p.poly([(-0.62, 0.76), (-0.4, 0.98), (0.78, 0.98), (0.74, 0.92), (-0.36, 0.92), (-0.56, 0.72)], shade(c))
    p.box(-0.66, -0.92, 0.52, 0.76, c)
    p.box(-0.66, -0.92, -0.46, 0.76, shade(c))
    p.box(-0.28, -0.62, 0.36, -0.3, accent(c))
    p.line([(-0.2, -0.52), (0.28, -0.52)], 0.05, DARK)
    p.line([(-0.2, -0.4), (0.12, -0.4)], 0.05, DARK)


def clock(p: Pen, c: RGB) -> None:
    p.line([(-0.5, 0.7), (-0.68, 0.97)], 0.14, shade(c))
    p.line([(0.5, 0.7), (0.68, 0.97)], 0.14, shade(c))
    p.oval(-0.5, -0.72, 0.27, 0.2, c, -0.7)
    p.oval(0.5, -0.72, 0.27, 0.2, c, 0.7)
    p.oval(0.0, 0.12, 0.78, 0.78, c)
    p.oval(0.0, 0.12, 0.58, 0.58, CREAM)
    for step in range(12):
        turn = math.pi * step / 6
        p.oval(0.48 * math.cos(turn), 0.12 + 0.48 * math.sin(turn), 0.035, 0.035, DARK)
    p.line([(0.0, 0.12), (0.0, -0.28)], 0.07, DARK)
    p.line([(0.0, 0.12), (0.26, 0.24)], 0.08, DARK)


def key(p: Pen, c: RGB) -> None:
    p.line([(-0.2, 0.0), (0.95, 0.0)], 0.17, c)
    p.box(0.5, 0.0, 0.64, 0.42, c)
    p.box(0.78, 0.0, 0.94, 0.34, c)
    p.loop(-0.52, 0.0, 0.34, 0.36, 0.2, c)
    p.line([(-0.16, -0.03), (0.94, -0.03)], 0.03, shade(c, 0.35))


def guitar(p: Pen, c: RGB) -> None:
    p.box(-0.08, -0.8, 0.08, 0.1, WOOD)
    p.poly([(-0.15, -1.0), (0.15, -1.0), (0.11, -0.72), (-0.11, -0.72)], DARK)
    p.oval(0.0, 0.1, 0.4, 0.34, c)
    p.oval(0.0, 0.58, 0.54, 0.42, c)
    p.oval(0.0, 0.28, 0.18, 0.18, DARK)
    p.box(-0.22, 0.68, 0.22, 0.76, DARK)
    for x in (-0.035, 0.035):
        p.line([(x, -0.8), (x, 0.7)], 0.025, METAL)


def umbrella(p: Pen, c: RGB) -> None:
    p.line([(0.0, -0.9), (0.0, 0.72)], 0.08, WOOD)
    p.curve((0.0, 0.72), (0.02, 1.02), (0.3, 0.78), 0.1, WOOD)
    dome = [(0.98 * math.cos(t), 0.05 - 0.86 * math.sin(t)) for t in (math.pi * k / 16 for k in range(17))]
    scallops = [(-0.74, -0.08), (-0.49, 0.05), (-0.24, -0.08), (0.0, 0.05), (0.24, -0.08), (0.49, 0.05), (0.74, -0.08)]
    p.poly(dome + scallops, c)
    for x in (-0.49, 0.0, 0.49):
        p.curve((0.0, -0.81), (x * 0.9, -0.5), (x, 0.03), 0.035, shade(c, 0.35))


def hat(p: Pen, c: RGB) -> None:
    p.oval(0.0, 0.5, 1.0, 0.26, shade(c, 0.12))
    crown = [(0.56 * math.cos(t), 0.1 - 0.72 * math.sin(t)) for t in (math.pi * k / 12 for k in range(13))]
    p.poly([(0.6, 0.48), *crown, (-0.6, 0.48)], c)
    p.poly([(-0.59, 0.18), (0.59, 0.18), (0.6, 0.44), (-0.6, 0.44)], DARK if luma(c) > 60 else (190, 60, 60))


def ball(p: Pen, c: RGB) -> None:
    p.oval(0.0, 0.1, 0.84, 0.84, c)
    for side in (-1, 1):
        p.curve((side * 0.5, -0.54), (side * 0.02, 0.1), (side * 0.5, 0.74), 0.13, accent(c))
    p.line([(-0.8, 0.1), (0.8, 0.1)], 0.13, accent(c))
    p.oval(0.0, 0.1, 0.17, 0.17, shade(c, 0.35))


def kite(p: Pen, c: RGB) -> None:
    p.curve((0.0, 0.45), (0.4, 0.7), (0.05, 0.98), 0.05, DARK)
    for x, y in ((0.17, 0.6), (0.19, 0.82)):
        p.poly([(x - 0.16, y - 0.09), (x, y), (x - 0.16, y + 0.09)], PINK)
        p.poly([(x + 0.16, y - 0.09), (x, y), (x + 0.16, y + 0.09)], PINK)
    p.poly([(0.0, -1.0), (0.62, -0.34), (0.0, 0.46), (-0.62, -0.34)], c)
    p.poly([(0.0, -1.0), (0.62, -0.34), (0.0, -0.34)], shade(c))
    p.poly([(0.0, 0.46), (-0.62, -0.34), (0.0, -0.34)], shade(c))


def balloon(p: Pen, c: RGB) -> None:
    p.curve((0.0, 0.4), (0.22, 0.7), (-0.04, 1.0), 0.04, DARK)
    p.poly([(-0.1, 0.46), (0.1, 0.46), (0.0, 0.26)], shade(c))
    p.oval(0.0, -0.32, 0.56, 0.66, c)
    p.oval(-0.22, -0.56, 0.1, 0.17, accent(c), 0.4)


def bicycle(p: Pen, c: RGB) -> None:
    for x in (-0.56, 0.56):
        p.loop(x, 0.42, 0.4, 0.4, 0.08, DARK)
        p.line([(x - 0.36, 0.42), (x + 0.36, 0.42)], 0.025, METAL)
        p.line([(x, 0.06), (x, 0.78)], 0.025, METAL)
    p.line([(-0.56, 0.42), (-0.22, -0.2), (0.38, -0.2), (0.02, 0.42), (-0.56, 0.42)], 0.13, c)
    p.line([(-0.28, -0.34), (0.02, 0.42)], 0.12, c)
    p.line([(0.56, 0.42), (0.34, -0.45)], 0.12, c)
    p.line([(0.34, -0.45), (0.6, -0.52)], 0.1, DARK)
    p.oval(-0.3, -0.38, 0.22, 0.08, DARK)


def train(p: Pen, c: RGB) -> None:
    p.oval(0.62, -0.84, 0.2, 0.13, (222, 224, 228))
    p.oval(0.3, -0.92, 0.16, 0.1, (222, 224, 228))
    p.poly([(0.46, -0.22), (0.5, -0.6), (0.42, -0.68), (0.8, -0.68), (0.72, -0.6), (0.74, -0.22)], DARK)
    p.box(-0.2, -0.26, 0.9, 0.4, c)
    p.box(-0.9, -0.66, -0.18, 0.4, c)
    p.box(-0.98, -0.76, -0.1, -0.62, DARK)
    p.box(-0.74, -0.46, -0.34, -0.08, GLASS)
    p.poly([(0.9, 0.2), (1.02, 0.58), (0.7, 0.58), (0.7, 0.2)], shade(c, 0.4))
    p.box(-0.95, 0.38, 0.92, 0.52, shade(c, 0.4))
    for x, r in ((-0.62, 0.26), (-0.04, 0.2), (0.42, 0.2)):
        p.oval(x, 0.62, r, r, DARK)
        p.oval(x, 0.62, r * 0.45, r * 0.45, METAL)


def airplane(p: Pen, c: RGB) -> None:
    p.poly([(-0.9, -0.04), (-0.98, -0.62), (-0.72, -0.6), (-0.45, -0.1)], shade(c))
    p.poly([(-0.1, -0.05), (-0.36, -0.5), (-0.18, -0.5), (0.3, -0.05)], shade(c))
    p.poly([(-0.98, -0.1), (-0.4, -0.22), (0.6, -0.22), (0.92, -0.06), (1.0, 0.06), (0.8, 0.2), (-0.3, 0.2)], c)
    p.poly([(-0.05, 0.08), (-0.5, 0.66), (-0.28, 0.66), (0.38, 0.1)], shade(c, 0.32))
    p.poly([(0.62, -0.18), (0.86, -0.06), (0.62, -0.02)], GLASS)
    for x in (-0.45, -0.2, 0.05, 0.3):
        p.oval(x, -0.07, 0.07, 0.07, GLASS)


def rocket(p: Pen, c: RGB) -> None:
    p.poly([(-0.2, 0.6), (0.2, 0.6), (0.0, 1.02)], FLAME)
    p.poly([(-0.1, 0.6), (0.1, 0.6), (0.0, 0.82)], GOLD)
    p.poly([(-0.26, 0.1), (-0.66, 0.68), (-0.24, 0.56)], shade(c, 0.35))
    p.poly([(0.26, 0.1), (0.66, 0.68), (0.24, 0.56)], shade(c, 0.35))
    p.poly([(0.0, -1.0), (0.22, -0.66), (0.32, -0.2), (0.26, 0.6), (-0.26, 0.6), (-0.32, -0.2), (-0.22, -0.66)], c)
    p.poly([(0.0, -1.0), (0.22, -0.66), (-0.22, -0.66)], shade(c, 0.35))
    p.oval(0.0, -0.26, 0.17, 0.17, METAL)
    p.oval(0.0, -0.26, 0.11, 0.11, GLASS)


def bridge(p: Pen, c: RGB) -> None:
    for x in (-0.52, 0.52):
        p.box(x - 0.09, -0.8, x + 0.09, 0.85, c)
    p.curve((-0.52, -0.74), (0.0, 0.52), (0.52, -0.74), 0.07, shade(c))
    p.curve((-0.52, -0.74), (-0.75, -0.1), (-1.0, 0.06), 0.07, shade(c))
    p.curve((0.52, -0.74), (0.75, -0.1), (1.0, 0.06), 0.07, shade(c))
    for x in (-0.34, -0.17, 0.0, 0.17, 0.34):
        p.line([(x, -0.11 - 0.62 * (x / 0.52) ** 2), (x, 0.2)], 0.035, shade(c))
    p.box(-1.0, 0.12, 1.0, 0.34, c)
    p.box(-1.0, 0.26, 1.0, 0.34, shade(c, 0.4))


def castle(p: Pen, c: RGB) -> None:
    p.box(-0.55, -0.1, 0.55, 0.95, c)
    for x in (-0.45, -0.15, 0.15, 0.45):
        p.box(x - 0.09, -0.25, x + 0.09, -0.08, c)
    for x in (-0.72, 0.72):
        p.box(x - 0.24, -0.42, x + 0.24, 0.95, c)
        p.poly([(x - 0.32, -0.4), (x, -0.92), (x + 0.32, -0.4)], ROOF)
        p.box(x - 0.07, -0.12, x + 0.07, 0.16, DARK if luma(c) > 60 else GOLD)
    p.line([(0.0, -0.2), (0.0, -0.78)], 0.04, DARK)
    p.poly([(0.02, -0.8), (0.34, -0.68), (0.02, -0.54)], (205, 60, 60) if c[0] < 200 else (60, 90, 190))
    arch = [(0.22 * math.cos(t), 0.5 - 0.24 * math.sin(t)) for t in (math.pi * k / 8 for k in range(9))]
    p.poly([(0.22, 0.95), *arch, (-0.22, 0.95)], DARK if luma(c) > 60 else WOOD)


def lighthouse(p: Pen, c: RGB) -> None:
    p.poly([(0.2, -0.72), (1.0, -0.95), (1.0, -0.42)], (255, 240, 160))
    p.oval(0.0, 0.92, 0.62, 0.14, (120, 112, 108))
    p.poly([(-0.24, -0.5), (0.24, -0.5), (0.4, 0.92), (-0.4, 0.92)], c)
    for y in (-0.16, 0.34):
        slope, low = 0.24 + (y + 0.5) * 0.113, 0.24 + (y + 0.7) * 0.113
        p.poly([(-slope, y), (slope, y), (low, y + 0.2), (-low, y + 0.2)], accent(c))
    p.box(-0.32, -0.56, 0.32, -0.46, DARK)
    p.box(-0.18, -0.84, 0.18, -0.56, GOLD)
    p.poly([(-0.26, -0.82), (0.0, -1.02), (0.26, -0.82)], DARK)


def tent(p: Pen, c: RGB) -> None:
    p.line([(-0.08, -0.72), (0.08, -0.9)], 0.06, WOOD)
    p.poly([(0.0, -0.75), (0.5, -0.55), (1.0, 0.82), (0.6, 0.9)], shade(c))
    p.poly([(0.0, -0.75), (0.6, 0.9), (-0.8, 0.9)], c)
    p.poly([(0.0, -0.4), (0.18, 0.9), (-0.34, 0.9)], DARK if luma(c) > 60 else GOLD)
    p.line([(-0.8, 0.9), (-1.0, 0.95)], 0.05, WOOD)


DRAWINGS: dict[str, Drawing] = {
    function.__name__: function
    for function in (
        boat, house, car, tree, mountain, cat, dog, bird, fish, horse, rabbit, elephant, butterfly,
        flower, mushroom, apple, banana, cake, cup, chair, lamp, book, clock, key, guitar, umbrella,
        hat, ball, kite, balloon, bicycle, train, airplane, rocket, bridge, castle, lighthouse, tent,
    )
}  # fmt: skip
"""The drawing of each thing, by its English name in the vocabulary."""
