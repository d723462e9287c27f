"""The indexer: one run until nothing is left, or a watch that goes on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from core import cpu
from core.cancel import CancelToken
from core.config import Folders
from core.errors import Cancelled, FindlingError, IndexBusyError, NoRoomError, StorageError
from core.extract.base import Reader
from core.extract.version import extractor_version
from core.index.follower import Follower
from core.index.lookout import Lookout
from core.index.meter import waiting
from core.index.patience import Patience
from core.index.pipeline import Ledger, clear_litter
from core.index.stages import PrepareAhead, Stages
from core.models.base import Encoders, Speech
from core.pace import Pace
from core.room import RoomWatch, disk_trouble
from core.store.compact import compact_if_worthwhile
from core.store.forget import finish_when_idle
from core.store.roots import RootRow
from core.store.store import Store
from core.types import IndexReport, Progress, Stage, Withheld
from core.watch.scan import ScanReport
from core.watch.settle import Settled
from core.watch.usable import why_closed

logger = logging.getLogger(__name__)

_REQUESTS_S = 1.0  # how often another process's requests are looked for
_UNSETTLED_S = 1.0  # how long a file that changed while it was read is left alone before the last look
_UNSETTLED_FOLLOWING_S = 30.0  # the same while following, where the watcher mostly brings it back sooner
_IDLE_S = 1.0
_SLICE_S = 0.1
_REQUEUE_S = 10.0  # a look through all contents, for work that has fallen to another copy of a file
_SWEEP_S = 3600.0
_ANNOUNCE_S = 0.5  # how often ``on_change`` is told of finished steps

OnProgress = Callable[[Progress], None]


class Indexer:
    """Brings the index in line with the roots. Its caller holds the writer's lock: one works on an index at a time."""

    def __init__(
        self,
        store: Store,
        reader: Reader,
        encoders: Encoders,
        speech: Speech,
        folders: Folders,
        reload_models: Callable[[], object] = lambda: None,
        pace: Pace | None = None,
        exclude: Callable[[], tuple[str, ...]] = tuple,
        prepare_ahead: PrepareAhead = lambda cancel, on_begin: False,
    ) -> None:
        """``reload_models``, ``prepare_ahead`` and ``pace`` as ``Stages`` takes them.

        ``exclude`` gives the settings' patterns of what is passed over.
        """
        self._store = store
        self._reader = reader
        self._encoders = encoders
        self._speech = speech
        self._folders = folders
        self._reload_models = reload_models
        self._pace = pace
        self._exclude = exclude
        self._prepare_ahead = prepare_ahead
        self._wake = threading.Event()
        self._woken = False
        self._follower: Follower | None = None
        self.ledger = Ledger()  # of the run that goes on, else of the last one: what it has cost

    def wake(self) -> None:
        """Make a running ``follow`` look at requests and models at once. Any thread may call it."""
        self._woken = True
        self._wake.set()
        follower = self._follower
        if follower is not None:
            follower.look()

    def run(
        self,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
        allow_removals: Collection[bytes] = (),
    ) -> IndexReport:
        """Work until nothing is left that can be done, or until cancelled.

        ``allow_removals`` are roots that may lose any number of files; others keep what is missing of them when it is
        very much, and the report says so.

        Raises ``NoRoomError`` when a disk is full, or nearly so, and ``StorageError`` when one fails. What was done
        stays; the next run goes on from there.
        """
        with self._under_way() as sudden, self._store.database.told_plainly(), cpu.behind_on_disk():
            lookout = Lookout(self._store, self._folders.never_scanned(), self._exclude)
            lookout.carry_out()
            lookout.allow(allow_removals)
            return self._run(on_progress, cancel or CancelToken(), sudden, lookout)

    def _run(self, on_progress: OnProgress | None, cancel: CancelToken, sudden: bool, lookout: Lookout) -> IndexReport:
        started = time.monotonic()
        stages = self._stages(cancel, on_progress)
        cancelled = False
        unreadable: frozenset[bytes] = frozenset()
        try:
            self._prepare(stages, sudden)
            unreadable = self._scan(stages, cancel, lookout, lookout.roots()).unreadable
            stages.queue_needed()
            self._work_off(stages, cancel, lookout)
            if stages.ledger.set_aside and not cancel.wait(_UNSETTLED_S):
                paths = stages.release_set_aside()
                lookout.look(Settled(frozenset(paths)), cancel)
                self._work_off(stages, cancel, lookout)
            self._sweep(cancel)
        except Cancelled:
            cancelled = True
        finally:
            stages.close()
            stages.release_set_aside()
            stages.meter.scanning = False
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
            withheld=tuple(
                Withheld(root.path, root.missing, self._store.files.count(root.id))
                for root in lookout.roots()
                if root.missing
            ),
            away=tuple(root.path for root in lookout.roots() if root.offline),
            unreadable=tuple((path, why_closed(path)) for path in sorted(unreadable)),
        )

    def follow(
        self,
        *,
        cancel: CancelToken,
        on_progress: OnProgress | None = None,
        on_change: Callable[[], None] | None = None,
        when_idle: Callable[[], None] = lambda: None,
    ) -> None:
        """Work, and follow what changes on the disk, until cancelled.

        ``on_change`` is called, from any thread, after commits that change what can be found; ``when_idle`` each time
        that nothing is left to do, as soon as ``pace`` allows. Work waits while a disk is full or fails, and goes on by
        itself.
        """
        announce = _Announcer(on_change or (lambda: None))
        patience = Patience(self._folders, cancel, on_progress)
        while not cancel.cancelled:
            try:
                with self._under_way() as sudden, self._store.database.told_plainly(), cpu.behind_on_disk():
                    self._follow_roots(cancel, patience.seen, announce, when_idle, sudden)
            except (NoRoomError, StorageError, IndexBusyError) as trouble:
                patience.wait_out(trouble)

    def _follow_roots(
        self,
        cancel: CancelToken,
        on_progress: OnProgress,
        announce: _Announcer,
        when_idle: Callable[[], None],
        sudden: bool,
    ) -> None:
        lost = threading.Event()

        def on_found(files_lost: bool) -> None:
            if files_lost:
                lost.set()
            announce.at_once()
            self._wake.set()

        stages = self._stages(cancel, on_progress, announce.soon, announce.flush, waits_for_room=True)
        follower = Follower(self._store, ignore=self._folders.never_scanned(), on_found=on_found, exclude=self._exclude)
        try:
            self._prepare(stages, sudden)
            stages.queue_needed()
            self._follower = follower
            follower.start()
            self._follow(stages, follower, lost, announce, cancel, when_idle)
        except Cancelled:
            logger.debug("following was cancelled")
        finally:
            self._follower = None
            follower.stop()
            stages.close()
            stages.release_set_aside()

    def _follow(
        self,
        stages: Stages,
        follower: Follower,
        lost: threading.Event,
        announce: _Announcer,
        cancel: CancelToken,
        when_idle: Callable[[], None],
    ) -> None:
        busy_before, idle_owed = True, False
        swept_s = requeued_s = set_aside_s = float("-inf")
        while not cancel.cancelled:
            follower.raise_if_failed()
            now = time.monotonic()
            if self._woken:
                self._woken = False
                stages.refresh_models(unblock=True)
            if lost.is_set() and now - requeued_s > _REQUEUE_S:
                lost.clear()
                requeued_s = now
                stages.queue_needed()
            if now - set_aside_s > _UNSETTLED_FOLLOWING_S:
                set_aside_s = now
                stages.release_set_aside()
            stages.meter.scanning = follower.scanning
            busy = stages.step()
            if busy:
                busy_before = True
                continue
            announce.flush()
            stages.meter.show(Stage.NAME if follower.scanning else None, None, stages.can_do, at_once=busy_before)
            idle_owed = idle_owed or (busy_before and not follower.scanning)
            busy_before = follower.scanning
            if idle_owed and (self._pace is None or self._pace.allows()):
                idle_owed = False
                when_idle()
            if now - swept_s > _SWEEP_S and not follower.scanning:
                swept_s = now
                self._sweep(cancel)
                stages.refresh_models(unblock=True)  # a model that failed gets another chance
            self._rest(cancel)

    def _rest(self, cancel: CancelToken) -> None:
        """Wait for something to do, in slices, since two things can end the wait."""
        until_s = time.monotonic() + _IDLE_S
        while not cancel.cancelled and time.monotonic() < until_s:
            if self._wake.wait(_SLICE_S):
                self._wake.clear()
                return

    def _sweep(self, cancel: CancelToken) -> None:
        """Forget files that were deleted a month ago, and contents that lost their last file then; give back room.

        Raises ``Cancelled``.
        """
        self._store.tombstones.sweep()
        self._store.remove_thumbnails(self._store.contents.sweep())
        finish_when_idle(self._store, cancel)
        compact_if_worthwhile(self._store.database, cancel)

    def _stages(
        self,
        cancel: CancelToken,
        on_progress: OnProgress | None,
        on_commit: Callable[[], None] = lambda: None,
        on_wait: Callable[[], None] = lambda: None,
        waits_for_room: bool = False,
    ) -> Stages:
        stages = Stages(
            self._store,
            self._reader,
            self._encoders,
            self._speech,
            self._folders,
            cancel=cancel,
            on_progress=on_progress,
            on_commit=on_commit,
            on_wait=on_wait,
            reload_models=self._reload_models,
            prepare_ahead=self._prepare_ahead,
            pace=self._pace,
            room=RoomWatch((self._folders.data, self._folders.cache)),
            waits_for_room=waits_for_room,
        )
        self.ledger = stages.ledger
        return stages

    @contextmanager
    def _under_way(self) -> Iterator[bool]:
        """Leave a mark while work is under way; whether there was one, which a sudden end left.

        What was being read at a sudden end may have brought it about, and is read alone from then on. A full disk ends
        a run too, and could not even take back what was begun; but the mark can be removed from one.
        """
        mark = self._folders.lock.with_suffix(".running")
        sudden = mark.exists()
        try:
            mark.touch(mode=0o600)
        except OSError as error:
            raise disk_trouble(error, mark, "indexing cannot begin") from error
        try:
            yield sudden
        except (Cancelled, FindlingError):
            mark.unlink(missing_ok=True)
            raise
        mark.unlink(missing_ok=True)

    def _prepare(self, stages: Stages, sudden: bool) -> None:
        """What a sudden end left behind, what another version read, and what the models can do now."""
        clear_litter(self._folders, self._store.thumbnails)
        self._store.jobs.recover(sudden=sudden)
        self._store.jobs.queue_outdated(extractor_version())
        stages.refresh_models()

    def _scan(self, stages: Stages, cancel: CancelToken, lookout: Lookout, roots: list[RootRow]) -> ScanReport:
        meter = stages.meter

        def on_batch(_report: ScanReport) -> None:
            meter.show(Stage.NAME, None, stages.can_do)

        meter.scanning = True
        meter.show(Stage.NAME, None, stages.can_do, at_once=True)
        report = lookout.scan(roots, cancel, on_batch)
        meter.scanning = False
        meter.show(Stage.NAME, None, stages.can_do, at_once=True)
        return report

    def _work_off(self, stages: Stages, cancel: CancelToken, lookout: Lookout) -> None:
        """Step until nothing is left, carrying out requests in between."""
        looked_s = time.monotonic()
        while True:
            busy = stages.step()
            now = time.monotonic()
            if not busy or now - looked_s > _REQUESTS_S:
                looked_s = now
                busy = self._carry_out_requests(stages, cancel, lookout) or busy
            if not busy:
                return

    def _carry_out_requests(self, stages: Stages, cancel: CancelToken, lookout: Lookout) -> bool:
        to_scan = lookout.carry_out()
        if to_scan is None:
            return False
        self._scan(stages, cancel, lookout, to_scan)
        stages.queue_needed()
        return True


class _Announcer:
    """Tells a listener of changes, and of those that come thick and fast not every single one."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._told_s = float("-inf")
        self._owed = False

    def at_once(self) -> None:
        self._owed = False
        self._told_s = time.monotonic()
        self._tell()

    def soon(self) -> None:
        """Now, or with a later change."""
        self._owed = True
        if time.monotonic() - self._told_s >= _ANNOUNCE_S:
            self.at_once()

    def flush(self) -> None:
        """Tell what is still owed."""
        if self._owed:
            self.at_once()
