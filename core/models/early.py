"""The text model's tower, loaded before anybody says which model is in use."""

from __future__ import annotations

import logging
import threading

from core.config import Folders, load_settings
from core.errors import FindlingError
from core.models.installed import active_model
from core.models.messages import ModelRef
from core.models.prepared import prepared_folder
from core.models.runtime import has_openvino, import_openvino
from core.models.towers import QueryTower, query_tower
from core.types import ModelRole

logger = logging.getLogger(__name__)


class EarlyTower:
    """Loads what the settings name in a thread of its own, while the rest of the query child is still imported.

    Compiling the graph takes a quarter of a second outside of Python, so that an import can pass beside it. What is
    Python is done before the thread starts: two threads that import only wait for each other.
    """

    def __init__(self, folders: Folders, threads: int = 0) -> None:
        self._threads = threads
        self._loaded: tuple[ModelRef, QueryTower] | None = None
        self._thread: threading.Thread | None = None
        ref = _prepared_text_model(folders)
        if ref is not None and has_openvino():
            import_openvino()
            self._thread = threading.Thread(target=self._load, args=(ref,), name="early-tower", daemon=True)
            self._thread.start()

    def take(self, ref: ModelRef) -> QueryTower | None:
        """The tower, once, if it is that model's as it is prepared now; waits for the loading to end."""
        if self._thread is not None:
            self._thread.join()
        loaded, self._loaded = self._loaded, None
        return loaded[1] if loaded is not None and loaded[0] == ref else None

    def _load(self, ref: ModelRef) -> None:
        folder = ref.prepared_folder
        tower = query_tower(ref.resolve(), folder, threads=self._threads) if folder is not None else None
        if tower is not None:
            self._loaded = (ref, tower)


def _prepared_text_model(folders: Folders) -> ModelRef | None:
    """The text model in use, if it was prepared."""
    try:
        settings = load_settings(folders)
    except FindlingError as error:
        logger.info("no tower is loaded early: %s", error)  # who asks a question is told
        return None
    model = active_model(settings, ModelRole.TEXT)
    ref = ModelRef.of(model, prepared_folder(settings, model)) if model is not None else None
    return ref if ref is not None and ref.prepared_folder is not None else None
