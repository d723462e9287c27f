"""How large a zip archive's directory is, before ``zipfile`` makes an object of every entry in it."""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

# Fifty thousand entries with long names. zipfile takes half a kilobyte and 50 microseconds for an entry of 46 bytes: a
# hostile archive of 100 MB kept it busy for minutes.
MAX_DIRECTORY_BYTES: Final = 8 * 1024 * 1024

# APPNOTE.TXT 4.3.14 to 4.3.16: the end of the directory, of its zip64 form, and what leads to that.
_END: Final = b"PK\5\6"
_END_BYTES: Final = 22
_COMMENT_BYTES: Final = 0xFFFF  # may follow it
_LOCATOR: Final = b"PK\6\7"
_LOCATOR_BYTES: Final = 20
_END_64: Final = b"PK\6\6"
_END_64_BYTES: Final = 56


def directory_is_too_large(file: BinaryIO) -> bool:
    """Whether an archive's directory is over ``MAX_DIRECTORY_BYTES``; False also for what is no archive."""
    size = file.seek(0, 2)
    start = max(0, size - _END_BYTES - _COMMENT_BYTES - _LOCATOR_BYTES)
    file.seek(start)
    tail = file.read()
    file.seek(0)
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_BYTES:
        return False
    directory = int(struct.unpack_from("<I", tail, at + 12)[0])
    if tail[at - _LOCATOR_BYTES :].startswith(_LOCATOR) and at >= _LOCATOR_BYTES:
        file.seek(min(struct.unpack_from("<Q", tail, at - _LOCATOR_BYTES + 8)[0], size))
        end = file.read(_END_64_BYTES)
        file.seek(0)
        if len(end) == _END_64_BYTES and end.startswith(_END_64):
            directory = int(struct.unpack_from("<Q", end, 40)[0])
    # What it says is held against what can be there: zipfile reads no more either.
    return min(directory, size) > MAX_DIRECTORY_BYTES
