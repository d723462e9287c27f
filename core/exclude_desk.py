"""What the engine does about files that are to be passed over: the patterns of each folder, and those of all."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from core.errors import IndexBusyError
from core.index.requests import excluded_files, purge_excluded
from core.patterns import check_pattern, pattern_of
from core.root_desk import RootDesk
from core.store.faults import tells_of_faults
from core.store.filters import is_under
from core.store.roots import Verb
from core.store.store import Store

logger = logging.getLogger(__name__)


@tells_of_faults
class ExcludeDesk:
    """Patterns as ``core.patterns`` describes them; after the defaults, all folders' come first, then a folder's own.

    ``folder`` is a watched folder, None for all. Every method raises ``FolderError`` for one that is not watched.
    """

    def __init__(
        self,
        store: Store,
        roots: RootDesk,
        of_all: Callable[[], tuple[str, ...]],
        set_for_all: Callable[[tuple[str, ...]], None],
    ) -> None:
        """``of_all`` gives the settings' patterns and ``set_for_all`` saves them."""
        self._store = store
        self._roots = roots
        self._of_all = of_all
        self._set_for_all = set_for_all

    def patterns(self, folder: Path | None = None) -> tuple[str, ...]:
        """The patterns of a folder, those among them that are queued, or those of all folders."""
        if folder is None:
            return self._of_all()
        path = self._roots.watched(folder)
        root = self._store.roots.by_path(path)
        found = root.excludes if root is not None else ()
        for request in self._store.roots.requests():
            if request.path == path and request.verb is Verb.EXCLUDE:
                found = tuple(json.loads(request.argument or "[]"))
        return found

    def change(self, folder: Path | None, patterns: Sequence[str]) -> None:
        """Let these be the patterns. What they newly hide leaves the index at once, and all that only it had.

        What they hide no longer comes in with the next scan, which a running watch makes at once. Raises
        ``UsageError`` naming the pattern that is none, and what saving the settings raises.
        """
        if folder is not None:
            path = self._roots.watched(folder)
            self._roots.request(Verb.EXCLUDE, path, json.dumps(_kept(path, patterns)))
            return
        self._set_for_all(_kept(None, patterns))
        if self._roots.wake():
            return
        try:
            with self._roots.writing("exclude"):
                for root in self._store.roots.all():
                    purge_excluded(self._store, root, self._of_all())
        except IndexBusyError:
            logger.info("left to the process that indexes")  # it reads the settings every second

    def count(self, folder: Path | None, patterns: Sequence[str]) -> int:
        """How many files that are in the index now would leave it under these patterns. Raises ``UsageError``."""
        roots = self._store.roots.all()
        if folder is None:
            of_all = _kept(None, patterns)
            return sum(len(excluded_files(self._store, root, of_all + root.excludes)) for root in roots)
        path = self._roots.watched(folder)
        own = _kept(path, patterns)
        return sum(len(excluded_files(self._store, root, self._of_all() + own)) for root in roots if root.path == path)


def _kept(root: bytes | None, patterns: Sequence[str]) -> tuple[str, ...]:
    """The patterns as they are kept, each once. A whole path below the root becomes one from the root on."""
    return tuple(dict.fromkeys(_from(root, pattern) for pattern in patterns))


def _from(root: bytes | None, pattern: str) -> str:
    back, bare = ("!", pattern[1:]) if pattern.startswith("!") else ("", pattern)
    path = os.fsencode(bare.rstrip("/"))
    if root is None or not is_under(path, root):
        return check_pattern(pattern)
    inside = path[len(root) :]
    if os.path.lexists(path):  # a file or folder of that very name, whatever characters are in it
        return back + pattern_of(inside, folder=Path(os.fsdecode(path)).is_dir())
    return check_pattern(back + os.fsdecode(inside) + ("/" if bare.endswith("/") else ""))
