"""The demo: a small illustrated world in a home and an index of its own, and a tour of what can be asked of it."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from core.config import Folders, Settings, default_folders, folders_under, load_settings, save_settings
from core.engine import Engine
from core.models.library import import_model, list_models
from core.resources import resource
from core.room import disk_trouble
from core.types import Kind, ModelRole, Query, SearchResult

DEMO_MODELS = {ModelRole.PHOTO: "demo-clip", ModelRole.SPEECH: "demo-whisper"}
TIME_TOLERANCE_S = 1.0  # how far a found sentence may lie from where it was spoken


@dataclass(frozen=True)
class Demo:
    """A prepared demo: its own settings, and the folder to search."""

    settings: Settings
    library: Path


@dataclass(frozen=True)
class TourStep:
    """One query of the tour with its answer. ``wrong`` says what is not as expected, None when all is."""

    name: str
    query: Query
    result: SearchResult
    wrong: str | None


def demo_folders(base: Folders | None = None) -> Folders:
    """The demo's own home, inside the user's data folder and never mixed with the user's index."""
    return folders_under((base or default_folders()).data / "demo")


def prepare_demo(base: Folders | None = None) -> Demo:
    """Lay out the demo's home: its library, models and settings. A second call changes nothing.

    Raises ``SettingsError`` or ``ModelError`` where that is refused, ``NoRoomError`` and ``StorageError``.
    """
    folders = demo_folders(base)
    folders.create()
    library = folders.data.parent / "library"
    if not library.exists():
        _lay_out(library)
    settings = load_settings(folders)
    installed = {info.name for info in list_models(settings) if info.installed}
    for name in DEMO_MODELS.values():
        if name not in installed:
            import_model(settings, resource("demo", "models", name), demo=True)
    if settings.models.get(ModelRole.PHOTO) is None:
        settings = Settings(folders, {**settings.models, **DEMO_MODELS}, languages=("en",))
        save_settings(settings)
    return Demo(settings, library)


def _lay_out(library: Path) -> None:
    """Copy the library whole or not at all: a copy that was cut off is not taken for one at the next start."""
    source, partial = resource("demo", "library"), library.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a sudden end
    try:
        # Not ``copytree``, which goes on after an error and tells of none as the system did.
        for file in (path for path in source.rglob("*") if path.is_file()):
            target = partial / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)
        partial.replace(library)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise disk_trouble(error, library, "the demo's library could not be copied") from error


def run_tour(engine: Engine, library: Path) -> Iterator[TourStep]:
    """Ask every query of the tour, which lies in ``resources/demo/tour.toml`` with its right answers."""
    tour = tomllib.loads(resource("demo", "tour.toml").read_text("utf-8"))
    for entry in tour["query"]:
        query = _query(entry, library)
        result = engine.search(query)
        yield TourStep(entry["name"], query, result, _judge(entry, result, library))


def _query(entry: dict[str, Any], library: Path) -> Query:
    return Query(
        text=entry.get("text", ""),
        like=tuple(_example(name, library) for name in entry.get("like", [])),
        kinds=frozenset(Kind(kind) for kind in entry.get("kind", [])),
        after=_day(entry.get("after")),
        before=_day(entry.get("before")),
        limit=5,
    )


def _example(name: str, library: Path) -> Path:
    """An example lies in the library, or beside it among the files that are not in the index."""
    inside = library / name
    return inside if inside.exists() else resource("demo", *name.split("/"))


def _day(value: str | date | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _judge(entry: dict[str, Any], result: SearchResult, library: Path) -> str | None:
    if entry.get("expect_nothing"):
        return f"expected nothing, found {result.hits[0].display_path}" if result.hits else None
    if not result.hits:
        return "found nothing"
    first = result.hits[0]
    expected = {os.fsencode(library / name) for name in entry["expect"]}
    if first.path not in expected:
        return f"expected {' or '.join(entry['expect'])}, found {first.display_path} first"
    locator = first.best.locator
    if "page" in entry and locator.page != entry["page"]:
        return f"expected page {entry['page']}, found page {locator.page}"
    if "start_s" in entry and abs((locator.start_s or 0.0) - entry["start_s"]) > TIME_TOLERANCE_S:
        return f"expected {entry['start_s']} s, found {locator.start_s} s"
    return None
