"""Thumbnails in the cache: JPEG files named by the hash of the content that they show."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from core import private

GRID = 256  # pixels a thumbnail fits in: the grid's largest tile on an ordinary screen
PREVIEW = 512  # pixels a preview fits in: what encoders are fed, and the preview pane's first look


_JPEG_END = b"\xff\xd9"


class Thumbnails:
    """Files under ``folder``, spread over 256 sub-folders so that none grows slow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unfinished = folder / "unfinished"

    def path(self, content_hash: str, size: int) -> Path:
        """Where a thumbnail of ``size`` (``GRID`` or ``PREVIEW``) is or would be."""
        return self._folder / content_hash[:2] / f"{content_hash}-{size}.jpg"

    def find(self, content_hash: str, size: int) -> Path | None:
        path = self.path(content_hash, size)
        try:
            # A file without its bytes is what a power cut makes of one whose name was written and its data was not.
            return path if path.stat().st_size else None
        except OSError:
            return None

    def read(self, content_hash: str, size: int) -> bytes | None:
        """The JPEG bytes; None when the cache was emptied, or holds a cut file there."""
        try:
            data = self.path(content_hash, size).read_bytes()
        except OSError:
            return None
        return data if data.endswith(_JPEG_END) else None

    def write(self, content_hash: str, thumbnail: bytes, preview: bytes) -> None:
        """Put both in place, each in one step, before the commit that names them: a crash leaves only litter."""
        for size, data in ((GRID, thumbnail), (PREVIEW, preview)):
            path = self.path(content_hash, size)
            partial = self._unfinished / f"{path.stem}-{os.getpid()}-{threading.get_ident()}"
            try:
                private.replace_file(path, data, partial)
            except FileNotFoundError:  # the first of its folder, or of all
                private.make_folder(self._unfinished)
                private.make_folder(path.parent)
                private.replace_file(path, data, partial)

    def sweep_unfinished(self) -> None:
        """Delete what a sudden end left half written. Called by the one process that writes, before it does."""
        for partial in self._unfinished.glob("*"):
            partial.unlink(missing_ok=True)

    def remove(self, content_hash: str) -> None:
        for size in (GRID, PREVIEW):
            self.path(content_hash, size).unlink(missing_ok=True)
