"""Whether the installed models are still what was installed."""

from __future__ import annotations

from pathlib import Path

from core.config import Settings
from core.errors import ModelError
from core.models.catalogue import ROLE_OF_FORM, Catalogue, shipped_catalogue
from core.models.importing import recognise
from core.models.installed import active_model, installed_models, model_folders, read_manifest, verify_files
from core.models.listing import info_of, offer_of
from core.types import ModelInfo, ModelRole


def verify_models(settings: Settings, catalogue: Catalogue | None = None) -> list[tuple[ModelInfo, bool, str]]:
    """Hash every file of every installed model again: (model, whole, what was found)."""
    catalogue = catalogue or shipped_catalogue()
    results = []
    for folder in model_folders(settings):
        try:
            read_manifest(folder)
        except ModelError as error:
            results.append((_unreadable(folder, catalogue), False, str(error)))
    in_use = [active_model(settings, role, catalogue) for role in ModelRole]
    for model in installed_models(settings, catalogue):
        info = info_of(model, settings, active=model in in_use)
        try:
            verify_files(model)
        except ModelError as error:
            results.append((info, False, str(error)))
        else:
            results.append((info, True, "every file is as it was installed"))
    return results


def _unreadable(folder: Path, catalogue: Catalogue) -> ModelInfo:
    """What can still be said of a model whose manifest is broken."""
    entry = catalogue.find(folder.name)
    if entry is not None:
        return offer_of(entry)
    try:
        role = ROLE_OF_FORM[recognise(folder).form]
    except ModelError:
        role = ModelRole.PHOTO  # nothing in the folder tells; no one uses it in this state
    return ModelInfo(folder.name, role, folder.name, 0, "not stated", "not stated", None, "a folder", False, False)
