"""What happens to files in each stage. No loops over the queue here, and no choice of what comes next.

Every method takes claimed jobs, ends each by one commit, and tells the ledger what it did. A file that is gone or
changing is set aside: the next scan says what became of it.
"""

from __future__ import annotations

import errno
import logging
import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.cancel import CancelToken
from core.config import Folders
from core.errors import ChildError, FindlingError, SkippedError, UnreadableError
from core.extract.base import Reader
from core.extract.registry import EXTRACTOR_VERSION
from core.index.encoding import encode_each, expect_working
from core.index.hashing import UnsettledError, hash_file
from core.models.base import SAMPLE_RATE_HZ, Encoders, Speech
from core.store.contents import ContentRow
from core.store.jobs import Job, ModelState
from core.store.segments import SegmentRow
from core.store.store import Store, look_alike_space
from core.store.thumbnails import PREVIEW
from core.store.vectors import NewVector
from core.types import EmbeddingSpace, Extraction, FileStamp, SegmentKind, Stage, Vector
from core.watch.presence import root_is_there
from core.watch.walk import look, stamp_of

logger = logging.getLogger(__name__)

PASSAGES = 64  # texts in one call of the encoder
SPOOL_PREFIX = "speech-"  # of files of decoded sound; the searcher has its own in the same folder
_FLOAT_BYTES = 4


@dataclass
class Ledger:
    """What one run has done so far."""

    touched: set[int] = field(default_factory=set)  # files of which at least one stage was ended, well or not
    encoded: int = 0  # passages, photos and speech windows that went through an encoder
    set_aside: dict[tuple[int, Stage], bytes] = field(default_factory=dict)  # claimed jobs of files not settled


@dataclass(frozen=True)
class Models:
    """The models in use for one step, and what the store calls them."""

    state: ModelState = field(default_factory=ModelState)
    text: EmbeddingSpace | None = None
    photo: EmbeddingSpace | None = None


