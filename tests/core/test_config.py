"""The settings file: what it says, what it may not say, and what saving leaves alone."""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from core import cpu
from core.config import Settings, folders_under, load_settings, save_settings, settings_turn
from core.errors import SettingsError
from core.types import CpuShare


def write(settings: Settings, text: str) -> None:
    settings.folders.settings.write_text(text, "utf-8")


def test_without_a_file_indexing_is_a_modest_guest(settings: Settings) -> None:
    loaded = load_settings(settings.folders)
    assert (loaded.cpu_share, loaded.pause_on_battery, loaded.pause_when_busy) == (CpuShare.BALANCED, True, True)


@pytest.mark.parametrize("share", list(CpuShare))
def test_what_is_saved_is_loaded_and_the_rest_of_the_file_stays(settings: Settings, share: CpuShare) -> None:
    write(settings, '# by hand\n[indexing]\nnote = "mine"\n')
    chosen = replace(settings, cpu_share=share, pause_on_battery=False)
    save_settings(chosen)
    assert load_settings(settings.folders) == chosen
    text = settings.folders.settings.read_text("utf-8")
    assert "# by hand" in text
    assert 'note = "mine"' in text


@pytest.mark.parametrize(
    "text",
    [
        '[indexing]\ncpu_share = "all"',
        "[indexing]\ncpu_share = ['full']",
        '[indexing]\npause_on_battery = "yes"',
        "[indexing]\npause_when_busy = 1",
        "indexing = 1",
        "[indexing",
    ],
)
def test_a_wrong_value_names_the_file(settings: Settings, text: str) -> None:
    write(settings, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(settings.folders)
    assert caught.value.path == settings.folders.settings


@pytest.mark.parametrize(
    ("cores", "threads"),
    [(1, (1, 1, 1)), (2, (1, 1, 2)), (3, (1, 2, 3)), (8, (1, 4, 8))],
)
def test_a_share_is_a_number_of_threads(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: tuple[int, int, int]
) -> None:
    monkeypatch.setattr(cpu, "cores", lambda: cores)
    assert tuple(cpu.threads(share) for share in (CpuShare.QUIET, CpuShare.BALANCED, CpuShare.FULL)) == threads
    assert all(1 <= cpu.readers(share) <= cores for share in CpuShare)
    assert cpu.query_threads() == cores


def test_a_person_who_set_the_number_of_threads_goes_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cpu.THREADS_VARIABLE, raising=False)
    assert cpu.thread_environment(3)[cpu.THREADS_VARIABLE] == "3"
    monkeypatch.setenv(cpu.THREADS_VARIABLE, "5")
    assert cpu.THREADS_VARIABLE not in cpu.thread_environment(3)
    assert cpu.threads_here() == 5


def test_choices_made_at_once_are_all_kept(home: Path) -> None:
    """Several threads save, as when a person ticks one box after another: no file is torn, and no choice is lost."""

    def choose(share: CpuShare) -> None:
        for _ in range(20):
            with settings_turn:
                save_settings(replace(load_settings(), cpu_share=share))

    threads = [threading.Thread(target=choose, args=(share,)) for share in CpuShare]
    for thread in threads:
        thread.start()
    for _ in range(100):
        load_settings()
    for thread in threads:
        thread.join()
    assert load_settings().cpu_share in CpuShare
    assert [path.name for path in (home / "config").iterdir()] == ["findling.toml"]


@pytest.mark.skipif(os.name != "posix", reason="the profile's rights do that on Windows")
def test_what_is_made_above_our_folders_is_closed_too(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folders_under(tmp_path / "new" / "home").create()
    finally:
        os.umask(before)
    made = [tmp_path / "new", *(path for path in (tmp_path / "new").rglob("*"))]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o700}


def test_what_are_no_settings_is_told_without_a_decoders_words(settings: Settings) -> None:
    settings.folders.config.mkdir(parents=True, exist_ok=True)
    settings.folders.settings.write_bytes(bytes(range(128, 256)))
    with pytest.raises(SettingsError, match="move it away"):
        load_settings(settings.folders)
    settings.folders.settings.unlink()
    settings.folders.settings.mkdir()
    with pytest.raises(SettingsError, match="cannot be read") as caught:
        load_settings(settings.folders)
    assert str(settings.folders.settings) not in caught.value.message  # said once, before it
