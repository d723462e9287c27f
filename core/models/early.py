"""The words' towers, loaded before anybody says which models are in use."""

from __future__ import annotations

import logging
import threading

from core.config import Folders, load_settings
from core.errors import FindlingError
from core.models.installed import active_model
from core.models.messages import ModelRef
from core.models.prepared import prepared_folder
from core.models.runtime import block_converter, has_openvino, import_openvino
from core.models.towers import QueryTower, query_tower
from core.types import ModelRole

logger = logging.getLogger(__name__)


class EarlyTowers:
    """Loads what the settings name in threads of their own, while the rest of the query child is still imported.

    Compiling a graph takes a quarter of a second and more outside of Python, so that an import can pass beside it. What
    is Python is done before a thread starts: two threads that import only wait for each other.
    """

    def __init__(self, folders: Folders) -> None:
        self._loaded: dict[ModelRole, tuple[ModelRef, QueryTower]] = {}
        self._loading: dict[ModelRole, threading.Thread] = {}
        prepared = _prepared_models(folders)
        if prepared and has_openvino():
            block_converter()
            import_openvino()
            for role, ref in prepared.items():
                thread = threading.Thread(target=self._load, args=(role, ref), name=f"early-{role}", daemon=True)
                self._loading[role] = thread
                thread.start()

    @property
    def loading(self) -> bool:
        """Whether a tower is still being loaded."""
        return any(thread.is_alive() for thread in self._loading.values())

    def take(self, role: ModelRole, ref: ModelRef) -> QueryTower | None:
        """The tower of a role, once, if it is that model's as it is prepared now; waits for its loading to end."""
        if role in self._loading:
            self._loading[role].join()
        loaded = self._loaded.pop(role, None)
        return loaded[1] if loaded is not None and loaded[0] == ref else None

    def _load(self, role: ModelRole, ref: ModelRef) -> None:
        folder = ref.prepared_folder
        tower = query_tower(ref.resolve(), folder) if folder is not None else None
        if tower is not None:
            self._loaded[role] = (ref, tower)


def _prepared_models(folders: Folders) -> dict[ModelRole, ModelRef]:
    """The models in use that were prepared, of those that encode words."""
    try:
        settings = load_settings(folders)
    except FindlingError as error:
        logger.info("no tower is loaded early: %s", error)  # who asks a question is told
        return {}
    refs: dict[ModelRole, ModelRef] = {}
    for role in (ModelRole.TEXT, ModelRole.PHOTO):
        model = active_model(settings, role)
        if model is not None:
            ref = ModelRef.of(model, prepared_folder(settings, model))
            if ref.prepared_folder is not None:
                refs[role] = ref
    return refs
