"""Small files that claim, or unpack to, far more than a computer has: what their makers share."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

Maker = Callable[[Path], Path]
"""Writes one file below a folder."""

GIGABYTE = 1 << 30


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def patched(data: bytes, marker: bytes, offset: int, value: bytes) -> bytes:
    """``data`` with ``value`` at ``offset`` behind the first ``marker``."""
    at = data.index(marker) + len(marker) + offset
    return data[:at] + value + data[at + len(value) :]


def deflated(byte: bytes, size: int) -> bytes:
    """``size`` times one byte, as zlib packs it: a thousandth."""
    packer = zlib.compressobj(9)
    block = byte * (1 << 20)
    return b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()
