"""Another model for texts or photos: its space is filled beside the searched one, takes its place, gives it back.

What is to be encoded is in the queue as ever. This part decides when search moves, and is asked between two steps.
"""

from __future__ import annotations

import logging
import time

from core.index.pipeline import Ledger, Models
from core.models.base import Encoders
from core.store.spaces import ROLES
from core.store.store import Store
from core.types import ModelRole

logger = logging.getLogger(__name__)

_LOOK_S = 1.0  # how often it is asked whether a space is full
_COST_SHARE = 20  # and never for more than one part of this many of the time: it looks through all contents


class Switching:
    """Follows which models are in use, for one run of the indexer. On the indexer's thread alone."""

    def __init__(self, store: Store, encoders: Encoders, ledger: Ledger) -> None:
        """``ledger`` names the files that were set aside."""
        self._store = store
        self._encoders = encoders
        self._ledger = ledger
        self._models = Models()
        self._due_s = float("-inf")

    def use(self, models: Models) -> None:
        """These models are in use from now on."""
        self._models = models
        for role, space_id in self._chosen().items():
            self._store.spaces.begin(role, space_id, self._encoders.serves)
        self._store.spaces.tidy([space_id for space_id in self._chosen().values() if space_id is not None])

    def look(self, *, at_once: bool = False) -> bool:
        """Move search to every space that is full; whether it moved. About once a second, unless ``at_once``."""
        now = time.monotonic()
        if not at_once and now < self._due_s:
            return False
        moved = False
        for role, space_id in self._chosen().items():
            if space_id is not None:
                moved = self._look_at(role, space_id) or moved
        cost_s = time.monotonic() - now
        self._due_s = now + max(_LOOK_S, _COST_SHARE * cost_s)
        return moved

    def give_back(self) -> bool:
        """Delete some vectors that nothing needs any more; whether there were any."""
        return self._store.spaces.give_back()

    def _look_at(self, role: ModelRole, chosen: int) -> bool:
        spaces = self._store.spaces
        searched = spaces.searched(role)
        if searched is None:
            return False
        if searched.id != chosen and not self._encoders.serves(searched.space):
            logger.warning("search leaves %s, which is not installed any more", searched.space.model)
            spaces.begin(role, chosen, self._encoders.serves)
        replaced = searched if searched.id != chosen else spaces.forsaken(role)
        if replaced is None:
            return False
        aside = self._away(role)
        if spaces.is_held_up(role, replaced.id, aside):
            return False
        if not spaces.move(role, chosen, aside):
            self._store.jobs.queue_needed(self._models.state)  # a job was lost with its file, and a copy is there
            return False
        logger.info("search has moved from %s to another %s model", replaced.space.model, role)
        return True

    def _chosen(self) -> dict[ModelRole, int | None]:
        state = self._models.state
        return {ModelRole.TEXT: state.text_space, ModelRole.PHOTO: state.photo_space}

    def _away(self, role: ModelRole) -> set[int]:
        """Files on drives that are away whose previews are lost: they were set aside."""
        return self._store.jobs.away(file_id for file_id, stage in self._ledger.set_aside if ROLES.get(stage) is role)
