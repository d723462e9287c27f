"""Decodes thumbnails away from the main thread, the ones in view first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRunnable, QSize, QThreadPool, Signal, Slot
from PySide6.QtGui import QImage, QImageReader, QPixmap

if TYPE_CHECKING:
    from core.engine import Engine

SIZES = (256, 512)  # pixels; the sizes that the cache holds
_CACHE_BYTES = 96 * 1024 * 1024
_THREADS = 2

Key = tuple[str, int]  # content hash, size in pixels


class _Relay(QObject):
    ready = Signal(object, QImage)  # a null image: there is no thumbnail
    dropped = Signal(object)  # nobody wanted it any more when its turn came


class _Decode(QRunnable):
    def __init__(self, loader: ThumbnailLoader, key: Key) -> None:
        super().__init__()
        self._loader, self._key = loader, key

    def run(self) -> None:
        if not self._loader.wants(self._key):
            self._loader.relay.dropped.emit(self._key)
            return
        content_hash, size = self._key
        path = self._loader.engine.thumbnail(content_hash, size)
        image = QImage()
        if path is not None:
            # The cache is written by the sandbox; still, only its one format and its one size are accepted.
            reader = QImageReader(str(path), b"jpeg")
            if max(reader.size().width(), reader.size().height()) <= size:
                image = reader.read()
        self._loader.relay.ready.emit(self._key, image)


class ThumbnailLoader(QObject):
    """Hands out pixmaps that are there, and loads those that are not.

    ``pixmap`` is cheap and never waits: the delegate calls it while it paints. ``loaded`` says that painting again
    is worth while. ``retain`` is what the view shows now; requests for anything else are dropped undecoded.
    """

    loaded = Signal(str)  # content hash

    def __init__(self, engine: Engine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.engine = engine
        self.relay = _Relay(self)
        self.relay.ready.connect(self._on_ready)
        self.relay.dropped.connect(self._on_dropped)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(_THREADS)
        self._pixmaps: OrderedDict[Key, QPixmap] = OrderedDict()
        self._bytes = 0
        self._missing: set[Key] = set()
        self._loading: set[Key] = set()
        self._guard = threading.Lock()
        self._wanted: dict[object, frozenset[Key]] = {}
        self._order = 0

    def pixmap(self, content_hash: str, size: int = SIZES[0]) -> QPixmap | None:
        """The thumbnail, or ``None`` while it is loading or where there is none."""
        key = (content_hash, size)
        found = self._pixmaps.get(key)
        if found is not None:
            self._pixmaps.move_to_end(key)
            return found
        if key not in self._missing and key not in self._loading:
            self._loading.add(key)
            self._order += 1
            self._pool.start(_Decode(self, key), self._order)  # newest request first
        return None

    @property
    def idle(self) -> bool:
        """Whether nothing is being loaded."""
        return not self._loading

    def has_none(self, content_hash: str, size: int = SIZES[0]) -> bool:
        """Whether it is known that there is no thumbnail."""
        return (content_hash, size) in self._missing

    def retain(self, owner: object, keys: frozenset[Key]) -> None:
        """Tell what ``owner`` shows now."""
        with self._guard:
            self._wanted[owner] = keys

    def wants(self, key: Key) -> bool:
        """Whether any view still shows ``key``. Called from the pool."""
        with self._guard:
            return any(key in keys for keys in self._wanted.values())

    def forget_missing(self) -> None:
        """Ask again for what was not there: indexing goes on."""
        self._missing.clear()

    def close(self) -> None:
        """Drop what waits, wait for what runs."""
        with self._guard:
            self._wanted.clear()
        self._pool.clear()
        self._pool.waitForDone()

    @Slot(object, QImage)
    def _on_ready(self, key: Key, image: QImage) -> None:
        self._loading.discard(key)
        if image.isNull():
            self._missing.add(key)
            self.loaded.emit(key[0])
            return
        pixmap = QPixmap.fromImage(image)
        self._pixmaps[key] = pixmap
        self._bytes += _cost(pixmap.size())
        while self._bytes > _CACHE_BYTES and len(self._pixmaps) > 1:
            _, dropped = self._pixmaps.popitem(last=False)
            self._bytes -= _cost(dropped.size())
        self.loaded.emit(key[0])

    @Slot(object)
    def _on_dropped(self, key: Key) -> None:
        self._loading.discard(key)
        if self.wants(key):  # it came back into view meanwhile: a repaint asks for it again
            self.loaded.emit(key[0])


def _cost(size: QSize) -> int:
    return size.width() * size.height() * 4
