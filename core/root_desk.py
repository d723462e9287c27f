"""What the engine does about watched folders: take them on, let them go, and say how they stand.

Only the process that holds the writer's lock changes roots. A request is left in the index, and carried out at once
where nobody holds the lock.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from core.config import Folders
from core.errors import FolderError, IndexBusyError
from core.index.requests import apply_requests
from core.store.roots import Verb
from core.store.store import Store
from core.types import Root, RootStatus, Stage
from core.watch.usable import absolute, usable_folder

logger = logging.getLogger(__name__)


class RootDesk:
    """The watched folders of one index, with what other processes asked for and is not carried out yet."""

    def __init__(
        self,
        store: Store,
        folders: Folders,
        writing: Callable[[str], AbstractContextManager[None]],
        wake: Callable[[], bool],
    ) -> None:
        """``writing`` holds the writer's lock for a purpose, or raises ``IndexBusyError``.

        ``wake`` makes this process look at requests if it is the one that indexes; whether it is.
        """
        self._store = store
        self._folders = folders
        self._writing = writing
        self._wake = wake

    def add(self, folder: Path) -> None:
        """As ``Engine.add_root``."""
        self._request(Verb.ADD, os.fsencode(usable_folder(folder, self._folders)))

    def remove(self, folder: Path) -> None:
        """As ``Engine.remove_root``."""
        path = os.fsencode(absolute(folder))
        if path not in self.paths():
            raise FolderError("this folder is not watched", path=folder)
        self._request(Verb.REMOVE, path)

    def statuses(self, can_do: list[Stage], waiting: list[Stage]) -> list[RootStatus]:
        """The roots with their counts: of files that have work in stages that can be done, and in those that wait."""
        store = self._store
        found = {
            row.path: RootStatus(
                row.root,
                files=store.files.count(row.id),
                pending=store.jobs.files_left(can_do, row.id),
                waiting=store.jobs.files_left(waiting, row.id),
                failed=store.jobs.failed_files(row.id),
                watch_note=row.watch_note,
            )
            for row in store.roots.all()
        }
        for request in store.roots.requests():
            if request.verb is Verb.REMOVE:
                found.pop(request.path, None)
            else:
                found.setdefault(request.path, RootStatus(Root(-request.id, request.path), 0, 0, 0, 0))
        return [found[path] for path in sorted(found)]

    def paths(self) -> set[bytes]:
        """The watched folders alone: their counts take long in a large library."""
        paths = {row.path for row in self._store.roots.all()}
        for request in self._store.roots.requests():
            (paths.discard if request.verb is Verb.REMOVE else paths.add)(request.path)
        return paths

    def _request(self, verb: Verb, path: bytes) -> None:
        self._store.roots.request(verb, path)
        if self._wake():
            return
        try:
            with self._writing(verb.value):
                apply_requests(self._store)
        except IndexBusyError:
            logger.info("queued for the process that indexes")  # it looks every second
