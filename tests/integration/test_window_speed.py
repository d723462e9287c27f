"""Indexing speed and pauses, from the menu to the settings file and the work, through the real window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu

from core.config import load_settings, save_settings
from core.pace import Load, LoadMeter
from core.types import CpuShare
from desktop.actions import Act
from desktop.theme import Theme
from tests.integration.test_window import Driver, opened, picture

pytestmark = pytest.mark.windowed


class Power:
    """The computer's plug, in a test's hand."""

    def __init__(self) -> None:
        self.on_battery = True

    def look(self) -> Load:
        return Load(self.on_battery, others=0.0)


@pytest.fixture
def power(monkeypatch: pytest.MonkeyPatch) -> Power:
    power = Power()
    monkeypatch.setattr(LoadMeter, "look", lambda meter: power.look())
    save_settings(replace(load_settings(), pause_on_battery=True))
    return power


@pytest.fixture
def window(qtbot, qapp) -> Iterator[Driver]:
    Theme(qapp)
    session = opened()
    session.start()
    driver = Driver(session, qtbot)
    driver.wait(lambda: session.services.library.snapshot is not None)
    yield driver
    session.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "Pictures"
    made.mkdir()
    for number in range(3):
        picture(made / f"IMG_{number}.jpg", (220, 30, 30))
    return made


def speed_menu(driver: Driver) -> QMenu:
    (menu,) = {action.menu() for action in driver.window.bar.menu_button.menu().actions() if action.menu()}
    return menu


def test_on_battery_the_work_waits_until_a_person_insists(power: Power, window: Driver, folder: Path):
    window.window.library.add_folders([folder])
    window.wait(lambda: window.window.status_line.text == "Paused on battery · 3 files left")
    assert window.session.services.library.snapshot.status.files == 3, "names are there all the same"
    window.press("Index anyway", window.window.status_line)
    window.wait(window.is_done)
    assert window.window.status_line.text == "3 files, up to date"


def test_the_cable_lets_the_work_go_on(power: Power, window: Driver, folder: Path):
    window.window.library.add_folders([folder])
    window.wait(lambda: window.window.status_line.text == "Paused on battery · 3 files left")
    power.on_battery = False
    window.wait(window.is_done)


def test_a_pause_is_switched_off_in_the_menu(power: Power, window: Driver, folder: Path):
    window.window.library.add_folders([folder])
    window.wait(lambda: window.window.status_line.text.startswith("Paused on battery"))
    action = window.window.acts[Act.ON_BATTERY]
    assert action in speed_menu(window).actions()
    assert action.isChecked()
    action.trigger()
    window.wait(window.is_done)
    assert not load_settings().pause_on_battery
    assert not action.isChecked()


def test_the_share_is_chosen_by_key_and_kept(window: Driver, qtbot):
    acts = window.window.acts
    assert acts[Act.BALANCED].isChecked()
    qtbot.keyClick(window.window, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    window.wait(lambda: load_settings().cpu_share is CpuShare.QUIET)
    window.wait(lambda: window.session.services.library.snapshot.settings.cpu_share is CpuShare.QUIET)
    assert [act for act in (Act.QUIET, Act.BALANCED, Act.FULL) if acts[act].isChecked()] == [Act.QUIET]
    assert window.session.services.engine.settings.cpu_share is CpuShare.QUIET


def test_a_share_that_the_settings_file_names_is_shown(window: Driver):
    save_settings(replace(load_settings(), cpu_share=CpuShare.FULL))
    window.wait(lambda: window.session.services.engine.settings.cpu_share is CpuShare.FULL)
    window.session.services.library.refresh_now()
    window.wait(window.window.acts[Act.FULL].isChecked)
