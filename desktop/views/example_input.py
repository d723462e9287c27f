"""Files and pictures that come in by drop, paste or a file dialog."""

from __future__ import annotations

import uuid
from contextlib import suppress
from functools import partial
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QMimeData, QObject, Signal
from PySide6.QtGui import QImage

from core import private
from core.errors import UsageError
from core.room import disk_trouble
from desktop import places
from desktop.workers.operations import Operations

_PREFIX = "pasted-"


class ExampleInput(QObject):
    """Sorts what comes in: files are examples to search by, folders are to be added."""

    examples = Signal(tuple)  # of Path
    folders = Signal(list)  # of Path

    def __init__(self, spool: Path, operations: Operations, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._spool = spool
        self._operations = operations

    def sort(self, mime: QMimeData) -> tuple[list[Path], list[Path]]:
        """The files and the folders that ``mime`` names."""
        paths = places.local_paths(mime)
        folders = [path for path in paths if path.is_dir()]
        return [path for path in paths if path not in folders], folders

    def takes(self, mime: QMimeData) -> bool:
        """Whether ``take`` would do anything."""
        return mime.hasImage() or bool(places.local_paths(mime))

    def take(self, mime: QMimeData | None) -> None:
        """Act on a drop or on the clipboard, which may be empty."""
        if mime is None:
            return
        files, folders = self.sort(mime)
        if files:
            self.examples.emit(tuple(files))
        elif folders:
            self.folders.emit(folders)
        elif mime.hasImage():
            image = mime.imageData()
            if isinstance(image, QImage) and not image.isNull():
                path = self._spool / f"{_PREFIX}{uuid.uuid4().hex[:8]}.png"
                self._operations.run(partial(_save, image, path), lambda saved: self.examples.emit((saved,)))

    def forget_pasted(self) -> None:
        """Remove the pictures that were pasted into this window."""
        for path in self._spool.glob(f"{_PREFIX}*.png"):
            path.unlink(missing_ok=True)


def _save(image: QImage, path: Path) -> Path:
    # A QImage may be used away from the main thread; compressing a screenshot there would hold the window up.
    packed = QBuffer()
    packed.open(QIODevice.OpenModeFlag.WriteOnly)
    if not image.save(packed, "PNG"):
        raise UsageError("the pasted picture is not one that can be kept")
    try:
        private.write_file(path, packed.data().data())
    except OSError as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise disk_trouble(error, path.parent, "the pasted picture could not be kept") from error
    return path
