"""What the indexer and its follower share in looking at the disk: what is passed over, and what people have said.

A deletion of everything comes as a stream of small hints. A stream lasts until nothing is pending for its root; what
its hints have taken out counts together, so that a hundred small removals are asked about like one large one
(``core.watch.departures``). When a stream ends where a question is open, the root is scanned and the number is right.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable

from core.cancel import CancelToken
from core.index.requests import apply_requests, purge_excluded
from core.store.roots import RootRow
from core.store.store import Store
from core.watch.departures import Consent
from core.watch.excluded import Excluded, excluded_below
from core.watch.scan import ScanReport, look_at, reconcile_roots
from core.watch.settle import Settled

logger = logging.getLogger(__name__)

OnBatch = Callable[[ScanReport], None]


class Lookout:
    """Scans and looks with the patterns and the consent of the moment. For one thread."""

    def __init__(self, store: Store, ignore: frozenset[bytes], exclude: Callable[[], tuple[str, ...]]) -> None:
        """``ignore`` are our own folders; ``exclude`` gives the settings' patterns of what is passed over."""
        self._store = store
        self._ignore = ignore
        self._exclude = exclude
        self._patterns = exclude()
        self._told: dict[bytes, int | None] = {}  # roots that may lose so many files, until they are scanned
        self._begun_ns = time.time_ns()
        self._since_ns: dict[bytes, int] = {}  # when the stream of events of each root began
        self._uncertain: set[bytes] = set()  # roots whose number of missing files has changed since they were scanned

    def roots(self) -> list[RootRow]:
        return self._store.roots.all()

    def rules(self) -> dict[bytes, Excluded]:
        """What is passed over in each root, by its path."""
        return {root.path: excluded_below(root.path, self._patterns + root.excludes) for root in self.roots()}

    def allow(self, roots: Iterable[bytes]) -> None:
        """Let the next scan of these roots take out all that is missing."""
        self._told.update(dict.fromkeys(roots))

    def carry_out(self) -> list[RootRow] | None:
        """Carry out what was asked and what the settings say now: the roots to scan for it; None where nothing was."""
        applied = apply_requests(self._store, self._patterns)
        self._told.update(applied.told)
        patterns = self._exclude()
        if patterns != self._patterns:
            self._patterns = patterns
            for root in self.roots():
                purge_excluded(self._store, root, patterns)
            return self.roots()
        return [root for root in self.roots() if root.path in applied.scan] if applied else None

    def scan(
        self,
        roots: Collection[RootRow],
        cancel: CancelToken,
        on_batch: OnBatch | None = None,
        *,
        streaming: bool = False,
    ) -> ScanReport:
        """Bring whole roots in line. ``streaming``: it is part of a stream of events, and does not end it."""
        report = reconcile_roots(
            self._store,
            roots,
            cancel=cancel,
            ignore=self._ignore,
            exclude=self._patterns,
            consent=Consent(dict(self._told), self._streams() if streaming else {}),
            on_batch=on_batch,
        )
        for root in roots:
            self._told.pop(root.path, None)
            self._uncertain.discard(root.path)
            if not streaming:
                self._since_ns[root.path] = time.time_ns()
        return report

    def look(self, places: Settled, cancel: CancelToken) -> ScanReport:
        """Bring a few places in line."""
        report = look_at(
            self._store,
            places,
            cancel=cancel,
            ignore=self._ignore,
            exclude=self._patterns,
            consent=Consent({}, self._streams()),
        )
        if report.seen or report.withheld:  # files may have come back, or more have gone, where a question is open
            self._uncertain |= {root.path for root in self.roots() if root.missing}
        return report

    def calm(self, quiet: Collection[bytes]) -> list[RootRow]:
        """The streams of these roots have ended: the roots to scan because a question in them may have changed."""
        now_ns = time.time_ns()
        self._since_ns.update(dict.fromkeys(quiet, now_ns))
        return [root for root in self.roots() if root.path in self._uncertain and root.path in quiet]

    def _streams(self) -> dict[bytes, int]:
        return {root.path: self._since_ns.get(root.path, self._begun_ns) for root in self.roots()}
