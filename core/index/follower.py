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
from core.index.lookout import Lookout
from core.store.roots import RootRow
from core.store.store import Store
from core.watch.presence import is_there
from core.watch.scan import ScanReport
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
        exclude: Callable[[], tuple[str, ...]] = tuple,
        full_scan_s: float = _FULL_SCAN_S,
    ) -> None:
        """``on_found`` is called in the follower's thread after each commit that changed what can be found.

        Its argument says whether files were changed, removed or brought back: their work may fall to other copies of
        them, or is to be queued again. ``exclude`` gives the settings' patterns of what is passed over.
        """
        self._store = store
        self._ignore = ignore
        self._lookout = Lookout(store, ignore, exclude)
        self._on_found = on_found
        self._full_scan_s = full_scan_s
        self._stop = CancelToken()
        self._look = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._error: BaseException | None = None
        self._notes: dict[bytes, str | None] = {}  # as the index has them
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
        self._lookout.carry_out()
        watcher.follow(self._lookout.rules())  # before the scan, so that nothing falls between the two
        self._keep_notes(watcher)
        self._scan(watcher, self._roots())
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
            self._keep_notes(watcher)
            if hints.rescan:
                self._scan(watcher, [root for root in self._roots() if root.path in hints.rescan], streaming=True)
            if hints.settled:
                self._found(self._lookout.look(hints.settled, self._stop))
            self._scan(watcher, self._lookout.calm(watcher.quiet()))

    def _carry_out_requests(self, watcher: Watcher) -> None:
        to_scan = self._lookout.carry_out()
        if to_scan is None:
            return
        watcher.follow(self._lookout.rules())
        self._on_found(True)  # files may have gone
        self._scan(watcher, to_scan)

    def _scan(self, watcher: Watcher, roots: Iterable[RootRow], *, streaming: bool = False) -> None:
        roots = list(roots)
        if not roots:
            return
        started = time.monotonic()
        self.scanning = True
        try:
            report = self._lookout.scan(roots, self._stop, lambda _report: self._on_found(False), streaming=streaming)
        finally:
            self.scanning = False
        for root in roots:
            watcher.scanned(root.path, time.monotonic() - started)
        self._found(report)

    def _found(self, report: ScanReport) -> None:
        if report.differs or report.offline or report.withheld:
            self._on_found(bool(report.changed or report.removed or report.revived))

    def _keep_notes(self, watcher: Watcher) -> None:
        """Put into the index what cannot be watched and why, where that has changed."""
        notes = watcher.notes()
        if notes == self._notes:
            return
        self._notes = notes
        for root in self._roots():
            note = notes.get(root.path)
            if note != root.watch_note:
                self._store.roots.set_watch_note(root.id, note)
                self._on_found(False)

    def _roots(self) -> list[RootRow]:
        return self._store.roots.all()
