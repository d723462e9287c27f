"""The order of work: which jobs are taken next, and what happens when a model is missing or fails."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence

from core.cancel import CancelToken
from core.config import Folders
from core.errors import ModelError, ModelMissingError
from core.extract.base import Reader
from core.index.meter import MODEL_STAGES, Meter
from core.index.pipeline import Ledger, Models, Pipeline
from core.models.base import Encoders, Speech
from core.pace import Pace
from core.store.jobs import Job, ModelState
from core.store.store import Store
from core.types import EmbeddingSpace, PauseReason, Progress, Stage

logger = logging.getLogger(__name__)

# One at a time where a file is opened, so that one which brings everything down is known by name; batches where the
# encoder is fed: enough files for a full batch even when each has a single passage.
_CLAIM = {Stage.CONTENT: 1, Stage.TEXT: 64, Stage.PHOTO: 8, Stage.SPEECH: 1}

_RELOAD_S = 1.0


class Stages:
    """Works off the queue, earlier stages first, for one run of the indexer."""

    def __init__(
        self,
        store: Store,
        reader: Reader,
        encoders: Encoders,
        speech: Speech,
        folders: Folders,
        *,
        cancel: CancelToken,
        on_progress: Callable[[Progress], None] | None = None,
        on_commit: Callable[[], None] = lambda: None,
        on_wait: Callable[[], None] = lambda: None,
        reload_models: Callable[[], object] = lambda: None,
        pace: Pace | None = None,
    ) -> None:
        """``on_commit`` is called after each step, also those that come in between the windows of a recording.

        ``on_wait`` is called about once a second while ``pace`` lets no work begin; without one, all is done at once.
        ``reload_models`` makes the encoders and the transcriber look which models are installed and chosen now; it is
        called between batches, about once a second.
        """
        self.ledger = Ledger()
        self.meter = Meter(store, self.ledger.touched, on_progress)
        self._store = store
        self._encoders = encoders
        self._speech = speech
        self._cancel = cancel
        self._on_commit = on_commit
        self._on_wait = on_wait
        self._pace = pace
        self._reload_models = reload_models
        self._reloaded_s = float("-inf")
        self._pipeline = Pipeline(store, reader, encoders, speech, folders, self.ledger)
        self._models = Models()
        self._in_use: tuple[EmbeddingSpace | None, EmbeddingSpace | None, str | None] = (None, None, None)
        self._blocked: set[Stage] = set()

    def refresh_models(self, *, unblock: bool = False) -> None:
        """Look which models there are; if that changed, queue what they can do now.

        A stage whose model failed stays blocked until the models change, or with ``unblock``.
        """
        if unblock:
            self._blocked.clear()
        now = time.monotonic()
        if unblock or now - self._reloaded_s > _RELOAD_S:
            self._reloaded_s = now
            self._reload_models()
            self._drop_idle()
        in_use = (self._encoders.text_space(), self._encoders.photo_space(), self._speech.model())
        if in_use == self._in_use:
            return
        text, photo, speech = self._in_use = in_use
        space_id = self._store.vectors.space_id
        state = ModelState(
            space_id(text) if text is not None else None, space_id(photo) if photo is not None else None, speech
        )
        self._models = Models(state, text, photo)
        self._blocked.clear()
        self.queue_needed()

    def queue_needed(self) -> None:
        """Queue what the contents still lack, also where the file that had the job has left."""
        self._store.jobs.queue_needed(self._models.state)

    @property
    def can_do(self) -> list[Stage]:
        """The stages that can be worked on with the models there are."""
        there = {
            Stage.CONTENT: True,
            Stage.TEXT: self._models.state.text_space is not None,
            Stage.PHOTO: self._models.state.photo_space is not None,
            Stage.SPEECH: self._models.state.speech_model is not None,
        }
        return [stage for stage, is_there in there.items() if is_there and stage not in self._blocked]

    def step(self, before: Stage | None = None) -> bool:
        """Do one batch of the earliest stage (before ``before``) that has work; whether there was any.

        Raises ``Cancelled``; what was claimed is given back then.
        """
        self._cancel.raise_if_cancelled()
        if self._pace is not None:
            self._pace.wait_turn(self._cancel, self._while_waiting, lambda: self._store.jobs.any_ready(self.can_do))
        self.refresh_models()
        for stage in self.can_do:
            if before is not None and stage >= before:
                return False
            jobs = self._store.jobs.claim(stage, _CLAIM[stage])
            if jobs:
                self._work(stage, jobs)
                return True
        if self._pace is not None:
            self._pace.rested()
        return False

    @property
    def idle_models(self) -> ModelState | None:
        """The models in use when nothing at all is left to be done with them, else None."""
        state = self._models.state
        if self._blocked or state.text_space is None or state.photo_space is None:
            return None
        # Files in roots that are not there are counted: their work is still to come.
        left = self._store.jobs.files_left([Stage.CONTENT, Stage.TEXT, Stage.PHOTO])
        return state if left == 0 else None

    def release_set_aside(self) -> list[bytes]:
        """Make ready again what was set aside, for another look; the paths."""
        held, self.ledger.set_aside = self.ledger.set_aside, {}
        for file_id, stage in held:
            self._store.jobs.release(stage, [file_id])
        return list(held.values())

    def _while_waiting(self, reason: PauseReason) -> None:
        self.meter.show(None, None, self.can_do, paused=reason)
        self._drop_idle()
        self._on_wait()

    def _drop_idle(self) -> None:
        self._encoders.drop_idle()
        self._speech.drop_idle()

    def _work(self, stage: Stage, jobs: Sequence[Job]) -> None:
        self.meter.show(stage, _name(jobs[0]), self.can_do)
        try:
            self.meter.time(stage, len(jobs), lambda: self._run(stage, jobs))
        except (ModelError, ModelMissingError) as error:
            logger.warning("the %s model cannot be used, its work waits: %s", MODEL_STAGES[stage].value, error)
            self._blocked.add(stage)
        finally:
            # What was ended has no running job any more; what was not goes back into the queue.
            kept = {file_id for file_id, held in self.ledger.set_aside if held is stage}
            self._store.jobs.release(stage, [job.file_id for job in jobs if job.file_id not in kept])
        self._on_commit()

    def _run(self, stage: Stage, jobs: Sequence[Job]) -> None:
        if stage is Stage.CONTENT:
            for job in jobs:
                self._pipeline.read(job, self._models, self._cancel)
        elif stage is Stage.TEXT:
            self._pipeline.embed_texts(jobs, self._models, self._cancel)
        elif stage is Stage.PHOTO:
            self._pipeline.embed_photos(jobs, self._models, self._cancel)
        else:
            for job in jobs:
                self._transcribe(job)

    def _transcribe(self, job: Job) -> None:
        def between_windows() -> None:
            # A recording takes long: what has come in meanwhile for the earlier stages does not wait for its end.
            while self.step(before=Stage.SPEECH):
                pass
            self.meter.show(Stage.SPEECH, _name(job), self.can_do)

        self._pipeline.transcribe(job, self._models, self._cancel, between_windows)


def _name(job: Job) -> str:
    return os.path.basename(job.path).decode("utf-8", "replace")
