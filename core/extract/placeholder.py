"""Files whose bytes are in the cloud: opening one would fetch it, which nobody asked for.

Windows and macOS mark such a file in what ``stat`` says. Where a client of Linux or an older macOS has no such means,
a small stub of another name stands for the file, or an extended attribute marks it.
"""

from __future__ import annotations

import os
import sys
from typing import Final

IN_THE_CLOUD: Final = "in the cloud, not on this computer"

# https://learn.microsoft.com/windows/win32/fileio/file-attribute-constants: what of a file is read elsewhere
_RECALLED_ON_DATA_ACCESS: Final = 0x00400000
_RECALLED_ON_OPEN: Final = 0x00040000
_OFFLINE: Final = 0x00001000
_RECALLED: Final = _RECALLED_ON_DATA_ACCESS | _RECALLED_ON_OPEN | _OFFLINE
_DATALESS: Final = 0x40000000  # SF_DATALESS of macOS, chflags(2)

# The stub of a.jpg: .a.jpg.icloud (iCloud Drive before macOS 14), a.jpg.nextcloud, a.jpg.owncloud
_STUB_SUFFIXES: Final = (b".nextcloud", b".owncloud")
_ICLOUD_SUFFIX: Final = b".icloud"
_STUB_MOST_BYTES: Final = 4096  # clients write one byte, macOS a property list of about 200
# Nextcloud's and OpenCloud's clients for Linux, where they do not use stubs of another name
_XATTRS: Final = (("user.nextcloud.hydrate_exec", None), ("user.openvfs.state", b"dehydrated"))


def is_recalled(status: os.stat_result) -> bool:
    """Whether the system itself says that opening the file fetches its bytes."""
    attributes: int = getattr(status, "st_file_attributes", 0)
    flags: int = getattr(status, "st_flags", 0)
    return bool(attributes & _RECALLED or flags & _DATALESS)


def stands_for(name: bytes) -> bytes | None:
    """The name of the file that a stub of this name stands for; None where it is no stub's name."""
    lower = name.lower()
    if lower.startswith(b".") and lower.endswith(_ICLOUD_SUFFIX):
        return name[1 : -len(_ICLOUD_SUFFIX)] or None
    suffix = next((suffix for suffix in _STUB_SUFFIXES if lower.endswith(suffix)), None)
    return name[: -len(suffix)] or None if suffix is not None else None


def in_the_cloud(path: bytes, status: os.stat_result) -> bool:
    """Whether the bytes of a file are not on this computer. The file is not opened."""
    if is_recalled(status):
        return True
    if status.st_size <= _STUB_MOST_BYTES and stands_for(os.path.basename(path)) is not None:  # noqa: PTH119 - bytes
        return True
    return sys.platform == "linux" and any(_has(path, name, value) for name, value in _XATTRS)


def _has(path: bytes, name: str, value: bytes | None) -> bool:
    if sys.platform != "linux":
        return False
    try:
        found = os.getxattr(path, name, follow_symlinks=False)
    except OSError:
        return False
    return value is None or found == value
