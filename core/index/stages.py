"""The order of work: reading and encoding side by side, speech when nothing else is left.

With a reader that reads several files at a time, reading and encoding run beside each other: files are read newest
first, and what was read is encoded while the next ones are decoded. With one that reads a single file, everything runs
on the indexer's thread: first all is read, then texts and photos are encoded.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

from core.cancel import CancelToken
from core.config import Folders
from core.errors import ModelError, ModelMissingError
from core.extract.base import Reader
from core.index.embedding import Embedding
from core.index.lanes import Ended, wait_for_any
from core.index.meter import Meter
from core.index.pipeline import Ledger, Models, Pipeline
from core.index.reading import Reading
from core.index.switching import Switching
from core.models.base import Encoders, Speech
from core.pace import Pace
from core.room import RoomWatch, short_of_room
from core.store.jobs import Job, ModelState
from core.store.store import Store
from core.types import EmbeddingSpace, Filling, ModelRole, PauseReason, Progress, Shortage, Stage

logger = logging.getLogger(__name__)

# Files that end within this time of each other, or so many, are committed together: each is whole or absent all the
# same, and a transaction costs as much as a small file's rows.
_GROUP_S = 0.2
_GROUP = 32

_SLICE_S = 0.1  # how long a step waits for something to end
_RELOAD_S = 1.0
_ROOM_S = 1.0  # how often room is looked for while it is short

PrepareAhead = Callable[[CancelToken, Callable[[], None]], bool]


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
        prepare_ahead: PrepareAhead = lambda cancel, on_begin: False,
        pace: Pace | None = None,
        room: RoomWatch | None = None,
        waits_for_room: bool = False,
    ) -> None:
        """``on_commit`` is called after each step, also those that come in between the windows of a recording.

        ``on_wait`` is called about once a second while ``pace`` lets no work begin; without one, all is done at once.
        ``reload_models`` makes the encoders and the transcriber look which models are installed and chosen now; it is
        called between batches, about once a second. ``prepare_ahead`` is asked while nothing is encoded: it may choose
        how a model runs, having called its second argument, and says whether it did. Where ``room`` finds little, no
        work begins: until there is more if it ``waits_for_room``, else ``step`` raises ``NoRoomError``.
        """
        self.ledger = Ledger()
        self.meter = Meter(store, self.ledger.touched, on_progress, fillings=self._fillings)
        self._store = store
        self._encoders = encoders
        self._speech = speech
        self._cancel = cancel
        self._on_commit = on_commit
        self._on_wait = on_wait
        self._pace = pace
        self._room = room
        self._waits_for_room = waits_for_room
        self._reload_models = reload_models
        self._prepare_ahead = prepare_ahead
        self._reloaded_s = float("-inf")
        self._unblock = False
        self._reader = reader
        self._pipeline = Pipeline(store, reader, encoders, speech, folders, self.ledger)
        self._group: list[Ended] = []
        self._group_since_s = 0.0
        self._models = Models()
        self._switching = Switching(store, encoders, self.ledger)
        self._in_use: tuple[EmbeddingSpace | None, EmbeddingSpace | None, str | None] = (None, None, None)
        self._blocked: set[Stage] = set()
        self._closed = False
        self._make_lanes()

    def refresh_models(self, *, unblock: bool = False) -> None:
        """Look which models there are; if that changed, queue what they can do now.

        A stage whose model failed stays blocked until the models change, or with ``unblock``. While batches are under
        way it is put off until they have ended: their vectors belong to the models that there were.
        """
        self._unblock |= unblock
        now = time.monotonic()
        if len(self._embedding.lane) or not (self._unblock or now - self._reloaded_s > _RELOAD_S):
            return
        if self._unblock:
            self._unblock = False
            self._blocked.clear()
        self._reloaded_s = now
        self._reload_models()
        self._drop_idle()
        in_use = (self._encoders.text_space(), self._encoders.photo_space(), self._speech.model())
        if in_use == self._in_use:
            return
        self._embedding.give_back()
        text, photo, speech = self._in_use = in_use
        space_id = self._store.vectors.space_id
        state = ModelState(
            space_id(text) if text is not None else None, space_id(photo) if photo is not None else None, speech
        )
        self._models = Models(state, text, photo)
        self._blocked.clear()
        self._switching.use(self._models)
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
        """Begin what can be begun, wait a moment for something to end, and commit it; whether there was any work.

        ``before`` ``SPEECH`` leaves recordings alone. Raises ``Cancelled``, ``NoRoomError`` and ``StorageError``;
        call ``close`` then.
        """
        self._cancel.raise_if_cancelled()
        self._expect_room()
        if self._pace is not None:
            self._pace.wait_turn(self._cancel, self._while_waiting, lambda: self._store.jobs.any_ready(self.can_do))
        self.refresh_models()
        if not len(self._embedding.lane) and self._prepare_ahead(self._cancel, self._while_preparing):
            self._reload_models()
        self._begin()
        self._switching.look()
        if self._advance():
            return True
        if self._switching.look(at_once=True) or self._switching.give_back():
            return True
        if before is None and Stage.SPEECH in self.can_do:
            jobs = self._store.jobs.claim(Stage.SPEECH, 1)
            if jobs:
                self._transcribe(jobs[0])
                return True
        if self._pace is not None:
            self._pace.rested()
        return False

    def close(self) -> None:
        """Stop what is under way, commit what has ended and give back the rest."""
        self._closed = True
        jobs = [*self._reading.abandon(), *self._embedding.abandon()]
        self._reading.lane.close()
        self._embedding.lane.close()
        self._commit()
        with self._store.database.write():
            for job in jobs:
                self._store.jobs.release(job.stage, [job.file_id])

    def release_set_aside(self) -> list[bytes]:
        """Make ready again what was set aside, for another look; the paths.

        Photos without a preview on drives that are away stay aside as long, or until the work is closed.
        """
        aside = self.ledger.set_aside
        away = (
            set()
            if self._closed
            else self._store.jobs.away(
                file_id for file_id, stage in aside if stage not in (Stage.CONTENT, Stage.SPEECH)
            )
        )
        held = {key: path for key, path in aside.items() if key[0] not in away}
        self.ledger.set_aside = {key: path for key, path in aside.items() if key[0] in away}
        for file_id, stage in held:
            self._store.jobs.release(stage, [file_id])
        return list(held.values())

    def _expect_room(self) -> None:
        """Wait, or raise ``NoRoomError``, while there is work and a disk of ours is nearly full."""
        while self._room is not None and (short := self._room.shortage()) is not None:
            if not self._store.jobs.any_ready(self.can_do):
                return
            if not self._waits_for_room:
                raise short_of_room(short)
            self._while_waiting(PauseReason.NO_ROOM, short)
            self._cancel.wait(_ROOM_S)
            self._cancel.raise_if_cancelled()

    def _while_waiting(self, reason: PauseReason, short: Shortage | None = None, *, at_once: bool = False) -> None:
        while self._advance():
            pass
        self.meter.show(None, None, self.can_do, paused=reason, short=short, at_once=at_once)
        self._drop_idle()
        self._on_wait()

    def _while_preparing(self) -> None:
        self._while_waiting(PauseReason.PREPARING, at_once=True)  # nothing more is told before it has ended

    def _fillings(self) -> dict[ModelRole, Filling]:
        return self._store.spaces.fillings(*self._in_use)

    def _drop_idle(self) -> None:
        self._encoders.drop_idle()
        self._speech.drop_idle()

    def _make_lanes(self) -> None:
        self._parallel = self._reader.parallel
        self._overlaps = self._parallel > 1
        width = self._parallel if self._overlaps else 0
        common = (self._store, self._pipeline, self.ledger)
        self._reading = Reading(*common, width, self._cancel, self._end)
        self._embedding = Embedding(*common, min(width, 1), self._cancel, self._end, self._blocked.add)
        self.meter.overlaps = self._overlaps

    def _begin(self) -> None:
        """Give the lanes work, as far as they have room."""
        if self._parallel != self._reader.parallel:
            if len(self._reading.lane) or len(self._embedding.lane) or self._group:
                return  # what is under way ends first
            self._reading.lane.close()
            self._embedding.give_back()
            self._embedding.lane.close()
            self._make_lanes()
        self._reading.fill()
        is_reading = self._reading.current is not None
        reload_is_due = self._unblock or time.monotonic() - self._reloaded_s > _RELOAD_S
        if (self._overlaps or not is_reading) and not (reload_is_due and len(self._embedding.lane)):
            self._embedding.fill(self._models, self.can_do, gather=is_reading)
        for part in (self._embedding, self._reading):
            if part.current is not None:
                self.meter.begun(part.current.stage)
                self.meter.show(part.current.stage, _name(part.current), self.can_do)

    def _advance(self) -> bool:
        """Wait a moment for something under way to end; False when there was nothing."""
        lanes = (self._reading.lane, self._embedding.lane)
        is_busy = wait_for_any(lanes, _SLICE_S)
        ended = [lane.collect() for lane in lanes]
        is_due = len(self._group) >= _GROUP or time.monotonic() - self._group_since_s > _GROUP_S
        if self._group and (is_due or not any(len(lane) for lane in lanes)):
            self._commit()
            self._reading.committed()
            return True
        return is_busy or any(ended)

    def _end(self, ended: Ended) -> None:
        if not self._group:
            self._group_since_s = time.monotonic()
        self._group.append(ended)

    def _commit(self) -> None:
        """Commit what has ended, in one transaction."""
        group, self._group = self._group, []
        if not group:
            return
        with self._store.database.write():
            for ended in group:
                ended.ending(self._models.state)
            # What was ended has no running job any more; what was not goes back into the queue.
            for job in (ended.job for ended in group):
                if (job.file_id, job.stage) not in self.ledger.set_aside:
                    self._store.jobs.release(job.stage, [job.file_id])
        self.ledger.commits += 1
        for stage in {ended.job.stage for ended in group}:
            self.meter.ended(stage, sum(ended.job.stage is stage for ended in group))
        self._on_commit()

    def _transcribe(self, job: Job) -> None:
        def work_off() -> None:
            while self.step(before=Stage.SPEECH):
                pass

        def between_windows() -> None:
            # A recording takes long: what has come in meanwhile for the earlier stages does not wait for its end.
            self.meter.pass_over(work_off)
            self.meter.show(Stage.SPEECH, _name(job), self.can_do)

        def work() -> None:
            ended = self._pipeline.transcribe(job, self._models, self._cancel, between_windows)
            if ended is not None:
                self._end(ended)
                self._commit()

        self.meter.show(Stage.SPEECH, _name(job), self.can_do)
        try:
            self.meter.time(Stage.SPEECH, 1, work)
        except (ModelError, ModelMissingError) as error:
            logger.warning("the speech model cannot be used, its work waits: %s", error)
            self._blocked.add(Stage.SPEECH)
        finally:
            if (job.file_id, Stage.SPEECH) not in self.ledger.set_aside:
                self._store.jobs.release(Stage.SPEECH, [job.file_id])


def _name(job: Job) -> str:
    return os.path.basename(job.path).decode("utf-8", "replace")
