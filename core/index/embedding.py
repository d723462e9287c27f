"""The encoding lane: stages ``TEXT`` and ``PHOTO`` in batches, beside the reading of other files."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial

from core.cancel import CancelToken
from core.errors import ModelError, ModelMissingError
from core.index.lanes import Ended, Lane
from core.index.pipeline import PASSAGES, Ledger, Models, Pipeline
from core.store.jobs import Job
from core.store.segments import SegmentRow
from core.store.store import Store
from core.types import EmbeddingSpace, SegmentKind, Stage, Vector

logger = logging.getLogger(__name__)

# Enough files for a full batch even when each has a single passage.
_CLAIM = {Stage.TEXT: PASSAGES, Stage.PHOTO: 8}

# While files are read, their work gathers into full batches, but not for longer than this.
_GATHER_S = 2.0

_Failure = ModelError | ModelMissingError
_Result = list[Vector | str] | list[Vector | Ended | str] | _Failure | None


class Embedding:
    """Claims what is to be encoded, and takes turns between texts and photos: a long document holds up no photo."""

    def __init__(
        self,
        store: Store,
        pipeline: Pipeline,
        ledger: Ledger,
        width: int,
        cancel: CancelToken,
        end: Callable[[Ended], None],
        block: Callable[[Stage], None],
    ) -> None:
        """``width`` 1: batches are encoded on a thread of the lane's own; 0: inline. ``end`` as ``Reading`` takes it.

        ``block`` is told a stage whose model cannot be used.
        """
        self.lane: Lane[_Result] = Lane("encoding", width)
        self._store = store
        self._pipeline = pipeline
        self._ledger = ledger
        self._cancel = cancel
        self._end = end
        self._block = block
        self._depth = 2 * width or 1  # the next batch waits for its turn, so that the encoder never does
        self._texts: _Texts | None = None
        self._claimed: dict[tuple[int, Stage], Job] = {}
        self._last = Stage.PHOTO
        self._gathering_since: dict[Stage, float] = {}

    @property
    def current(self) -> Job | None:
        """A file whose segments are encoded, None when there is none."""
        return next(iter(self._claimed.values()), None)

    def fill(self, models: Models, stages: Sequence[Stage], *, gather: bool) -> None:
        """Begin batches of those stages that may be worked on. With ``gather`` more work is about to come."""
        while len(self.lane) < self._depth:
            turns = (Stage.PHOTO, Stage.TEXT) if self._last is Stage.TEXT else (Stage.TEXT, Stage.PHOTO)
            given = next((stage for stage in turns if stage in stages and self._give(stage, models, gather)), None)
            if given is None:
                return
            self._last = given

    def give_back(self) -> None:
        """Give back what is not encoded yet, because the models are others now. Nothing is under way then."""
        for job in list(self._claimed.values()):
            self._release(job)
        self._texts = None

    def abandon(self) -> list[Job]:
        """Stop working; the jobs that are to be given back."""
        self.lane.abandon()
        jobs = list(self._claimed.values())
        self._claimed.clear()
        self._texts = None
        return jobs

    def _give(self, stage: Stage, models: Models, gather: bool) -> bool:
        if stage is Stage.TEXT:
            return self._give_texts(models, gather)
        return self._give_photos(models, gather)

    def _give_texts(self, models: Models, gather: bool) -> bool:
        space, space_id = models.text, models.state.text_space
        if space is None or space_id is None:
            return False
        texts = self._texts
        if texts is None:
            jobs = self._claim(Stage.TEXT, gather)
            if not jobs:
                return False
            kinds = [SegmentKind.PASSAGE, SegmentKind.SPEECH]
            texts = _Texts(jobs, [self._pipeline.lacking(job, space_id, kinds) for job in jobs], space_id)
            for job in texts.empty():
                self._ended(self._pipeline.vectors_ended(job, space_id, [], []))
        batch = texts.take(PASSAGES)
        self._texts = texts if texts.left else None
        if batch:
            call = partial(self._encode_passages, [text for _, text in batch], space)
            self.lane.submit(call, partial(self._texts_encoded, texts, [place for place, _ in batch]))
        return True

    def _give_photos(self, models: Models, gather: bool) -> bool:
        space, space_id = models.photo, models.state.photo_space
        if space is None or space_id is None:
            return False
        jobs = self._claim(Stage.PHOTO, gather)
        if not jobs:
            return False
        lacking = [(job, self._pipeline.lacking(job, space_id, [SegmentKind.PHOTO])) for job in jobs]
        for job, segments in lacking:
            if not segments:
                self._ended(self._pipeline.vectors_ended(job, space_id, [], []))
        photos = [(job, segments) for job, segments in lacking if segments]
        if photos:
            call = partial(self._encode_photos, [job for job, _ in photos], space)
            self.lane.submit(call, partial(self._photos_encoded, photos, space_id))
        return True

    def _claim(self, stage: Stage, gather: bool) -> list[Job]:
        now = time.monotonic()
        is_patient = gather and now - self._gathering_since.setdefault(stage, now) < _GATHER_S
        jobs = self._store.jobs.claim(stage, _CLAIM[stage], at_least=_CLAIM[stage] if is_patient else 1)
        if jobs:
            self._gathering_since.pop(stage, None)
        self._claimed.update({(job.file_id, stage): job for job in jobs})
        return jobs

    def _encode_passages(self, texts: Sequence[str], space: EmbeddingSpace) -> _Result:
        try:
            return self._pipeline.encode_passages(texts, space, self._cancel)
        except (ModelError, ModelMissingError) as error:
            return error

    def _encode_photos(self, jobs: Sequence[Job], space: EmbeddingSpace) -> _Result:
        try:
            return self._pipeline.encode_photos(jobs, space, self._cancel)
        except (ModelError, ModelMissingError) as error:
            return error

    def _texts_encoded(self, texts: _Texts, places: Sequence[int], results: _Result) -> None:
        if not isinstance(results, list):
            self._not_encoded(Stage.TEXT, texts.jobs, results)
            if self._texts is texts:
                self._texts = None
            return
        self._count(results)
        for place, result in zip(places, results, strict=True):
            assert not isinstance(result, Ended)
            done = texts.put(place, result)
            if done is not None and (done[0].file_id, Stage.TEXT) in self._claimed:
                self._ended(self._pipeline.vectors_ended(done[0], texts.space_id, *done[1:]))

    def _photos_encoded(self, photos: Sequence[tuple[Job, list[SegmentRow]]], space_id: int, results: _Result) -> None:
        if not isinstance(results, list):
            self._not_encoded(Stage.PHOTO, [job for job, _ in photos], results)
            return
        self._count(results)
        for (job, segments), result in zip(photos, results, strict=True):
            if not isinstance(result, Ended):
                result = self._pipeline.vectors_ended(job, space_id, segments[:1], [result])
            self._ended(result)

    def _not_encoded(self, stage: Stage, jobs: Sequence[Job], failure: _Failure | None) -> None:
        """The model failed, or is another one by now (None): the work goes back into the queue."""
        if failure is not None:
            logger.warning("the %s model cannot be used, its work waits: %s", stage.name.lower(), failure)
            self._block(stage)
        for job in jobs:
            self._release(job)

    def _release(self, job: Job) -> None:
        """Give a job back, if it was not ended before."""
        if self._claimed.pop((job.file_id, job.stage), None) is not None:
            self._store.jobs.release(job.stage, [job.file_id])

    def _count(self, results: Sequence[Vector | Ended | str]) -> None:
        self._ledger.batches += 1
        self._ledger.encoded += sum(not isinstance(result, (str, Ended)) for result in results)

    def _ended(self, ended: Ended) -> None:
        del self._claimed[(ended.job.file_id, ended.job.stage)]
        self._end(ended)


class _Texts:
    """The passages of some files on their way through the encoder, in batches across the files."""

    def __init__(self, jobs: Sequence[Job], segments: Sequence[list[SegmentRow]], space_id: int) -> None:
        self.jobs = list(jobs)
        self.space_id = space_id
        self._segments = segments
        self._flat = [(number, segment) for number, of_job in enumerate(segments) for segment in of_job]
        self._results: list[Vector | str | None] = [None] * len(self._flat)
        self._missing = [len(of_job) for of_job in segments]
        self._starts = [0] * len(segments)
        for number in range(1, len(segments)):
            self._starts[number] = self._starts[number - 1] + len(segments[number - 1])
        self._given = 0

    @property
    def left(self) -> bool:
        """Whether there is more to be taken."""
        return self._given < len(self._flat)

    def empty(self) -> list[Job]:
        """The files that need nothing."""
        return [job for job, segments in zip(self.jobs, self._segments, strict=True) if not segments]

    def take(self, count: int) -> list[tuple[int, str]]:
        """The next texts, each with its place among all."""
        start, self._given = self._given, min(self._given + count, len(self._flat))
        return [(place, self._flat[place][1].text) for place in range(start, self._given)]

    def put(self, place: int, result: Vector | str) -> tuple[Job, list[SegmentRow], list[Vector | str]] | None:
        """Keep a result; the file that it completes, its segments and their results."""
        number = self._flat[place][0]
        self._results[place] = result
        self._missing[number] -= 1
        if self._missing[number]:
            return None
        start = self._starts[number]
        results = self._results[start : start + len(self._segments[number])]
        return self.jobs[number], self._segments[number], [one for one in results if one is not None]
