"""Following the disk while the indexer works, in a thread of its own.

The scans and looks of the watch run here, on this thread's own connection, and not between two steps of the indexer:
one recording may take the speech model an hour, and a new file's name must be found within five seconds. SQLite lets
one of the two write at a time; their transactions take milliseconds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from core.cancel import CancelToken
from core.errors import Cancelled
from core.index.requests import apply_requests
from core.store.roots import RootRow
from core.store.store import Store
from core.watch.presence import is_there
from core.watch.scan import ScanReport, look_at, reconcile_roots
from core.watch.watcher import Watcher

logger = logging.getLogger(__name__)

_TICK_S = 0.2
_REQUESTS_S = 1.0  # how often another process's requests are looked for
_RETURN_S = 5.0  # how often a root that is not there is looked for
_FULL_SCAN_S = 3600.0  # the truth, every hour, whatever the watcher has missed


class Follower:
    """Keeps names, folders and dates in line with the disk until stopped, and says when there is new work."""

    def __init__(
        self,
        store: Store,
        *,
        ignore: frozenset[bytes],
        on_found: Callable[[bool], None],
        full_scan_s: float = _FULL_SCAN_S,
    ) -> None:
        """``on_found`` is called in the follower's thread after each commit that changed what can be found.

        Its argument says whether files were changed or removed, whose work may now fall to other copies of them.
        """
        self._store = store
        self._ignore = ignore
        self._on_found = on_found
        self._full_scan_s = full_scan_s
        self._stop = CancelToken()
        self._look = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._error: BaseException | None = None
        self.scanning = False

    def start(self) -> None:
        self._thread.start()

    def look(self) -> None:
        """Look at the queued requests at once."""
        self._look.set()

    def raise_if_failed(self) -> None:
        """Raise here what ended the follower's thread there."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End the thread, if it was started; returns when it has ended."""
        self._stop.cancel()
        self._look.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        watcher = Watcher(ignore=self._ignore)
        try:
            self._follow(watcher)
        except Cancelled:
            pass
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for this one
            self._error = error
        finally:
            watcher.close()

    def _follow(self, watcher: Watcher) -> None:
        apply_requests(self._store)
        roots = self._roots()
        watcher.follow(root.path for root in roots)  # before the scan, so that nothing falls between the two
        self._scan(watcher, roots)
        full_s = requests_s = return_s = time.monotonic()
        while not self._stop.cancelled:
            asked = self._look.wait(_TICK_S)
            self._look.clear()
            now = time.monotonic()
            if asked or now - requests_s >= _REQUESTS_S:
                requests_s = now
                self._carry_out_requests(watcher)
            if now - full_s >= self._full_scan_s:
                full_s = now
                self._scan(watcher, self._roots())
            if now - return_s >= _RETURN_S:
                return_s = now
                self._scan(watcher, [root for root in self._roots() if root.offline and is_there(self._store, root)])
            hints = watcher.poll()
            if hints.rescan:
                self._scan(watcher, [root for root in self._roots() if root.path in hints.rescan])
            if hints.settled:
                self._found(look_at(self._store, hints.settled, cancel=self._stop, ignore=self._ignore))

    def _carry_out_requests(self, watcher: Watcher) -> None:
        before = {root.id for root in self._roots()}
        if not apply_requests(self._store):
            return
        roots = self._roots()
        watcher.follow(root.path for root in roots)
        self._on_found(True)  # a root may have gone
        self._scan(watcher, [root for root in roots if root.id not in before])

    def _scan(self, watcher: Watcher, roots: Iterable[RootRow]) -> None:
        roots = list(roots)
        if not roots:
            return
        started = time.monotonic()
        self.scanning = True
        try:
            report = reconcile_roots(
                self._store,
                roots,
                cancel=self._stop,
                ignore=self._ignore,
                on_batch=lambda _report: self._on_found(False),
            )
        finally:
            self.scanning = False
        for root in roots:
            watcher.scanned(root.path, time.monotonic() - started)
        self._found(report)

    def _found(self, report: ScanReport) -> None:
        if report.differs or report.offline:
            self._on_found(bool(report.changed or report.removed))

    def _roots(self) -> list[RootRow]:
        return self._store.roots.all()
