"""The content hash of a file: blake3 of all its bytes, read in a stream."""

from __future__ import annotations

import os
import stat
import sys

from blake3 import blake3

from core.cancel import CancelToken
from core.errors import SkippedError
from core.types import FileStamp
from core.watch.walk import stamp_of

_BLOCK_BYTES = 1 << 20
_CHECK_BYTES = 64 << 20  # how often a long file is looked at again while it is read
# Not following links, and not waiting for the other end of a pipe that has taken the file's place.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_WINDOWS_RECALL = 0x00400000  # FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS
_MACOS_DATALESS = 0x40000000  # SF_DATALESS


class UnsettledError(Exception):
    """The file is being changed, or is no ordinary file any more: it is the next scan's business."""


def hash_file(path: bytes, cancel: CancelToken | None = None) -> tuple[bytes, FileStamp]:
    """The hash, 32 bytes, and the stamp under which the file was read.

    Raises ``UnsettledError`` when it changed meanwhile or is gone, ``SkippedError`` when its bytes are not on this
    computer, ``Cancelled``, and any other ``OSError``.
    """
    try:
        if _is_elsewhere(os.lstat(path)):
            raise SkippedError("kept online only; it is read once it is on this computer", path=path)
        descriptor = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnsettledError from error
    with open(descriptor, "rb", buffering=0) as file:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise UnsettledError
        hasher = blake3()
        block = bytearray(_BLOCK_BYTES)
        view = memoryview(block)
        unchecked = 0
        while count := file.readinto(block):
            hasher.update(view[:count])
            unchecked += count
            if unchecked >= _CHECK_BYTES:
                unchecked = 0
                if cancel is not None:
                    cancel.raise_if_cancelled()
                _expect_same(before, os.fstat(descriptor))
        _expect_same(before, os.fstat(descriptor))
    return hasher.digest(), stamp_of(before)


def _expect_same(before: os.stat_result, now: os.stat_result) -> None:
    if stamp_of(before) != stamp_of(now):
        raise UnsettledError


def _is_elsewhere(status: os.stat_result) -> bool:
    """Whether opening the file would fetch it from a cloud service, which nobody asked for."""
    if sys.platform == "win32":
        return bool(status.st_file_attributes & _WINDOWS_RECALL)
    if sys.platform == "darwin":
        return bool(status.st_flags & _MACOS_DATALESS)
    return False
