"""The indexer: one run until nothing is left, or a watch that goes on."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from core.cancel import CancelToken
from core.config import Folders
from core.errors import Cancelled
from core.extract.base import Reader
from core.extract.registry import EXTRACTOR_VERSION
from core.index.meter import waiting
from core.index.pipeline import clear_spool
from core.index.requests import apply_requests
from core.index.stages import Stages
from core.models.base import Encoders, Speech
from core.store.store import Store
from core.types import IndexReport, Progress, Stage
from core.watch.scan import ScanReport, look_at, reconcile_roots
from core.watch.settle import Settled

logger = logging.getLogger(__name__)

_REQUESTS_S = 1.0  # how often another process's requests are looked for
_UNSETTLED_S = 1.0  # how long a file that changed while it was read is left alone before the last look

OnProgress = Callable[[Progress], None]


class Indexer:
    """Brings the index in line with the roots. Its caller holds the writer's lock: one works on an index at a time."""

    def __init__(self, store: Store, reader: Reader, encoders: Encoders, speech: Speech, folders: Folders) -> None:
        self._store = store
        self._reader = reader
        self._encoders = encoders
        self._speech = speech
        self._folders = folders
        self._wake = threading.Event()

    def wake(self) -> None:
        """Make a running ``follow`` look at requests and models at once. Any thread may call it."""
        self._wake.set()

    def run(self, *, on_progress: OnProgress | None = None, cancel: CancelToken | None = None) -> IndexReport:
        """Work until nothing is left that can be done, or until cancelled."""
        cancel = cancel or CancelToken()
        started = time.monotonic()
        stages = self._stages(cancel, on_progress)
        cancelled = False
        try:
            apply_requests(self._store)
            self._scan(stages, cancel)
            self._prepare(stages)
            self._work_off(stages, cancel)
            if stages.ledger.set_aside and not cancel.wait(_UNSETTLED_S):
                paths = stages.release_set_aside()
                look_at(self._store, Settled(frozenset(paths)), cancel=cancel, ignore=self.own_folders())
                self._work_off(stages, cancel)
            self.sweep()
        except Cancelled:
            cancelled = True
        finally:
            stages.release_set_aside()
        stages.meter.show(None, None, stages.can_do, at_once=True)
        outcome = self._store.outcome(stages.ledger.touched)
        return IndexReport(
            files=outcome.files,
            indexed=outcome.done,
            unchanged=outcome.files - outcome.done - outcome.failed - outcome.skipped,
            failed=outcome.failed,
            skipped=outcome.skipped,
            waiting=waiting(self._store.jobs.left(), stages.can_do),
            encoded=stages.ledger.encoded,
            seconds=time.monotonic() - started,
            cancelled=cancelled,
        )

    def own_folders(self) -> frozenset[bytes]:
        """Our own folders, which no scan enters."""
        own = self._folders
        return frozenset(os.fsencode(folder) for folder in (own.data, own.cache, own.config, own.models, own.logs))

    def sweep(self) -> None:
        """Forget contents that lost their last file a month ago, with their thumbnails."""
        for content_hash in self._store.contents.sweep():
            self._store.thumbnails.remove(content_hash)

    def _stages(self, cancel: CancelToken, on_progress: OnProgress | None) -> Stages:
        return Stages(
            self._store,
            self._reader,
            self._encoders,
            self._speech,
            self._folders,
            cancel=cancel,
            on_progress=on_progress,
        )

    def _prepare(self, stages: Stages) -> None:
        """What a sudden end left behind, what another version read, and what the models can do now."""
        clear_spool(self._folders.spool)
        self._store.jobs.recover()
        self._store.jobs.queue_outdated(EXTRACTOR_VERSION)
        stages.refresh_models()
        stages.queue_needed()

    def _scan(self, stages: Stages, cancel: CancelToken) -> None:
        def on_batch(_report: ScanReport) -> None:
            stages.meter.show(Stage.NAME, None, stages.can_do, scanning=True)

        stages.meter.show(Stage.NAME, None, stages.can_do, scanning=True, at_once=True)
        reconcile_roots(
            self._store, self._store.roots.all(), cancel=cancel, ignore=self.own_folders(), on_batch=on_batch
        )

    def _work_off(self, stages: Stages, cancel: CancelToken) -> None:
        """Step until nothing is left, carrying out requests in between."""
        looked_s = time.monotonic()
        while True:
            busy = stages.step()
            now = time.monotonic()
            if not busy or now - looked_s > _REQUESTS_S:
                looked_s = now
                self._encoders.drop_idle()
                if apply_requests(self._store):
                    self._scan(stages, cancel)
                    stages.queue_needed()
                    busy = True
            if not busy:
                return
