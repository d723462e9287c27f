"""What the engine tells of the state of an index: its counts, its folders, and what waits for a model."""

from __future__ import annotations

from core.model_desk import ModelDesk
from core.models.base import Encoders, Speech
from core.root_desk import RootDesk
from core.store.store import Store
from core.types import ModelRole, RootStatus, Stage, Status
from core.writer import WriterLock

_MODEL_STAGES = {Stage.TEXT: ModelRole.TEXT, Stage.PHOTO: ModelRole.PHOTO, Stage.SPEECH: ModelRole.SPEECH}


class StateDesk:
    """The state of one index."""

    def __init__(
        self, store: Store, encoders: Encoders, speech: Speech, roots: RootDesk, models: ModelDesk, lock: WriterLock
    ) -> None:
        """``lock`` is asked who holds it, and never taken."""
        self._store = store
        self._encoders = encoders
        self._speech = speech
        self._roots = roots
        self._models = models
        self._lock = lock

    def status(self) -> Status:
        """As ``Engine.status``."""
        store = self._store
        counts = store.counts()
        can_do, waiting = self._stages_by_model()
        return Status(
            roots=len(self._roots.paths()),
            files=counts.files,
            by_kind=counts.by_kind,
            segments=store.segments.count(),
            vectors=store.vectors.count(),
            pending=store.jobs.files_left(can_do),
            waiting={_MODEL_STAGES[stage]: count for stage in waiting if (count := store.jobs.files_left([stage]))},
            filling=self._models.fillings(),
            failed=store.jobs.failed_files(),
            skipped=counts.skipped,
            index_bytes=counts.index_bytes,
            missing=sum(root.missing for root in store.roots.all()),
            indexing=self._lock.holder(),
        )

    def roots(self) -> list[RootStatus]:
        """As ``Engine.roots``."""
        return self._roots.statuses(*self._stages_by_model())

    def _stages_by_model(self) -> tuple[list[Stage], list[Stage]]:
        """The stages that can be done with the models there are, and those that wait."""
        there = {
            Stage.TEXT: self._encoders.text_space() is not None,
            Stage.PHOTO: self._encoders.photo_space() is not None,
            Stage.SPEECH: self._speech.model() is not None,
        }
        can_do = [Stage.CONTENT, *(stage for stage, is_there in there.items() if is_there)]
        return can_do, [stage for stage, is_there in there.items() if not is_there]
