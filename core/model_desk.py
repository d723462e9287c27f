"""What the engine does about models: list, fetch, import, choose, and prepare them for this computer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from core.cancel import CancelToken
from core.config import Settings, save_settings
from core.errors import FindlingError
from core.models import library
from core.models.fidelity import MAX_SAMPLE, MIN_SAMPLE
from core.models.prepare import Sample, prepare_model, worth_preparing
from core.models.specs import Trial
from core.search.background import EVERYDAY_QUERIES
from core.store.sampling import count_passages, count_previews, sample_passages, sample_previews
from core.store.store import Store
from core.types import ModelInfo, ModelRole

logger = logging.getLogger(__name__)


class ModelDesk:
    """The models of one installation, and the index whose files they are tried on."""

    def __init__(self, store: Store, settings: Callable[[], Settings], changed: Callable[[], None]) -> None:
        """``settings`` gives the current ones; ``changed`` is called when a model came, or another was chosen."""
        self._store = store
        self._settings = settings
        self._changed = changed
        self._tried_to_prepare: set[str] = set()

    def all(self) -> list[ModelInfo]:
        return library.list_models(self._settings())

    def fetch(
        self, name: str, on_progress: Callable[[int, int | None], None] | None, cancel: CancelToken | None
    ) -> ModelInfo:
        """As ``Engine.fetch_model``."""
        info = library.fetch_model(self._settings(), name, on_progress, cancel)
        self._changed()
        return info

    def take(self, folder: Path) -> ModelInfo:
        """As ``Engine.import_model``."""
        info = library.import_model(self._settings(), folder)
        self._changed()
        return info

    def use(self, name: str) -> None:
        """As ``Engine.use_model``."""
        save_settings(library.use_model(self._settings(), name))
        self._changed()

    def prepare(
        self, name: str, on_progress: Callable[[int, int, str], None] | None, cancel: CancelToken | None
    ) -> tuple[Trial, ...]:
        """As ``Engine.prepare_model``."""
        sample = Sample(
            pictures=sample_previews(self._store, MAX_SAMPLE),
            passages=sample_passages(self._store, MAX_SAMPLE),
            texts=EVERYDAY_QUERIES,
        )
        prepared = prepare_model(self._settings(), name, sample, on_progress, cancel)
        self._changed()
        return prepared.trials

    def to_prepare(self, least: int) -> list[str]:
        """As ``Engine.models_to_prepare``."""
        held = {ModelRole.TEXT: count_passages(self._store), ModelRole.PHOTO: count_previews(self._store)}
        return worth_preparing(self._settings(), [role for role, count in held.items() if count >= least])

    def prepare_when_idle(self, cancel: CancelToken) -> None:
        """Nothing is left to index: choose how the models run here. Each is tried once; it runs as it came otherwise.

        Raises ``Cancelled``.
        """
        for name in self.to_prepare(MIN_SAMPLE):
            if name in self._tried_to_prepare:
                continue
            self._tried_to_prepare.add(name)
            try:
                self.prepare(name, None, cancel)
            except FindlingError as error:
                logger.warning("%s runs as it came: %s", name, error)

    def verify(self) -> list[tuple[ModelInfo, bool, str]]:
        """As ``Engine.verify_models``."""
        return library.verify_models(self._settings())
