"""Settings and the folders they name: a frozen dataclass, read from and written to TOML.

``FINDLING_HOME`` puts index, cache, configuration, models and logs under one folder; without it they live
where the platform wants them (platformdirs).
"""

from __future__ import annotations

import os
import threading
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import platformdirs

from core import private
from core.errors import SettingsError, UsageError
from core.room import disk_trouble
from core.types import CpuShare, ModelRole

HOME_VARIABLE = "FINDLING_HOME"


@dataclass(frozen=True)
class Folders:
    """Where everything of ours lives; nothing is ever written anywhere else."""

    data: Path  # the index
    cache: Path  # thumbnails, snapshots of vectors, decoded audio while it is transcribed
    config: Path
    models: Path
    logs: Path

    @property
    def index(self) -> Path:
        return self.data / "index.db"

    @property
    def lock(self) -> Path:
        return self.data / "index.lock"

    @property
    def thumbnails(self) -> Path:
        return self.cache / "thumbnails"

    @property
    def vectors(self) -> Path:
        return self.cache / "vectors"

    @property
    def spool(self) -> Path:
        return self.cache / "spool"

    @property
    def settings(self) -> Path:
        return self.config / "findling.toml"

    def never_scanned(self) -> frozenset[bytes]:
        """The real paths of these folders, which no scan enters."""
        own = (self.data, self.cache, self.config, self.models, self.logs)
        return frozenset(os.fsencode(os.path.realpath(folder)) for folder in own)

    def create(self) -> None:
        """Make the folders, readable by their owner only. Raises ``StorageError`` where that is refused."""
        for folder in (self.data, self.cache, self.config, self.models, self.logs, self.thumbnails, self.spool):
            try:
                private.make_folder(folder)
            except OSError as error:
                raise disk_trouble(error, folder, "the folder cannot be made") from error


def default_folders() -> Folders:
    """The folders that ``FINDLING_HOME`` or the platform name."""
    home = os.environ.get(HOME_VARIABLE)
    if home:
        base = Path(home).expanduser().absolute()
        return folders_under(base)
    dirs = platformdirs.PlatformDirs("findling", appauthor=False)
    data = Path(dirs.user_data_dir)
    return Folders(
        data=data,
        cache=Path(dirs.user_cache_dir),
        config=Path(dirs.user_config_dir),
        models=data / "models",
        logs=Path(dirs.user_log_dir),
    )


def folders_under(base: Path) -> Folders:
    """All folders under one, as ``FINDLING_HOME`` and the demo use them."""
    return Folders(
        data=base / "data",
        cache=base / "cache",
        config=base / "config",
        models=base / "models",
        logs=base / "logs",
    )


@dataclass(frozen=True)
class Settings:
    """What a person can set. ``models`` holds only roles for which a choice was made."""

    folders: Folders
    models: dict[ModelRole, str] = field(default_factory=dict)
    languages: tuple[str, ...] = ()  # spoken languages to expect, ISO 639-1; empty: detect for each recording
    cpu_share: CpuShare = CpuShare.BALANCED  # what indexing in the background may take
    pause_on_battery: bool = True
    pause_when_busy: bool = True  # while other programs keep most of the processor
    exclude: tuple[str, ...] = ()  # patterns of what is passed over in every folder

    def with_model(self, role: ModelRole, name: str) -> Settings:
        return replace(self, models={**self.models, role: name})


