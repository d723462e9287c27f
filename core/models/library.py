"""What the command line and the window do with models: list, fetch, import, verify, choose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core.cancel import CancelToken
from core.config import Settings
from core.errors import FetchError, ModelError, ModelMissingError
from core.models.catalogue import Catalogue, shipped_catalogue
from core.models.download import download
from core.models.failures import one_line
from core.models.importing import copy_files, describe, recognise
from core.models.install import install, work_folder
from core.models.installed import InstalledModel, check_unchanged, find_installed, manifest_of
from core.models.listing import list_models
from core.models.verify import verify_models
from core.room import FULL, disk_trouble, require
from core.types import ModelInfo

__all__ = ["fetch_model", "import_model", "list_models", "use_model", "verify_models"]

OnProgress = Callable[[int, int], None]  # bytes done, bytes in all


def fetch_model(
    settings: Settings,
    name: str,
    on_progress: OnProgress | None = None,
    cancel: CancelToken | None = None,
    catalogue: Catalogue | None = None,
) -> ModelInfo:
    """Fetch a model of the catalogue over the network and install it; one that is there and whole is left alone.

    ``on_progress`` gets bytes done and bytes in all, at most ten times a second. A transfer that was cut or
    cancelled goes on from where it was at the next call. Raises ``UsageError`` for an unknown name, ``FetchError``
    when it cannot be had, ``NoRoomError`` where it does not fit, ``ModelError`` when what came does not work,
    ``Cancelled``.
    """
    catalogue = catalogue or shipped_catalogue()
    entry = catalogue.get(name)
    model = find_installed(settings, name, catalogue)
    if model is None or not _whole(model):
        if entry.package:
            raise FetchError(f'"{name}" comes with the Python package {entry.package}, which is missing or damaged')
        try:
            with work_folder(settings, name, kept=True) as work:
                weights = download(entry, work, on_progress, cancel)
                install(settings, work, replace(manifest_of(entry, ()), weights=weights), entry.sha256, cancel)
        except OSError as error:
            if error.errno in FULL:
                raise disk_trouble(error, settings.folders.models, f'"{name}" could not be put in place') from error
            raise FetchError(f'"{name}" could not be put in place: {one_line(error)}') from error
    return _info_named(settings, name, catalogue)


def import_model(
    settings: Settings,
    folder: Path,
    *,
    demo: bool = False,
    catalogue: Catalogue | None = None,
    cancel: CancelToken | None = None,
) -> ModelInfo:
    """Install a copy of a model folder (or of a single Whisper ``.pt`` file) from a disk.

    ``demo`` marks a model that knows the demo's drawn world only: it is used where it is chosen (``use_model``) and
    never by itself. Raises ``ModelError`` when it is of no known form, does not load, or holds a pickle that is more
    than weights; ``NoRoomError`` where it does not fit; ``Cancelled``. Nothing is left of it then.
    """
    catalogue = catalogue or shipped_catalogue()
    found = recognise(folder)
    try:
        draft, sha256 = describe(found, catalogue, demo=demo)
        with work_folder(settings, draft.name) as work:
            size_bytes = sum((found.folder / name).stat().st_size for name in found.files)
            require(settings.folders.models, size_bytes, f"a copy of {folder.name}")
            copy_files(found, work)
            install(settings, work, draft, sha256, cancel)
    except OSError as error:
        if error.errno in FULL:
            raise disk_trouble(error, settings.folders.models, f"{folder.name} could not be copied") from error
        raise ModelError(f"cannot be copied: {one_line(error)}", path=folder) from error
    return _info_named(settings, draft.name, catalogue)


def use_model(settings: Settings, name: str, catalogue: Catalogue | None = None) -> Settings:
    """Settings in which an installed model is the chosen one of its role; saving them is the caller's.

    Raises ``UsageError`` for an unknown name, ``ModelMissingError`` when the model is not on this computer.
    """
    model = find_installed(settings, name, catalogue)
    if model is None:
        (catalogue or shipped_catalogue()).get(name)
        raise ModelMissingError(f'"{name}" is not on this computer; "findling models fetch {name}" gets it')
    return settings.with_model(model.role, name)


def _info_named(settings: Settings, name: str, catalogue: Catalogue) -> ModelInfo:
    return next(info for info in list_models(settings, catalogue) if info.name == name)


def _whole(model: InstalledModel) -> bool:
    try:
        check_unchanged(model)
    except ModelError:
        return False
    return True
