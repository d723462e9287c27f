"""Contrast, icons and the style sheet, in both schemes."""

from __future__ import annotations

import itertools
import json

import pytest
import qtawesome
from PySide6.QtGui import QColor

from desktop.actions import SPECS
from desktop.theme import DARK, LIGHT, Tokens, application_icon, icon
from desktop.wording import KIND_ICONS


def luminance(name: str) -> float:
    """Relative luminance by WCAG 2.2."""

    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    value = QColor(name)
    return 0.2126 * linear(value.redF()) + 0.7152 * linear(value.greenF()) + 0.0722 * linear(value.blueF())


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


GROUNDS = ("window", "surface", "sidebar", "hover", "selection", "notice", "mark")


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        *itertools.product(("text",), GROUNDS),
        *itertools.product(("meta",), ("window", "surface", "sidebar", "hover", "selection")),
        *itertools.product(("error", "warning"), ("window", "surface", "sidebar")),
        *itertools.product(("link",), ("window", "surface", "sidebar", "hover", "selection")),
        ("on_accent", "accent"),
        ("on_accent", "accent_hover"),
    ],
)
def test_text_can_be_read(scheme: Tokens, ink: str, ground: str):
    assert contrast(getattr(scheme, ink), getattr(scheme, ground)) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["window", "surface", "sidebar", "selection"])
def test_focus_rings_can_be_seen(scheme: Tokens, ground: str):
    assert contrast(scheme.accent, getattr(scheme, ground)) >= 3.0


def test_every_icon_of_an_action_and_of_a_kind_exists(qapp):
    for name in {spec.icon for spec in SPECS} | set(KIND_ICONS.values()):
        assert qtawesome.charmap(f"ph.{name}")
        assert not icon(name).pixmap(18, 18).toImage().isNull()


def test_the_application_icon_is_drawn_with_round_corners(qapp):
    image = application_icon().pixmap(128, 128).toImage()
    assert image.pixelColor(10, 10).alpha() == 0
    assert image.pixelColor(64, 64).alpha() == 255


def test_actions_have_a_key_each_and_no_key_twice():
    keys = [key for spec in SPECS for key in spec.keys]
    assert all(spec.keys for spec in SPECS)
    assert len(keys) == len(set(keys)), json.dumps(sorted(keys))


def test_the_style_sheet_names_only_known_colours(qapp):
    assert qapp.styleSheet()
    assert "$" not in qapp.styleSheet()
