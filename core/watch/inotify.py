"""Linux's own notifications: every folder of a root watched by itself, through watchdog's reader of inotify.

watchdog's observer is for the other systems (``core.watch.observer``). Here it keeps to itself what must be known: that
a subfolder could not be watched, that the kernel's queue overflowed. It also watches what is passed over, where a
single ``node_modules`` can take more watches than all the rest, and it tells of a renamed tree file by file.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyEvent, InotifyFD, Mask, WatchDescriptor

from core.watch.limits import Refusal, expect_descriptors
from core.watch.settle import EventKind, FileEvent

_MASK = Mask(
    InotifyConstants.IN_CREATE
    | InotifyConstants.IN_MODIFY
    | InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_ATTRIB
    | InotifyConstants.IN_DELETE
    | InotifyConstants.IN_MOVED_FROM
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_DONT_FOLLOW
)
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_JOIN_S = 2.0
_LEFT_MOST = 64  # renames out of the root, whose ends are never told


class Inotify:
    """One inotify instance for all roots: a user may have 128 of them, in all programs together."""

    def __init__(self) -> None:
        """Raises ``OSError``: EMFILE where there are too many instances or too many open files."""
        expect_descriptors()
        self._reader = InotifyFD()
        self._reader.daemon = True
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether the thread that reads the events runs."""
        return self._reader.is_alive()

    def watch(
        self,
        root: bytes,
        *,
        passes_over: Callable[[bytes], bool],
        on_event: Callable[[FileEvent], None],
        on_overflow: Callable[[], None],
    ) -> Tree:
        """Watch a folder with everything below it. Raises ``OSError`` when the folder itself cannot be watched.

        ``passes_over`` says of a folder below that nothing in it matters. ``on_event`` and ``on_overflow``, that events
        were lost, are called in the reader's thread.
        """
        tree = Tree(self._reader, root, passes_over, on_event, on_overflow)
        tree.start()
        return tree

    def stop(self) -> None:
        self._reader.stop()
        self._reader.join(_JOIN_S)