def load_settings(folders: Folders | None = None) -> Settings:
    """Read the settings; a missing file means the defaults.

    Raises ``SettingsError`` naming the file when it is not valid.
    """
    folders = folders or default_folders()
    try:
        # Read by the standard library, which is ten times as fast: the indexer looks every second.
        document = tomllib.loads(folders.settings.read_text("utf-8"))
    except FileNotFoundError:
        return Settings(folders)
    except OSError as error:
        why = f"the settings cannot be read: {error.strerror}"
        raise SettingsError(why, path=folders.settings) from error
    except UnicodeDecodeError as error:
        why = "these are no settings, but other bytes; mend the file or move it away"
        raise SettingsError(why, path=folders.settings) from error
    except (ValueError, RecursionError) as error:  # also for numbers of more digits than Python takes
        why = f"not a readable settings file: {error}; mend it or move it away"
        raise SettingsError(why, path=folders.settings) from error
    models, speech, indexing = (_table(document, name, folders) for name in ("models", "speech", "indexing"))
    known = {role.value for role in ModelRole}
    languages = speech.get("languages", [])
    if not isinstance(languages, list) or not all(isinstance(code, str) for code in languages):
        raise SettingsError('[speech] languages must be a list such as ["en", "de"]', path=folders.settings)
    try:
        share = CpuShare(indexing.get("cpu_share", CpuShare.BALANCED))
    except ValueError as error:
        choices = ", ".join(f'"{one}"' for one in CpuShare)
        raise SettingsError(f"[indexing] cpu_share must be one of {choices}", path=folders.settings) from error
    return Settings(
        folders,
        models={ModelRole(role): str(name) for role, name in models.items() if role in known},
        languages=tuple(languages),
        cpu_share=share,
        pause_on_battery=_flag(indexing, "pause_on_battery", folders),
        pause_when_busy=_flag(indexing, "pause_when_busy", folders),
        exclude=_patterns(indexing, folders),
    )


def _table(document: dict[str, Any], name: str, folders: Folders) -> dict[str, Any]:
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise SettingsError(f"[{name}] must be a table", path=folders.settings)
    return table


def _flag(table: dict[str, Any], name: str, folders: Folders) -> bool:
    value = table.get(name, True)
    if not isinstance(value, bool):
        raise SettingsError(f"[indexing] {name} must be true or false", path=folders.settings)
    return value


def _patterns(table: dict[str, Any], folders: Folders) -> tuple[str, ...]:
    patterns = table.get("exclude", [])
    if not isinstance(patterns, list) or not all(isinstance(one, str) for one in patterns):
        raise SettingsError('[indexing] exclude must be a list such as ["*.bak", "Private/"]', path=folders.settings)
    if patterns:
        from core.patterns import check_pattern  # here, because most people have none

        try:
            return tuple(check_pattern(one) for one in patterns)
        except UsageError as error:
            raise SettingsError(f"[indexing] exclude: {error.message}", path=folders.settings) from error
    return ()


def settings_stamp(folders: Folders) -> tuple[int, int, int] | None:
    """Inode, size and mtime of the settings file, None where there is none. Saving puts a new file in its place."""
    try:
        status = folders.settings.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


# Reading, changing and writing is one step: a person who picks this and that is served by several threads.
settings_turn = threading.RLock()


def save_settings(settings: Settings) -> None:
    """Write the settings beside what else the file holds, comments included, in one step.

    Raises ``NoRoomError`` or ``StorageError`` where they cannot be written; the old ones are still there then.
    """
    import tomlkit  # here, because most processes only ever read them

    with settings_turn:
        _save(settings, tomlkit)


def _save(settings: Settings, tomlkit: ModuleType) -> None:
    path = settings.folders.settings
    try:
        document = tomlkit.parse(path.read_text("utf-8")) if path.exists() else tomlkit.document()
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"the settings file cannot be added to: {error}", path=path) from error
    document["models"] = {role.value: name for role, name in sorted(settings.models.items())}
    document["speech"] = {"languages": list(settings.languages)}
    indexing = document.setdefault("indexing", {})
    indexing["cpu_share"] = settings.cpu_share.value
    indexing["pause_on_battery"] = settings.pause_on_battery
    indexing["pause_when_busy"] = settings.pause_when_busy
    if settings.exclude or "exclude" in indexing:
        indexing["exclude"] = list(settings.exclude)
    try:
        private.make_folder(path.parent)
        private.replace_file(path, tomlkit.dumps(document).encode())
    except OSError as error:
        raise disk_trouble(error, path, "the settings could not be saved") from error