class Pipeline:
    """The stages over one store, one sandbox and the model children."""

    def __init__(
        self, store: Store, reader: Reader, encoders: Encoders, speech: Speech, folders: Folders, ledger: Ledger
    ) -> None:
        self._store = store
        self._reader = reader
        self._encoders = encoders
        self._speech = speech
        self._spool = folders.spool
        self._ledger = ledger

    def read(self, job: Job, models: Models, cancel: CancelToken) -> None:
        """Stage ``CONTENT``: hash the file; link it to what is known of that hash, or read it. Raises ``Cancelled``."""
        try:
            digest, stamp = hash_file(job.path, cancel)
        except UnsettledError:
            self._set_aside(job)
            return
        except SkippedError as reason:
            self._store.skip(job.file_id, reason.message, job.kind, job.stamp)
            self._ledger.touched.add(job.file_id)
            return
        except OSError as error:
            if root_is_there(self._store, job.path):
                self._store.fail_content(job.file_id, _reason(error), stamp=job.stamp)
                self._ledger.touched.add(job.file_id)
            else:
                self._set_aside(job)
            return
        if stamp != job.stamp:
            self._store.files.restamp(job.file_id, job.stamp, stamp)
        known = self._store.contents.by_hash(digest)
        if known is not None and self._is_complete(known, digest):
            self._store.link_content(job.file_id, known.id, models.state, stamp)
            self._ledger.touched.add(job.file_id)
            return
        try:
            extraction = self._reader.extract(job.path, cancel)
        except UnreadableError as reason:
            if not self._is_unchanged(job, stamp):
                return
            if isinstance(reason, SkippedError):
                self._store.skip(job.file_id, reason.message, job.kind, stamp)
            else:
                self._store.fail_content(job.file_id, reason.message, digest=digest, stamp=stamp)
        else:
            if not self._is_unchanged(job, stamp):
                return
            self._commit(job, digest, extraction, models, stamp)
        self._ledger.touched.add(job.file_id)

    def embed_texts(self, jobs: Sequence[Job], models: Models, cancel: CancelToken) -> None:
        """Stage ``TEXT``: vectors for the passages and transcripts of several files, in batches across them.

        Raises ``ModelError``, ``ModelMissingError``, ``Cancelled``.
        """
        space, space_id = models.text, models.state.text_space
        if space is None or space_id is None:
            return
        kinds = [SegmentKind.PASSAGE, SegmentKind.SPEECH]
        lacking = [self._lacking(job, space_id, kinds) for job in jobs]
        flat = [(number, segment) for number, segments in enumerate(lacking) for segment in segments]
        results: list[list[Vector | str]] = [[] for _ in jobs]
        ended = 0
        for start in range(0, max(len(flat), 1), PASSAGES):
            cancel.raise_if_cancelled()
            batch = flat[start : start + PASSAGES]
            vectors = encode_each(
                [segment.text for _, segment in batch],
                lambda texts: self._encoders.encode_passages(texts, cancel),
                lambda: self._encoders.encode_passages(["a"], cancel),
            )
            if self._encoders.text_space() != space:
                return  # another model was chosen meanwhile, and these may be its vectors: the jobs stay
            self._ledger.encoded += _count_vectors(vectors)
            for (number, _), vector in zip(batch, vectors, strict=True):
                results[number].append(vector)
            while ended < len(jobs) and len(results[ended]) == len(lacking[ended]):
                self._commit_vectors(jobs[ended], Stage.TEXT, space_id, lacking[ended], results[ended])
                ended += 1

    def embed_photos(self, jobs: Sequence[Job], models: Models, cancel: CancelToken) -> None:
        """Stage ``PHOTO``: vectors for several photos, from the previews in the cache.

        Raises ``ModelError``, ``ModelMissingError``, ``Cancelled``.
        """
        space, space_id = models.photo, models.state.photo_space
        if space is None or space_id is None:
            return
        ready: list[tuple[Job, SegmentRow, bytes]] = []
        for job in jobs:
            segments = self._lacking(job, space_id, [SegmentKind.PHOTO])
            if not segments:
                self._commit_vectors(job, Stage.PHOTO, space_id, [], [])
                continue
            preview = self._preview(job, cancel)
            if preview is not None:
                ready.append((job, segments[0], preview))
        vectors = encode_each(
            [preview for _, _, preview in ready],
            lambda pictures: self._encoders.encode_images(pictures, cancel),
            lambda: self._encoders.encode_photo_texts(["a"]),
        )
        if self._encoders.photo_space() != space:
            return
        self._ledger.encoded += _count_vectors(vectors)
        for (job, segment, _), vector in zip(ready, vectors, strict=True):
            self._commit_vectors(job, Stage.PHOTO, space_id, [segment], [vector])

    def transcribe(self, job: Job, models: Models, cancel: CancelToken, on_window: Callable[[], None]) -> None:
        """Stage ``SPEECH``: the words of a recording or a sound track, through a spool file of samples.

        ``on_window`` is called after each window. Raises ``ModelError``, ``ModelMissingError``, ``Cancelled``.
        """
        model = models.state.speech_model
        if model is None:
            return
        if job.content_id is None:
            self._store.jobs.finish(job.file_id, Stage.SPEECH)
            return
        pcm = self._spool / f"{SPOOL_PREFIX}{uuid.uuid4().hex}.f32"

        def count(_done: int, _total: int) -> None:
            self._ledger.encoded += 1
            on_window()

        try:
            if not self._is_unchanged(job, job.stamp):
                return
            self._reader.decode_audio(job.path, pcm, cancel)
            if not self._is_unchanged(job, job.stamp):
                return
            spans = self._speech.transcribe(pcm, on_window=count, cancel=cancel)
        except UnreadableError as reason:
            if self._is_unchanged(job, job.stamp):
                self._fail(job, reason.message)
        except ChildError as error:
            expect_working(lambda: self._transcribe_silence(cancel), error)
            self._fail(job, f"the model's process failed on it ({error.message})")
        else:
            self._store.commit_speech(job.file_id, job.content_id, spans, model, models.state)
            self._ledger.touched.add(job.file_id)
        finally:
            pcm.unlink(missing_ok=True)

    def _commit(self, job: Job, digest: bytes, extraction: Extraction, models: Models, stamp: FileStamp) -> None:
        space = None
        if extraction.look_alike is not None:
            space = look_alike_space(len(extraction.look_alike) // _FLOAT_BYTES, EXTRACTOR_VERSION)
        try:
            self._store.commit_content(
                job.file_id,
                digest,
                extraction,
                extractor_version=EXTRACTOR_VERSION,
                look_alike=space,
                models=models.state,
                stamp=stamp,
            )
        except OSError as error:  # thumbnails are written on the way; that is no fault of the file
            raise FindlingError(f"the thumbnail cache cannot be written: {error.strerror}") from error

    def _commit_vectors(
        self, job: Job, stage: Stage, space_id: int, segments: Sequence[SegmentRow], results: Sequence[Vector | str]
    ) -> None:
        self._ledger.touched.add(job.file_id)
        vectors: list[NewVector] = []
        for segment, result in zip(segments, results, strict=True):
            if isinstance(result, str):
                self._fail(job, result)
                return
            vectors.append(NewVector(segment.id, segment.content_id, result))
        self._store.commit_vectors(job.file_id, stage, space_id, vectors)

    def _lacking(self, job: Job, space_id: int, kinds: Sequence[SegmentKind]) -> list[SegmentRow]:
        if job.content_id is None:
            return []
        return self._store.segments.without_vector(job.content_id, space_id, kinds)

    def _preview(self, job: Job, cancel: CancelToken) -> bytes | None:
        """The picture that the encoder is fed, made again where the cache was emptied; None when that cannot be."""
        if job.content_hash is None:
            return None
        stored = self._store.thumbnails.read(job.content_hash, PREVIEW)
        if stored is not None:
            return stored
        if not self._is_unchanged(job, job.stamp):
            return None
        try:
            extraction = self._reader.extract(job.path, cancel)
        except UnreadableError as reason:
            self._fail(job, reason.message)
            return None
        if extraction.thumbnail is None or extraction.preview is None:
            self._fail(job, "no picture can be made of it")
            return None
        self._store.thumbnails.write(job.content_hash, extraction.thumbnail, extraction.preview)
        return extraction.preview

    def _is_complete(self, known: ContentRow, digest: bytes) -> bool:
        """Whether a known content was read by today's extractors and its pictures are still in the cache."""
        return known.extractor_version == EXTRACTOR_VERSION and (
            not known.has_thumbnail or self._store.thumbnails.find(digest.hex(), PREVIEW) is not None
        )

    def _is_unchanged(self, job: Job, stamp: FileStamp) -> bool:
        """Whether the file still is what it was at ``stamp``; otherwise it is set aside."""
        try:
            status = look(job.path)
        except OSError:
            status = None
        if status is not None and stamp_of(status) == stamp:
            return True
        self._set_aside(job)
        return False

    def _set_aside(self, job: Job) -> None:
        logger.debug("set aside for the next scan: %s", os.fsdecode(job.path))
        self._ledger.set_aside[(job.file_id, job.stage)] = job.path

    def _fail(self, job: Job, reason: str) -> None:
        self._store.jobs.fail(job.file_id, job.stage, reason)
        self._ledger.touched.add(job.file_id)

    def _transcribe_silence(self, cancel: CancelToken) -> None:
        pcm = self._spool / f"{SPOOL_PREFIX}{uuid.uuid4().hex}.f32"
        try:
            np.zeros(SAMPLE_RATE_HZ, dtype="<f4").tofile(pcm)
            self._speech.transcribe(pcm, cancel=cancel)
        finally:
            pcm.unlink(missing_ok=True)


def clear_spool(spool: Path) -> None:
    """Delete the decoded sound that a sudden end left behind."""
    for path in spool.glob(f"{SPOOL_PREFIX}*"):
        path.unlink(missing_ok=True)


def _count_vectors(results: Sequence[Vector | str]) -> int:
    return sum(not isinstance(result, str) for result in results)


def _reason(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "no permission to read it"
    return f"the disk could not read it: {error.strerror}"
