"""Takes from the sandbox child what reading a file does not need, for good, and says what was taken."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Final

from core.extract import landlock, seccomp

MEMORY = "limited memory"
NETWORK = "no network"
PROGRAMS = "no other programs"
FILES = "no writing to files"
PROCESSES = "no access to other processes"
GUARDS: Final = (MEMORY, NETWORK, PROGRAMS, FILES, PROCESSES)
"""What a confined reader is held to, in the order in which a person reads it."""

# Address space, not memory in use: libraries and thread stacks reserve far more than they touch. A picture at the
# pixel limit needs 2 GB of it.
MEMORY_LIMIT_BYTES: Final = 4 * 1024**3
_FILE_LIMIT_BYTES: Final = 3 * 1024**3  # the longest recording that is decoded has 2.8 GB of samples


def confine(memory_limit_bytes: int) -> tuple[str, ...]:
    """Confine this process and keep decoders' chatter off the terminal; the guards that hold from now on.

    Libraries of our own are to be loaded before: what Python caches of them can be written no more. Linux has all
    guards. macOS has none that holds without its deprecated profiles: there the parent watches the memory, as it does
    everywhere. On Windows the parent's job object limits memory and processes (``core.lifeline``).
    """
    _quieten()
    sys.dont_write_bytecode = True
    held = _limit_resources(memory_limit_bytes)
    if sys.platform == "win32":
        held = {MEMORY, PROGRAMS}
    if sys.platform == "linux":
        _go_first()
        # Before the filter, which would refuse nothing of it, but is to find the process as it stays.
        if landlock.restrict():
            held |= {FILES, PROCESSES}
        if seccomp.install():
            held |= {NETWORK, PROGRAMS, FILES}
    return tuple(guard for guard in GUARDS if guard in held)


def _quieten() -> None:
    warnings.simplefilter("ignore")
    quiet = os.open(os.devnull, os.O_WRONLY)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    os.close(quiet)


def _limit_resources(memory_limit_bytes: int) -> set[str]:
    if sys.platform == "win32":
        return set()
    import resource

    limits = (
        (resource.RLIMIT_AS, memory_limit_bytes),
        (resource.RLIMIT_FSIZE, _FILE_LIMIT_BYTES),
        (resource.RLIMIT_CORE, 0),
    )
    held = set()
    for which, limit in limits:
        most = min([limit, *(own for own in resource.getrlimit(which) if own != resource.RLIM_INFINITY)])
        try:
            resource.setrlimit(which, (most, most))  # the hard limit too: it is not for the child to lift
        except (ValueError, OSError):  # macOS has the names without the means
            continue
        if which == resource.RLIMIT_AS and sys.platform == "linux":
            held.add(MEMORY)
    return held


def _go_first() -> None:
    """Where memory runs out, this process is the one to go, not the window."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    except OSError:
        return
