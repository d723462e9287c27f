"""What happens to a file in each stage. No loops over the queue here, and no choice of what comes next.

The methods that open a file or ask a model touch no index, and may run on any thread; what is to be committed comes
back as an ``Ending``, called on the indexer's thread. A file that is gone or changing is set aside: the next scan says
what became of it.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from core.cancel import CancelToken
from core.config import Folders
from core.errors import ChildError, NoRoomError, SkippedError, UnreadableError
from core.extract.base import Reader
from core.extract.version import extractor_version
from core.index.encoding import encode_each, expect_working
from core.index.hashing import UnsettledError, hash_file
from core.index.lanes import Ended
from core.models.base import SAMPLE_RATE_HZ, Encoders, Speech
from core.room import disk_trouble, require
from core.store.contents import ContentRow
from core.store.jobs import Job, ModelState
from core.store.segments import SegmentRow
from core.store.store import Store, look_alike_space
from core.store.thumbnails import GRID, PREVIEW, Thumbnails
from core.store.vectors import NewVector
from core.types import EmbeddingSpace, Extraction, FileStamp, SegmentKind, Stage, Vector
from core.watch.presence import root_is_there
from core.watch.walk import look, stamp_of

logger = logging.getLogger(__name__)

PASSAGES = 64  # texts in one call of the encoder
SPOOL_PREFIX = "speech-"  # of files of decoded sound; the searcher has its own in the same folder
_FLOAT_BYTES = 4
_ABANDONED_S = 24 * 3600.0  # what lies in the spool for longer is nobody's


@dataclass
class Ledger:
    """What one run has done so far. Changed on the indexer's thread alone."""

    touched: set[int] = field(default_factory=set)  # files of which at least one stage was ended, well or not
    encoded: int = 0  # passages, photos and speech windows that went through an encoder
    set_aside: dict[tuple[int, Stage], bytes] = field(default_factory=dict)  # claimed jobs of files not settled
    hashed_bytes: int = 0  # of files whose content was hashed
    reads: int = 0  # files that a reader was asked to open for their content
    batches: int = 0  # calls of an encoder
    commits: int = 0  # transactions that ended steps of files


@dataclass(frozen=True)
class Models:
    """The models in use for one step, and what the store calls them."""

    state: ModelState = field(default_factory=ModelState)
    text: EmbeddingSpace | None = None
    photo: EmbeddingSpace | None = None


@dataclass(frozen=True)
class Hashed:
    """A file whose content hash is known, and what the file was then."""

    job: Job
    digest: bytes
    stamp: FileStamp