class Tree:
    """The watched folders of one root; a ``WatchCallback`` of watchdog's."""

    def __init__(
        self,
        reader: InotifyFD,
        root: bytes,
        passes_over: Callable[[bytes], bool],
        on_event: Callable[[FileEvent], None],
        on_overflow: Callable[[], None],
    ) -> None:
        self._reader = reader
        self._root = root
        self._passes_over = passes_over
        self._on_event = on_event
        self._on_overflow = on_overflow
        self._id = CallbackId(id(self))
        self._lock = threading.Lock()  # the reader's thread and the one that follows
        self._folders: dict[WatchDescriptor, bytes] = {}
        self._watches: dict[bytes, WatchDescriptor] = {}
        self._below: dict[bytes, set[bytes]] = {}  # the folders in each that are watched or were refused
        self._refused: dict[bytes, Refusal] = {}
        self._left: dict[int, bytes] = {}  # where renames began whose ends have not been told, by their cookie
        self._stopped = False

    def start(self) -> None:
        """As ``Inotify.watch``."""
        with self._lock:
            self._add(self._root)
            refusal = self._refused.get(self._root)
            if refusal is None:
                return
            self._drop(self._root)
        raise OSError(refusal.errno, os.strerror(refusal.errno), self._root)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            self._drop(self._root)

    @property
    def alive(self) -> bool:
        """Whether the root itself is watched: the watch goes with the folder when it is deleted or unmounted."""
        with self._lock:
            return self._root in self._watches

    @property
    def refused(self) -> dict[bytes, Refusal]:
        """The folders that could not be watched, each with all below it, and why."""
        with self._lock:
            return dict(self._refused)

    @property
    def watched(self) -> int:
        """How many folders are watched."""
        with self._lock:
            return len(self._watches)

    def retry(self) -> None:
        """Try the refused folders once more."""
        with self._lock:
            for folder in list(self._refused):
                self._renew(folder)

    def renew(self) -> None:
        """Watch everything anew: events were lost, so folders may have come, gone and moved unseen."""
        with self._lock:
            self._drop(self._root)
            self._add(self._root)

    # What watchdog calls, in the reader's thread

    def on_event(self, event: InotifyEvent) -> None:
        with self._lock:
            folder = self._folders.get(event.wd)
            if folder is None or self._stopped:
                return
            told = self._told(event, folder)
        if told is not None:
            self._on_event(told)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        with self._lock:
            folder = self._folders.pop(wd, None)
            if folder is not None and self._watches.get(folder) == wd:
                self._drop(folder)

    def on_queue_overflow(self) -> None:
        self._on_overflow()

    # Under the lock

    def _told(self, event: InotifyEvent, folder: bytes) -> FileEvent | None:
        """What an event says, after the watches were brought in line with it."""
        if not event.name:
            # Of the watched folder itself: its parent's watch tells the same, but for the root there is none.
            is_end = event.is_delete_self and folder == self._root
            return FileEvent(EventKind.DELETED, folder, is_folder=True) if is_end else None
        path = os.path.join(folder, event.name)
        origin = self._origin(event, path)
        if not event.mask & InotifyConstants.IN_ISDIR:
            kind = EventKind.MODIFIED
            if origin is not None:
                return FileEvent(EventKind.MOVED, origin, destination=path)
            if event.is_create or event.is_moved_to:
                kind = EventKind.CREATED
            elif event.is_delete or event.is_moved_from:
                kind = EventKind.DELETED
            return FileEvent(kind, path)
        if event.is_create or event.is_moved_to:
            # The watches first, the look (which the event leads to) after them: nothing falls between the two.
            self._renew(path)
            if origin is not None:
                return FileEvent(EventKind.MOVED, origin, is_folder=True, destination=path)
            return FileEvent(EventKind.CREATED, path, is_folder=True)
        if event.is_delete or event.is_moved_from:
            self._drop(path)
            return FileEvent(EventKind.DELETED, path, is_folder=True)
        if path in self._refused:  # its permissions may be others now
            self._renew(path)
            if path not in self._refused:
                return FileEvent(EventKind.CREATED, path, is_folder=True)
        return None

    def _origin(self, event: InotifyEvent, path: bytes) -> bytes | None:
        """Where a rename began whose end this event is.

        The two ends are to be looked at together: of one alone it cannot be told whether anything was deleted.
        """
        if event.is_moved_from:
            self._left[event.cookie] = path
            if len(self._left) > _LEFT_MOST:
                del self._left[next(iter(self._left))]
        return self._left.pop(event.cookie, None) if event.is_moved_to else None

    def _renew(self, folder: bytes) -> None:
        self._drop(folder)
        if not self._passes_over(folder):
            self._add(folder)

    def _add(self, top: bytes) -> None:
        """Watch a folder and everything below it; what cannot be watched is refused as a whole."""
        folders = [top]
        while folders:
            folder = folders.pop()
            number = self._watch(folder)
            if number == errno.ENOSPC:
                # Counted, so that the cure can name a limit that is enough.
                self._refuse(folder, Refusal(number, sum(1 for _ in self._walk(folder))))
            elif number:
                self._refuse(folder, Refusal(number))
            else:
                try:
                    folders += self._subfolders(folder)
                except OSError as error:
                    if error.errno not in _GONE:
                        self._refuse(folder, Refusal(error.errno or errno.EIO))

    def _watch(self, folder: bytes) -> int:
        """Watch one folder; the error number, 0 where it is watched or gone."""
        if not os.access(folder, os.R_OK):  # of this one error watchdog says nothing
            return errno.EACCES if os.path.lexists(folder) else 0
        try:
            watch = self._reader.add_callback(folder, _MASK, self, self._id)
        except OSError as error:
            return 0 if error.errno in _GONE else error.errno or errno.EIO
        former = self._folders.get(watch)
        if former is not None and former != folder:  # it was renamed, and its event is still to come
            self._watches.pop(former, None)
        self._folders[watch] = folder
        self._watches[folder] = watch
        self._note_below(folder)
        return 0

    def _refuse(self, folder: bytes, refusal: Refusal) -> None:
        self._refused[folder] = refusal
        self._note_below(folder)

    def _note_below(self, folder: bytes) -> None:
        if folder != self._root:
            self._below.setdefault(os.path.dirname(folder), set()).add(folder)

    def _drop(self, top: bytes) -> None:
        """Forget a folder and everything below it."""
        dropped: list[tuple[WatchDescriptor, CallbackId]] = []
        folders = [top]
        while folders:
            folder = folders.pop()
            folders += self._below.pop(folder, ())
            self._refused.pop(folder, None)
            watch = self._watches.pop(folder, None)
            if watch is not None and self._folders.pop(watch, None) is not None:
                dropped.append((watch, self._id))
        beside = self._below.get(os.path.dirname(top))
        if beside is not None:
            beside.discard(top)
        if dropped:
            self._reader.remove_callbacks(dropped)

    def _walk(self, top: bytes) -> Iterator[bytes]:
        folders = [top]
        while folders:
            folder = folders.pop()
            yield folder
            try:
                folders += self._subfolders(folder)
            except OSError:
                continue  # it is only counted, and counts as one

    def _subfolders(self, folder: bytes) -> list[bytes]:
        with os.scandir(folder) as entries:
            return [
                entry.path
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and not self._passes_over(entry.path)
            ]
