"""The content hash of a file: blake3 of all its bytes, read in a stream."""

from __future__ import annotations

import os
import stat

from blake3 import blake3

from core.cancel import CancelToken
from core.errors import SkippedError
from core.extract.placeholder import IN_THE_CLOUD, in_the_cloud
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


class UnsettledError(Exception):
    """The file is being changed, or is no ordinary file any more: it is the next scan's business."""


def hash_file(path: bytes, cancel: CancelToken | None = None) -> tuple[bytes, FileStamp]:
    """The hash, 32 bytes, and the stamp under which the file was read.

    Raises ``UnsettledError`` when it changed meanwhile or is gone, ``SkippedError`` when its bytes are not on this
    computer, ``Cancelled``, and any other ``OSError``.
    """
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or _is_led_elsewhere(path):
            raise UnsettledError  # not even opened: that alone makes some devices act
        if in_the_cloud(path, status):
            raise SkippedError(IN_THE_CLOUD, path=path)
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


def _is_led_elsewhere(path: bytes) -> bool:
    """Whether a folder on the way is a link by now. Roots have no links in their paths, and no walk follows one."""
    folder = os.path.dirname(path)
    return os.path.realpath(folder) != folder


def _expect_same(before: os.stat_result, now: os.stat_result) -> None:
    if stamp_of(before) != stamp_of(now):
        raise UnsettledError
