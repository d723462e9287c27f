"""The catalogue and what is on this computer, as a person sees them."""

from __future__ import annotations

from core.config import Settings
from core.models.catalogue import Catalogue, CatalogueEntry, shipped_catalogue
from core.models.installed import InstalledModel, active_model, installed_models
from core.models.prepared import prepared_folder, read_prepared
from core.models.specs import Tower
from core.models.speech_forms import speech_backend
from core.types import ModelInfo, ModelRole

_INDEXING_TOWER = {ModelRole.PHOTO: Tower.PICTURES, ModelRole.TEXT: Tower.PASSAGES}


def list_models(settings: Settings, catalogue: Catalogue | None = None) -> list[ModelInfo]:
    """The catalogue in its order, then what else is installed."""
    catalogue = catalogue or shipped_catalogue()
    installed = {model.name: model for model in installed_models(settings, catalogue)}
    in_use = [active_model(settings, role, catalogue) for role in ModelRole]
    active = {model.name for model in in_use if model is not None}
    infos = []
    for entry in catalogue.entries:
        model = installed.pop(entry.name, None)
        infos.append(info_of(model, settings, active=entry.name in active) if model else offer_of(entry))
    return infos + [info_of(model, settings, active=name in active) for name, model in installed.items()]


def info_of(model: InstalledModel, settings: Settings, *, active: bool) -> ModelInfo:
    """The line of an installed model."""
    manifest = model.manifest
    if model.role is ModelRole.SPEECH:
        backend = speech_backend(model)
    else:
        prepared = read_prepared(prepared_folder(settings, model), model)
        backend = None if prepared is None else prepared.kept(_INDEXING_TOWER[model.role]).value
    return ModelInfo(
        name=manifest.name,
        role=manifest.role,
        title=manifest.title,
        size_bytes=manifest.size_bytes,
        licence=manifest.licence,
        languages=manifest.languages,
        dim=manifest.dim,
        source=manifest.source,
        installed=True,
        active=active,
        demo=manifest.demo,
        backend=backend,
    )


def offer_of(entry: CatalogueEntry) -> ModelInfo:
    """The line of a model that can be fetched."""
    return ModelInfo(
        name=entry.name,
        role=entry.role,
        title=entry.title,
        size_bytes=entry.size_bytes,
        licence=entry.licence,
        languages=entry.languages,
        dim=entry.dim,
        source=entry.source,
        installed=False,
        active=False,
    )
