"""Thumbnails in the cache: JPEG files named by the hash of the content that they show."""

from __future__ import annotations

import os
import threading
from pathlib import Path

GRID = 256  # pixels a thumbnail fits in: the grid's largest tile on an ordinary screen
PREVIEW = 512  # pixels a preview fits in: what encoders are fed, and the preview pane's first look


class Thumbnails:
    """Files under ``folder``, spread over 256 sub-folders so that none grows slow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, content_hash: str, size: int) -> Path:
        """Where a thumbnail of ``size`` (``GRID`` or ``PREVIEW``) is or would be."""
        return self._folder / content_hash[:2] / f"{content_hash}-{size}.jpg"

    def find(self, content_hash: str, size: int) -> Path | None:
        path = self.path(content_hash, size)
        return path if path.exists() else None

    def read(self, content_hash: str, size: int) -> bytes | None:
        """The JPEG bytes, None when the cache was emptied."""
        try:
            return self.path(content_hash, size).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, content_hash: str, thumbnail: bytes, preview: bytes) -> None:
        """Put both in place, each in one step, before the commit that names them: a crash leaves only litter."""
        for size, data in ((GRID, thumbnail), (PREVIEW, preview)):
            path = self.path(content_hash, size)
            partial = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.partial")
            try:
                partial.write_bytes(data)
            except FileNotFoundError:  # the first of its folder
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                partial.write_bytes(data)
            partial.replace(path)

    def remove(self, content_hash: str) -> None:
        for size in (GRID, PREVIEW):
            self.path(content_hash, size).unlink(missing_ok=True)
