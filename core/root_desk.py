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

from core.cancel import CancelToken
from core.config import Folders
from core.display import display_path
from core.errors import FolderError, IndexBusyError, NoRoomError
from core.index.lookout import Lookout
from core.store.filters import is_under
from core.store.forget import finish_forgetting
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
        exclude: Callable[[], tuple[str, ...]],
        writing: Callable[[str], AbstractContextManager[None]],
        wake: Callable[[], bool],
    ) -> None:
        """``exclude`` gives the settings' patterns of what is passed over.

        ``writing`` holds the writer's lock for a purpose, or raises ``IndexBusyError``. ``wake`` makes this process
        look at requests if it is the one that indexes; whether it is.
        """
        self._store = store
        self._folders = folders
        self._exclude = exclude
        self.writing = writing
        self.wake = wake

    def add(self, folder: Path) -> None:
        """As ``Engine.add_root``."""
        self.request(Verb.ADD, os.fsencode(usable_folder(folder, self._folders)))

    def remove(self, folder: Path) -> None:
        """As ``Engine.remove_root``."""
        self.request(Verb.REMOVE, self.watched(folder))

    def allow_removals(self, folder: Path) -> None:
        """As ``Engine.allow_removals``."""
        path = self.watched(folder)
        root = self._store.roots.by_path(path)
        if root is not None and root.missing:
            self.request(Verb.ALLOW, path, str(root.missing))

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
                missing=row.missing,
            )
            for row in store.roots.all()
        }
        for request in store.roots.requests():
            if request.verb is Verb.REMOVE:
                found.pop(request.path, None)
            elif request.verb is Verb.ADD:
                found.setdefault(request.path, RootStatus(Root(-request.id, request.path), 0, 0, 0, 0))
        return [found[path] for path in sorted(found)]

    def paths(self) -> set[bytes]:
        """The watched folders alone: their counts take long in a large library."""
        paths = {row.path for row in self._store.roots.all()}
        for request in self._store.roots.requests():
            if request.verb is Verb.REMOVE:
                paths.discard(request.path)
            elif request.verb is Verb.ADD:
                paths.add(request.path)
        return paths

    def watched(self, folder: Path) -> bytes:
        """The folder as a root. Raises ``FolderError`` when it is none, naming the one that it lies in."""
        path = os.fsencode(absolute(folder))
        paths = self.paths()
        if path in paths:
            return path
        outer = max((root for root in paths if is_under(path, root)), key=len, default=None)
        if outer is not None:
            raise FolderError(f"this folder is watched as a part of {display_path(outer)}", path=folder)
        raise FolderError("this folder is not watched", path=folder)

    def request(self, verb: Verb, path: bytes, argument: str | None = None) -> None:
        """Leave a request to the process that indexes, or carry it out here where there is none."""
        self._store.roots.request(verb, path, argument)
        if self.wake():
            return
        try:
            with self.writing(verb.value):
                lookout = Lookout(self._store, self._folders.never_scanned(), self._exclude)
                to_scan = lookout.carry_out()
                if verb is Verb.FORGET:
                    self._finish_forgetting()
                if verb is Verb.ALLOW and to_scan:
                    lookout.scan(to_scan, CancelToken())
        except IndexBusyError:
            logger.info("queued for the process that indexes")  # it looks every second

    def _finish_forgetting(self) -> None:
        """Raises ``NoRoomError`` where the bytes stay for now."""
        try:
            finish_forgetting(self._store)
        except NoRoomError as error:
            raise NoRoomError(
                f"it is forgotten, but its bytes are still in the index until there is room: {error.message}",
                path=error.path,
            ) from error