class Pipeline:
    """The stages over one store, its readers and the model children."""

    def __init__(
        self, store: Store, reader: Reader, encoders: Encoders, speech: Speech, folders: Folders, ledger: Ledger
    ) -> None:
        self._store = store
        self._reader = reader
        self._encoders = encoders
        self._speech = speech
        self._spool = folders.spool
        self._cache = folders.thumbnails
        self._ledger = ledger

    # Stage CONTENT: hash the file; link it to what is known of that hash, or read it

    def hash(self, job: Job, cancel: CancelToken) -> Hashed | Ended:
        """On any thread. Raises ``Cancelled``."""
        try:
            digest, stamp = hash_file(job.path, cancel)
        except UnsettledError:
            return self._aside(job)
        except SkippedError as error:
            reason = error.message
            if job.content_id is not None:  # it went back to the cloud: what is known of it stays found
                return Ended(job, lambda _models: self._store.jobs.finish(job.file_id, Stage.CONTENT))
            return Ended(job, lambda _models: self._skip(job, reason, job.stamp))
        except OSError as error:
            words = _reason(error)
            return Ended(job, lambda _models: self._fail_content(job, words))
        return Hashed(job, digest, stamp)

    def known(self, hashed: Hashed) -> Ended | None:
        """The end of a file whose content is known already. On the indexer's thread."""
        content = self._store.contents.by_hash(hashed.digest)
        if content is None or not self._is_complete(content, hashed.digest):
            return None
        content_id = content.id

        def link(models: ModelState) -> None:
            self._restamp(hashed)
            file_id = self._store.link_content(hashed.job.file_id, content_id, models, hashed.stamp)
            self._ledger.touched.add(file_id)

        return Ended(hashed.job, link)

    def read(self, hashed: Hashed, cancel: CancelToken) -> Ended:
        """Read the file in a sandbox and put its pictures in the cache. On any thread.

        Raises ``Cancelled``, and ``NoRoomError`` or ``StorageError`` where the cache cannot be written.
        """
        job = hashed.job
        try:
            extraction = self._reader.extract(job.path, cancel)
        except UnreadableError as error:
            refused = error
            if not _is_unchanged(job, hashed.stamp):
                return self._aside(job)
            return Ended(job, lambda _models: self._refuse(hashed, refused))
        if not _is_unchanged(job, hashed.stamp):
            return self._aside(job)
        # The pictures are in the cache before the commit that names them: a crash leaves only litter there.
        self._write_pictures(hashed.digest.hex(), extraction)
        return Ended(job, lambda models: self._commit(hashed, extraction, models))

    # Stages TEXT and PHOTO

    def lacking(self, job: Job, space_id: int, kinds: Sequence[SegmentKind]) -> list[SegmentRow]:
        """The segments of the job's content that have no vector in the space. On the indexer's thread."""
        if job.content_id is None:
            return []
        return self._store.segments.without_vector(job.content_id, space_id, kinds)

    def encode_passages(
        self, texts: Sequence[str], space: EmbeddingSpace, cancel: CancelToken
    ) -> list[Vector | str] | None:
        """A vector for each text, or the reason why there is none. On any thread.

        None when another model was chosen meanwhile, and these may be its vectors. Raises ``ModelError``,
        ``ModelMissingError``, ``Cancelled``.
        """
        vectors = encode_each(
            texts,
            lambda batch: self._encoders.encode_passages(batch, cancel),
            lambda: self._encoders.encode_passages(["a"], cancel),
        )
        return vectors if self._encoders.text_space() == space else None

    def encode_photos(
        self, jobs: Sequence[Job], space: EmbeddingSpace, cancel: CancelToken
    ) -> list[Vector | Ended | str] | None:
        """A vector for each photo, from its preview in the cache; the reason or the end where there is none.

        As ``encode_passages``.
        """
        previews = [self._preview(job, cancel) for job in jobs]
        vectors = iter(
            encode_each(
                [preview for preview in previews if isinstance(preview, bytes)],
                lambda pictures: self._encoders.encode_images(pictures, cancel),
                lambda: self._encoders.encode_photo_texts(["a"]),
            )
        )
        if self._encoders.photo_space() != space:
            return None
        return [next(vectors) if isinstance(preview, bytes) else preview for preview in previews]

    def vectors_ended(
        self, job: Job, space_id: int, segments: Sequence[SegmentRow], results: Sequence[Vector | str]
    ) -> Ended:
        """The end of a job whose segments were encoded; one that could not be fails it."""
        failure = next((result for result in results if isinstance(result, str)), None)
        if failure is not None:
            return self._failed(job, failure)
        vectors = [
            NewVector(segment.id, segment.content_id, result)
            for segment, result in zip(segments, results, strict=True)
            if not isinstance(result, str)
        ]

        def commit(_models: ModelState) -> None:
            self._store.commit_vectors(job.file_id, job.stage, space_id, vectors)
            self._ledger.touched.add(job.file_id)

        return Ended(job, commit)

    # Stage SPEECH

    def transcribe(self, job: Job, models: Models, cancel: CancelToken, on_window: Callable[[], None]) -> Ended | None:
        """The words of a recording or a sound track, through a spool file of samples. On the indexer's thread.

        ``on_window`` is called after each window. None where there is no model. Raises ``ModelError``,
        ``ModelMissingError``, ``Cancelled``, and ``NoRoomError`` or ``StorageError`` where the cache cannot be written.
        """
        model, content_id = models.state.speech_model, job.content_id
        if model is None:
            return None
        if content_id is None:
            return Ended(job, lambda _models: self._store.jobs.finish(job.file_id, Stage.SPEECH))
        pcm = self._spool / f"{SPOOL_PREFIX}{uuid.uuid4().hex}.f32"

        def count(_done: int, _total: int) -> None:
            self._ledger.encoded += 1
            on_window()

        try:
            if not _is_unchanged(job, job.stamp):
                return self._aside(job)
            no_room = self._lacks_room(content_id)
            if no_room is not None:
                return self._failed(job, no_room)
            self._reader.decode_audio(job.path, pcm, cancel)
            if not _is_unchanged(job, job.stamp):
                return self._aside(job)
            spans = self._speech.transcribe(pcm, on_window=count, cancel=cancel)
        except OSError as error:
            raise disk_trouble(error, pcm, "decoded sound cannot be written") from error
        except UnreadableError as error:
            return self._failed(job, error.message) if _is_unchanged(job, job.stamp) else self._aside(job)
        except ChildError as error:
            expect_working(lambda: self._transcribe_silence(cancel), error)
            return self._failed(job, f"the model's process failed on it ({error.message})")
        finally:
            pcm.unlink(missing_ok=True)

        def commit(state: ModelState) -> None:
            self._store.commit_speech(job.file_id, content_id, spans, model, state)
            self._ledger.touched.add(job.file_id)

        return Ended(job, commit)

    # Endings

    def _commit(self, hashed: Hashed, extraction: Extraction, models: ModelState) -> None:
        space = None
        if extraction.look_alike is not None:
            space = look_alike_space(len(extraction.look_alike) // _FLOAT_BYTES, extractor_version())
        self._restamp(hashed)
        self._store.commit_content(
            hashed.job.file_id,
            hashed.digest,
            extraction,
            extractor_version=extractor_version(),
            look_alike=space,
            models=models,
            stamp=hashed.stamp,
            pictures_written=True,
        )
        self._ledger.touched.add(hashed.job.file_id)

    def _refuse(self, hashed: Hashed, error: UnreadableError) -> None:
        self._restamp(hashed)
        if isinstance(error, SkippedError):
            self._skip(hashed.job, error.message, hashed.stamp)
            return
        self._store.fail_content(hashed.job.file_id, error.message, digest=hashed.digest, stamp=hashed.stamp)
        self._ledger.touched.add(hashed.job.file_id)

    def _restamp(self, hashed: Hashed) -> None:
        """The file changed between the scan and its hashing; it is what it was then that is kept."""
        if hashed.stamp != hashed.job.stamp:
            self._store.files.restamp(hashed.job.file_id, hashed.job.stamp, hashed.stamp)

    def _skip(self, job: Job, reason: str, stamp: FileStamp) -> None:
        self._store.skip(job.file_id, reason, job.kind, stamp)
        self._ledger.touched.add(job.file_id)

    def _fail_content(self, job: Job, reason: str) -> None:
        if root_is_there(self._store, job.path):
            self._store.fail_content(job.file_id, reason, stamp=job.stamp)
            if _is_hidden(job.path):
                # Opening the folder leaves the file's own stamp as it is: a ctime that no file has brings it back then.
                self._store.files.restamp(job.file_id, job.stamp, replace(job.stamp, ctime_ns=0))
            self._ledger.touched.add(job.file_id)
        else:
            self._set_aside(job)

    def _failed(self, job: Job, reason: str) -> Ended:
        def fail(_models: ModelState) -> None:
            self._store.jobs.fail(job.file_id, job.stage, reason)
            self._ledger.touched.add(job.file_id)

        return Ended(job, fail)

    def _aside(self, job: Job) -> Ended:
        return Ended(job, lambda _models: self._set_aside(job))

    def _set_aside(self, job: Job) -> None:
        logger.debug("set aside for the next scan: %s", os.fsdecode(job.path))
        self._ledger.set_aside[(job.file_id, job.stage)] = job.path

    # Pictures and sound

    def _write_pictures(self, content_hash: str, extraction: Extraction) -> None:
        if extraction.thumbnail is None or extraction.preview is None:
            return
        try:
            self._store.thumbnails.write(content_hash, extraction.thumbnail, extraction.preview)
        except OSError as error:  # that is no fault of the file
            raise disk_trouble(error, self._cache, "the thumbnails cannot be written") from error

    def _preview(self, job: Job, cancel: CancelToken) -> bytes | Ended:
        """The picture that the encoder is fed, made again where the cache was emptied; the job's end if it cannot be.

        On any thread.
        """
        if job.content_hash is None:
            return self._aside(job)
        stored = self._store.thumbnails.read(job.content_hash, PREVIEW)
        if stored is not None:
            return stored
        if not _is_unchanged(job, job.stamp):
            return self._aside(job)
        try:
            extraction = self._reader.extract(job.path, cancel)
        except UnreadableError as error:
            return self._failed(job, error.message)
        if extraction.thumbnail is None or extraction.preview is None:
            return self._failed(job, "no picture can be made of it")
        self._write_pictures(job.content_hash, extraction)
        return extraction.preview

    def _is_complete(self, known: ContentRow, digest: bytes) -> bool:
        """Whether a known content was read by today's extractors and its pictures are still in the cache."""
        return known.extractor_version == extractor_version() and (
            not known.has_thumbnail
            or all(self._store.thumbnails.find(digest.hex(), size) is not None for size in (GRID, PREVIEW))
        )

    def _lacks_room(self, content_id: int) -> str | None:
        """Why a recording cannot be decoded now: its samples would fill the disk, which only they do."""
        duration_s = self._store.contents.duration_s(content_id)
        try:
            require(self._spool, int((duration_s or 0.0) * SAMPLE_RATE_HZ) * _FLOAT_BYTES, "its sound, decoded,")
        except NoRoomError as error:
            return error.message
        return None

    def _transcribe_silence(self, cancel: CancelToken) -> None:
        pcm = self._spool / f"{SPOOL_PREFIX}{uuid.uuid4().hex}.f32"
        try:
            pcm.write_bytes(bytes(SAMPLE_RATE_HZ * _FLOAT_BYTES))
            self._speech.transcribe(pcm, cancel=cancel)
        except OSError as error:
            raise disk_trouble(error, pcm, "decoded sound cannot be written") from error
        finally:
            pcm.unlink(missing_ok=True)


def clear_litter(folders: Folders, thumbnails: Thumbnails) -> None:
    """Delete what a sudden end left behind: decoded sound, and pictures half written."""
    thumbnails.sweep_unfinished()
    for path in folders.spool.glob("*"):
        # A search beside this process has its own files there, and needs them for no longer than a recording takes.
        with contextlib.suppress(FileNotFoundError):
            if path.name.startswith(SPOOL_PREFIX) or time.time() - path.stat().st_mtime > _ABANDONED_S:
                path.unlink()


def _is_hidden(path: bytes) -> bool:
    """Whether a folder above is closed, so that it cannot even be told whether the file is there."""
    try:
        look(path)
    except OSError:
        return True
    return False


def _is_unchanged(job: Job, stamp: FileStamp) -> bool:
    """Whether the file still is what it was at ``stamp``."""
    try:
        status = look(job.path)
    except OSError:
        return False
    return status is not None and stamp_of(status) == stamp


def _reason(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "no permission to read it"
    return f"the disk could not read it: {error.strerror}"
