"""What the engine does about models: list, fetch, import, choose, and prepare them for this computer."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from core import cpu
from core.cancel import CancelToken
from core.config import Settings, save_settings
from core.errors import FindlingError, NoRoomError
from core.models import library
from core.models.base import Encoders, Speech
from core.models.fidelity import MAX_SAMPLE, MIN_SAMPLE
from core.models.installed import active_model
from core.models.prepare import Sample, prepare_model, worth_preparing
from core.models.specs import Trial
from core.search.background import EVERYDAY_QUERIES
from core.store.sampling import count_passages, count_previews, sample_passages, sample_previews
from core.store.store import Store
from core.types import CpuShare, Filling, ModelInfo, ModelRole, Stage

logger = logging.getLogger(__name__)

_ROOM_S = 3600.0  # until a model that the disk had no room for is tried again: trying takes a minute of all cores
_ROLES = (ModelRole.TEXT, ModelRole.PHOTO, ModelRole.SPEECH)

# Choosing takes a minute or two. While this many files are to be encoded they are all the sooner done after it; with
# fewer it waits until nothing else is left.
MUCH = 2_000
_AHEAD_S = 10.0  # how often is looked whether there is so much
_STAGES = {ModelRole.TEXT: Stage.TEXT, ModelRole.PHOTO: Stage.PHOTO}


class ModelDesk:
    """The models of one installation, and the index whose files they are tried on."""

    def __init__(
        self,
        store: Store,
        encoders: Encoders,
        speech: Speech,
        settings: Callable[[], Settings],
        changed: Callable[[], None],
    ) -> None:
        """``settings`` gives the current ones; ``changed`` is called when a model came, or another was chosen."""
        self._store = store
        self._encoders = encoders
        self._speech = speech
        self._settings = settings
        self._changed = changed
        self._prepare_from_s: dict[str, float] = {}  # when a model is tried again, monotonic
        self._ahead_s = float("-inf")

    def all(self) -> list[ModelInfo]:
        """As ``Engine.models``."""
        spaces = self._store.spaces
        searched = {found.space.model for role in ModelRole if (found := spaces.searched(role)) is not None}
        fillings = {filling.model: filling for filling in self._fillings_chosen().values()}
        return [
            replace(model, searched=model.installed and model.name in searched, filling=fillings.get(model.name))
            for model in library.list_models(self._settings())
        ]

    def fillings(self) -> dict[ModelRole, Filling]:
        """What the models in use have not seen yet and others have, by role."""
        return self._store.spaces.fillings(
            self._encoders.text_space(), self._encoders.photo_space(), self._speech.model()
        )

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

    def use(self, name: str) -> Filling | None:
        """As ``Engine.use_model``."""
        settings = library.use_model(self._settings(), name)
        save_settings(settings)
        self._changed()
        return next((one for one in self._fillings_chosen(settings).values() if one.model == name), None)

    def prepare(
        self,
        name: str,
        on_progress: Callable[[int, int, str], None] | None,
        cancel: CancelToken | None,
        share: CpuShare = CpuShare.FULL,
    ) -> tuple[Trial, ...]:
        """As ``Engine.prepare_model``, within a share of the processor."""
        sample = Sample(
            pictures=sample_previews(self._store, MAX_SAMPLE),
            passages=sample_passages(self._store, MAX_SAMPLE),
            texts=EVERYDAY_QUERIES,
        )
        prepared = prepare_model(self._settings(), name, sample, on_progress, cancel, threads=cpu.threads(share))
        self._changed()
        return prepared.trials

    def to_prepare(self, least: int) -> list[str]:
        """As ``Engine.models_to_prepare``."""
        return self._worth(least, _STAGES)

    def prepare_when_idle(self, cancel: CancelToken) -> None:
        """Nothing is left to index: choose how the models run here. Each is tried once, or again
        an hour after a full disk; it runs as it came otherwise.

        Raises ``Cancelled``.
        """
        self._prepare_each(self._untried(self.to_prepare(MIN_SAMPLE)), cancel, self._settings().cpu_share)

    def prepare_ahead(self, cancel: CancelToken, on_begin: Callable[[], None], share: CpuShare) -> bool:
        """Choose how a model runs before very much is encoded with it as it came, once there is a sample to choose by.

        Whether one was tried, after ``on_begin``. Looks now and then only. Raises ``Cancelled``.
        """
        now_s = time.monotonic()
        if now_s - self._ahead_s < _AHEAD_S:
            return False
        self._ahead_s = now_s
        if not self._untried(worth_preparing(self._settings(), _STAGES)):
            return False  # asked first, because it asks no index
        left = self._store.jobs.left()
        names = self._untried(self._worth(MAX_SAMPLE, {role for role in _STAGES if left.get(_STAGES[role], 0) >= MUCH}))
        if names:
            on_begin()
            self._prepare_each(names, cancel, share)
        return bool(names)

    def _prepare_each(self, names: Sequence[str], cancel: CancelToken, share: CpuShare) -> None:
        for name in names:
            self._prepare_from_s[name] = math.inf
            try:
                self.prepare(name, None, cancel, share)
            except FindlingError as error:
                logger.warning("%s runs as it came: %s", name, error)
                if isinstance(error, NoRoomError):
                    self._prepare_from_s[name] = time.monotonic() + _ROOM_S

    def _worth(self, least: int, roles: Iterable[ModelRole]) -> list[str]:
        """The models of some roles that are worth preparing, where the index holds enough to try them on."""
        held = {ModelRole.TEXT: count_passages, ModelRole.PHOTO: count_previews}
        return worth_preparing(self._settings(), [role for role in roles if held[role](self._store) >= least])

    def _untried(self, names: Sequence[str]) -> list[str]:
        now_s = time.monotonic()
        return [name for name in names if now_s >= self._prepare_from_s.get(name, now_s)]

    def _fillings_chosen(self, settings: Settings | None = None) -> dict[ModelRole, Filling]:
        """As ``fillings``, of the models that the settings name: an indexer takes them over between two batches."""
        settings = settings or self._settings()
        text, photo, speech = (active_model(settings, role) for role in _ROLES)
        return self._store.spaces.fillings(
            text.space if text else None, photo.space if photo else None, speech.name_and_weights if speech else None
        )

    def verify(self) -> list[tuple[ModelInfo, bool, str]]:
        """As ``Engine.verify_models``."""
        return library.verify_models(self._settings())
