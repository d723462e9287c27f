"""The facade: everything the command line and the window ask for.

Any thread may call any method; each gets its own connection to the index. The children that read files and run
models are started when they are first needed, and what only indexing or the care of the index needs is imported then:
a search from the command line is answered in a second, and half of that was imports.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import cpu
from core.cancel import CancelToken
from core.child import Child
from core.config import Settings, load_settings, save_settings, settings_stamp, settings_turn
from core.errors import SettingsError
from core.extract.base import Reader
from core.extract.pool import SandboxPool
from core.extract.sandbox import Sandbox
from core.models.base import Encoders, Speech
from core.models.fidelity import MAX_SAMPLE
from core.models.host import EncoderHost, SpeechHost
from core.pace import Pace
from core.search.examples import ExampleReader
from core.search.host import AnswerHost
from core.search.messages import Models
from core.search.query_child import query_child as make_query_child
from core.search.question import Answers
from core.search.searcher import Searcher
from core.store.faults import tells_of_faults
from core.store.store import Store
from core.types import (
    Check,
    CpuShare,
    Failure,
    Filling,
    IndexReport,
    ModelInfo,
    ModelRole,
    Progress,
    Query,
    RootStatus,
    SearchResult,
    SpeechSpan,
    Status,
)
from core.watch.usable import absolute
from core.writer import WriterLock

if TYPE_CHECKING:
    from core.care_desk import CareDesk
    from core.exclude_desk import ExcludeDesk
    from core.index.indexer import Indexer
    from core.model_desk import ModelDesk
    from core.models.specs import Trial
    from core.root_desk import RootDesk
    from core.state_desk import StateDesk

logger = logging.getLogger(__name__)

OnProgress = Callable[[Progress], None]


@tells_of_faults
class Engine:
    """Open with ``Engine.open``; close when done."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        encoders: Encoders,
        speech: Speech,
        reader: Reader,
        answers: Answers | None = None,
    ) -> None:
        """``answers`` is the query child; without one, queries are answered in this process."""
        self._settings = settings
        self._store = store
        self._encoders = encoders
        self._speech = speech
        self._reader = reader
        self._pace = Pace(settings)
        self._lock = WriterLock(settings.folders)  # to ask who holds it; never taken
        self._indexing = False
        self._settings_stamp: tuple[int, int, int] | None = None  # of the file that ``settings`` were read from
        # Searching reads its example files in a child of its own, so that it never waits for the indexer's.
        self._example_reader: Reader = Sandbox(niceness=0) if isinstance(reader, SandboxPool) else reader
        examples = ExampleReader(store, encoders, self._example_reader, self._transcribe_example)
        self._searcher = Searcher(examples, answers or _answerer(store, encoders))

    @classmethod
    def open(
        cls,
        settings: Settings | None = None,
        *,
        encoders: Encoders | None = None,
        speech: Speech | None = None,
        reader: Reader | None = None,
        query_child: Child | None = None,
    ) -> Engine:
        """Open the index that the settings name, making it where there is none.

        ``query_child`` is one that was started while this module was being imported; it is ended with the engine.
        Raises ``SettingsError`` for settings that cannot be read or folders that cannot be made, and
        ``IndexDamagedError`` for an index that cannot be used.
        """
        settings = settings or load_settings()
        settings.folders.create()
        store = Store(settings.folders)
        speech, reader = speech or SpeechHost(settings), reader or SandboxPool(cpu.readers(settings.cpu_share))
        if encoders is not None:
            return cls(settings, store, encoders, speech, reader)
        host = EncoderHost(settings)
        child = query_child or make_query_child(settings.folders)
        return cls(
            settings,
            store,
            host,
            speech,
            reader,
            AnswerHost(child, host, lambda: Models(host.refs(ModelRole.TEXT), host.refs(ModelRole.PHOTO))),
        )

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know of how the index was opened, a line each; mostly nothing."""
        return self._store.notices

    # What works for it

    @cached_property
    def care(self) -> CareDesk:
        """Looks for faults, repairs them, and forgets."""
        from core.care_desk import CareDesk

        return CareDesk(self._store, lambda: self._settings, self._root_desk, self._writing)

    @cached_property
    def _indexer(self) -> Indexer:
        from core.index.indexer import Indexer

        return Indexer(
            self._store, self._reader, self._encoders, self._speech, self._settings.folders,
            self._refresh, self._pace, self._excluded_of_all, self._prepare_ahead,
        )  # fmt: skip

    @cached_property
    def _root_desk(self) -> RootDesk:
        from core.root_desk import RootDesk

        folders = self._settings.folders
        return RootDesk(self._store, folders, self._excluded_of_all, self._writing, self._wake_if_indexing)

    @cached_property
    def _exclude_desk(self) -> ExcludeDesk:
        from core.exclude_desk import ExcludeDesk

        set_for_all = lambda patterns: self._change(exclude=patterns)  # noqa: E731
        return ExcludeDesk(self._store, self._root_desk, self._excluded_of_all, set_for_all)

    @cached_property
    def _model_desk(self) -> ModelDesk:
        from core.model_desk import ModelDesk

        return ModelDesk(self._store, self._encoders, self._speech, lambda: self._settings, self._models_changed)

    @cached_property
    def _state_desk(self) -> StateDesk:
        from core.state_desk import StateDesk

        return StateDesk(self._store, self._encoders, self._speech, self._root_desk, self._model_desk, self._lock)

    def _excluded_of_all(self) -> tuple[str, ...]:
        return self._settings.exclude

    # Folders

    def add_root(self, folder: Path) -> None:
        """Watch a folder from now on. Queued to the process that indexes, if another one does.

        Raises ``FolderError`` when it is no folder, cannot be read, or is our own.
        """
        self._root_desk.add(folder)

    def remove_root(self, folder: Path) -> None:
        """Forget a folder: its files leave the index, the folder itself is not touched.

        Raises ``FolderError`` when it is not watched.
        """
        self._root_desk.remove(folder)

    def roots(self) -> list[RootStatus]:
        """The watched folders with their counts; what was asked for but not carried out yet is counted in."""
        return self._state_desk.roots()

    def allow_removals(self, folder: Path) -> None:
        """Take the files out of the index that a watched folder misses and that ``roots`` asks about."""
        self._root_desk.allow_removals(folder)

    def excludes(self) -> ExcludeDesk:
        """What is passed over, in each folder and in all."""
        return self._exclude_desk

    # Indexing

    def index(
        self,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
        gentle: bool = False,
        allow_removals: Collection[Path] = (),
    ) -> IndexReport:
        """Work until nothing is left that can be done. Raises ``IndexBusyError`` when another process does already.

        Somebody waits for it: it takes all cores, and battery or other programs do not hold it. ``gentle`` keeps to
        the settings, as ``watch`` does. Of ``allow_removals``, watched folders, any number of files may be gone.
        """
        allowed = [os.fsencode(absolute(folder)) for folder in allow_removals]
        with self._writing("index"):
            self._pace.eager = not gentle
            try:
                return self._indexer.run(on_progress=on_progress, cancel=cancel, allow_removals=allowed)
            finally:
                self._pace.eager = False

    def watch(
        self,
        *,
        cancel: CancelToken,
        on_progress: OnProgress | None = None,
        on_change: Callable[[], None] | None = None,
        purpose: str = "watch",
    ) -> None:
        """Index, then follow changes until cancelled. ``on_change`` may be called from any thread.

        ``purpose`` is what another process is told about this one: ``watch`` or ``window``.

        It works in the background: within the settings' share of the processor, and with pauses while the computer
        runs on battery or is busy, which ``Progress.paused`` tells.

        Raises ``IndexBusyError`` when another process indexes already.
        """
        with self._writing(purpose):
            self._indexer.follow(
                cancel=cancel,
                on_progress=on_progress,
                on_change=on_change,
                when_idle=lambda: self._model_desk.prepare_when_idle(cancel),
            )

    def wake(self) -> None:
        """Make a running ``watch`` look at queued requests and new models at once."""
        self._indexer.wake()

    def index_anyway(self) -> None:
        """Go on although the computer runs on battery or is busy, on a person's word."""
        self._pace.insist()

    def choose_pace(
        self,
        *,
        cpu_share: CpuShare | None = None,
        pause_on_battery: bool | None = None,
        pause_when_busy: bool | None = None,
    ) -> None:
        """Settle what indexing in the background may take; None leaves a setting as it is.

        Holds at once for the pauses, and for threads between two batches.
        """
        chosen = {
            "cpu_share": cpu_share,
            "pause_on_battery": pause_on_battery,
            "pause_when_busy": pause_when_busy,
        }
        given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
        self._change(**given)
        self._pace.configure(self._settings)
        self._models_changed()

    def retry_failed(self, paths: Sequence[bytes] | None = None) -> int:
        """Try files that could not be read again at the next run, those of ``paths`` or all; how many steps."""
        count = self._store.jobs.retry_failed(paths)
        self.wake()
        return count

    # Searching

    def search(self, query: Query) -> SearchResult:
        """Answer a query.

        Raises ``UsageError`` for an empty query and ``UnreadableError`` for an example file that cannot be read.
        """
        if not self._indexing:
            self._refresh()
        return self._searcher.search(query)

    def warm_search(self) -> None:
        """Start what answers queries, so that the first one does not wait for it."""
        self._searcher.warm()

    def thumbnail(self, content_hash: str, size: int = 256) -> Path | None:
        """A JPEG file in the cache that fits in ``size`` (256 or 512) pixels; None where there is none."""
        return self._store.thumbnails.find(content_hash, size)

    # State

    def status(self) -> Status:
        """Counts of all there is, of what is left to do, and what waits for a model."""
        return self._state_desk.status()

    def failures(self) -> list[Failure]:
        """Files that could not be read, then those known by their name only."""
        return self._store.jobs.failures()

    def doctor(self) -> list[Check]:
        """Look for faults; ``care`` repairs them."""
        return self.care.check()

    def forget(self, path: Path) -> bool:
        """Remove every trace of a file or folder, watched or not; as ``CareDesk.forget``."""
        return self.care.forget(path)

    # Models

    def models(self) -> list[ModelInfo]:
        return self._model_desk.all()

    def fetch_model(
        self,
        name: str,
        on_progress: Callable[[int, int | None], None] | None = None,
        cancel: CancelToken | None = None,
    ) -> ModelInfo:
        """Fetch a model from its hub, on the user's yes: the one door to the network. Raises ``FetchError``."""
        return self._model_desk.fetch(name, on_progress, cancel)

    def import_model(self, folder: Path) -> ModelInfo:
        """Take a model from a folder on this computer. Raises ``ModelError``."""
        return self._model_desk.take(folder)

    def use_model(self, name: str) -> Filling | None:
        """Choose an installed model for its role. Raises ``UsageError`` and ``ModelMissingError``.

        What it has to see before search moves to it: until then the model before answers. None where there is nothing.
        """
        return self._model_desk.use(name)

    def prepare_model(
        self,
        name: str,
        on_progress: Callable[[int, int, str], None] | None = None,
        cancel: CancelToken | None = None,
    ) -> tuple[Trial, ...]:
        """Choose how an installed model runs here: the fastest form whose vectors are as good as float32's.

        Tried on a sample of the index; ``on_progress`` gets steps done, steps in all and what is being done. Takes a
        minute or two, and indexing and searching go on meanwhile. Raises ``UsageError``, ``ModelMissingError``,
        ``ModelError`` and ``Cancelled``; what was prepared before stays then.
        """
        return self._model_desk.prepare(name, on_progress, cancel)

    def models_to_prepare(self, least: int = MAX_SAMPLE) -> list[str]:
        """The models in use for which no form was chosen here yet, or on too few of the user's own files.

        Only those of whose kind the index holds at least ``least`` files or passages to choose by.
        """
        return self._model_desk.to_prepare(least)

    def verify_models(self) -> list[tuple[ModelInfo, bool, str]]:
        """Hash every installed model's files again and compare."""
        return self._model_desk.verify()

    def close(self) -> None:
        """End the children and close the index. Cancel a running ``index`` or ``watch`` first and wait for it."""
        for part in (self._searcher, self._reader, self._example_reader, self._encoders, self._speech):
            part.close()
        self._store.close()

    def _change(self, **given: Any) -> None:
        """Save some settings beside those that another process may have changed meanwhile."""
        with settings_turn:
            self._settings = replace(load_settings(self._settings.folders), **given)
            save_settings(self._settings)

    @contextmanager
    def _writing(self, purpose: str) -> Iterator[None]:
        with WriterLock(self._settings.folders, purpose):
            self._indexing = True
            try:
                yield
            finally:
                self._indexing = False

    def _wake_if_indexing(self) -> bool:
        if self._indexing:
            self.wake()
        return self._indexing

    def _models_changed(self) -> None:
        if not self._wake_if_indexing():  # the indexer looks between two batches
            self._refresh()

    def _refresh(self) -> None:
        """Take over settings and models that changed, also those that another process changed."""
        stamp = settings_stamp(self._settings.folders)
        if stamp != self._settings_stamp:  # parsing takes milliseconds, and this is on the way of every query
            self._settings_stamp = stamp
            try:
                self._settings = load_settings(self._settings.folders)
            except SettingsError as error:
                logger.warning("the settings stay as they were: %s", error)
        self._pace.configure(self._settings)
        settings = replace(self._settings, cpu_share=CpuShare.FULL) if self._pace.eager else self._settings
        self._encoders.reload(settings)
        self._speech.reload(settings)
        if isinstance(self._reader, SandboxPool):
            self._reader.resize(cpu.readers(settings.cpu_share))

    def _prepare_ahead(self, cancel: CancelToken, on_begin: Callable[[], None]) -> bool:
        share = CpuShare.FULL if self._pace.eager else self._settings.cpu_share
        return self._model_desk.prepare_ahead(cancel, on_begin, share)

    def _transcribe_example(self, path: bytes) -> list[SpeechSpan]:
        """The words of an example recording that is not in the index.

        Raises ``ModelMissingError`` without a speech model, ``UnreadableError`` for a broken file.
        """
        pcm = self._settings.folders.spool / f"example-{uuid.uuid4().hex}.f32"
        try:
            self._example_reader.decode_audio(path, pcm)
            return self._speech.transcribe(pcm)
        finally:
            pcm.unlink(missing_ok=True)


def _answerer(store: Store, encoders: Encoders) -> Answers:
    """What answers in this process."""
    from core.search.answerer import Answerer

    return Answerer(store, encoders)
