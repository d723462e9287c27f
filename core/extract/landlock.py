"""Landlock for the sandbox child: it may read, and touches neither files nor processes beyond itself.

Linux 5.13 and later, without root, where the distribution's kernel has it. It holds where the seccomp filter, which
sees numbers and no paths, cannot look: another process's memory under ``/proc``, and signals through descriptors.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from typing import Final

# <linux/landlock.h>; the numbers of the calls are the same on every processor.
_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_TCP: Final = 0b11  # bind and connect
_SCOPES: Final = 0b11  # abstract sockets and signals
# The version of the interface to how many rights on files it knows, the first rights first.
_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NO_NEW_PRIVS: Final = 38  # <linux/prctl.h>


def restrict() -> bool:
    """Confine the calling thread and those it starts, for good; whether the kernel does it.

    Reading stays allowed everywhere; writing, making, renaming and removing files, TCP, other processes' memory and
    signals to them are not. Descriptors that are open already stay as they are.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))
    if version < 1:
        return False
    rights = (1 << _RIGHTS[min(version, max(_RIGHTS))]) - 1
    parts = [rights] + [_TCP] * (version >= 4) + [_SCOPES] * (version >= 6)
    attributes = ctypes.create_string_buffer(struct.pack(f"={len(parts)}Q", *parts), 8 * len(parts))
    rules = libc.syscall(
        ctypes.c_long(_CREATE_RULESET),
        ctypes.byref(attributes),
        ctypes.c_size_t(len(attributes)),
        ctypes.c_uint32(0),
    )
    if rules < 0:
        return False
    top = os.open("/", os.O_PATH | os.O_CLOEXEC)
    try:
        rule = ctypes.create_string_buffer(struct.pack("=Qi", _READ_FILE | _READ_DIR, top))
        arguments = (ctypes.c_int(rules), ctypes.c_int(_PATH_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0))
        return bool(
            libc.syscall(ctypes.c_long(_ADD_RULE), *arguments) == 0
            and libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            and libc.syscall(ctypes.c_long(_RESTRICT_SELF), ctypes.c_int(rules), ctypes.c_uint32(0)) == 0
        )
    finally:
        os.close(top)
        os.close(rules)
