"""What indexing may take of the processor and the disk: threads, and a priority below everything a person does.

The numbers of threads are settled here alone. A child is told through its environment, before any library is loaded:
OpenMP, BLAS and the tokenisers make their pools at import and never look again.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from core.types import CpuShare

THREADS_VARIABLE = "OMP_NUM_THREADS"
# OpenMP's threads wait for each other in a loop that burns the core which another child could use: beside a reader a
# photo was measured to cost the encoder 3 times the processor time.
_WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}
_OTHER_VARIABLES = ("MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS")

# glibc's malloc makes up to eight heaps a core, and what is freed in one is not given back while another grows: a
# child that decodes or encodes for hours creeps upwards. Two are enough for threads that mostly compute.
_ARENAS = 2
_M_ARENA_MAX = -8  # <malloc.h>
_M_TRIM_THRESHOLD = -1
_TRIM_BYTES = 64 * 1024 * 1024  # set at all, it no longer grows by itself up to 64 times the largest block

# <sys/resource.h> of macOS
_IOPOL_TYPE_DISK = 0
_IOPOL_SCOPE_PROCESS = 0
_IOPOL_SCOPE_THREAD = 1
_IOPOL_THROTTLE = 3


@cache
def cores() -> int:
    """The physical cores that this process may use.

    Hyper-threads share the vector units that decoders and matrix products are bound by.
    """
    import psutil  # here, because every child imports this module and few ask

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def threads(share: CpuShare) -> int:
    """How many threads, or processes of one thread, index at the same time."""
    match share:
        case CpuShare.QUIET:
            return 1
        case CpuShare.BALANCED:
            return (cores() + 1) // 2
        case CpuShare.FULL:
            return cores()


def readers(share: CpuShare) -> int:
    """How many files are read at a time, each in a process of one thread, beside an encoder of ``threads``.

    With all cores the two compete, and the encoder goes before; a smaller share is divided between them.
    """
    return threads(share) if share is CpuShare.FULL else (threads(share) + 1) // 2


def query_threads() -> int:
    """Threads for answering: somebody waits, for milliseconds, and whatever share indexing has is not meant."""
    return cores()


def thread_environment(count: int) -> dict[str, str]:
    """The environment variables that hold a child's libraries to ``count`` threads.

    A variable that a person has set goes before.
    """
    wanted = {name: str(count) for name in (THREADS_VARIABLE, *_OTHER_VARIABLES)} | _WAITING
    return {name: value for name, value in wanted.items() if name not in os.environ}


def threads_here() -> int:
    """How many threads this process was told to use; all cores where nobody said."""
    try:
        return max(1, int(os.environ[THREADS_VARIABLE]))
    except (KeyError, ValueError):
        return cores()


def step_back(niceness: int) -> None:
    """Put this process behind others: on the processor by ``niceness`` (0 to 19, as ``nice`` counts), on the disk last.

    With 0 nothing changes. What a system does not know or refuses is left as it was.
    """
    if niceness <= 0:
        return
    import psutil

    process = psutil.Process()
    with contextlib.suppress(OSError, psutil.Error):
        if sys.platform == "win32":
            # Not PROCESS_MODE_BACKGROUND_BEGIN, which also holds the working set to 32 MB.
            process.nice(psutil.IDLE_PRIORITY_CLASS if niceness >= 10 else psutil.BELOW_NORMAL_PRIORITY_CLASS)
            process.ionice(psutil.IOPRIO_VERYLOW)
        else:
            os.nice(niceness)
    if sys.platform == "linux":
        _leave_autogroup(niceness)
        with contextlib.suppress(OSError, psutil.Error):
            process.ionice(psutil.IOPRIO_CLASS_IDLE)
    elif sys.platform == "darwin":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).setiopolicy_np(_IOPOL_TYPE_DISK, _IOPOL_SCOPE_PROCESS, _IOPOL_THROTTLE)


@contextlib.contextmanager
def behind_on_disk() -> Iterator[None]:
    """What this thread reads and writes inside comes last on the disk, and so do threads that it starts there (Linux).

    Files are hashed in the window's own process, which has others to serve: the thread keeps its place on the
    processor, since one that waits there with the interpreter's lock would hold up the window. Nothing changes where
    a system has no such thing for a thread alone (Windows).
    """
    before = _disk_turn(None)
    try:
        yield
    finally:
        if before is not None:
            _disk_turn(before)


def _disk_turn(wanted: tuple[int, int] | None) -> tuple[int, int] | None:
    """Give this thread its turn on the disk, by class and level, None for the last; what it had, None if unknown."""
    if sys.platform == "linux":
        import psutil

        with contextlib.suppress(OSError, psutil.Error):
            thread = psutil.Process(threading.get_native_id())
            before = thread.ionice()
            thread.ionice(*(wanted or (psutil.IOPRIO_CLASS_IDLE, 0)))
            # Linux tells a level of classes that have none, and psutil takes none for them.
            has_levels = before.ioclass not in (psutil.IOPRIO_CLASS_IDLE, psutil.IOPRIO_CLASS_NONE)
            return before.ioclass, before.value if has_levels else 0
    elif sys.platform == "darwin":
        with contextlib.suppress(OSError, AttributeError):
            system = ctypes.CDLL(None)
            policy = system.getiopolicy_np(_IOPOL_TYPE_DISK, _IOPOL_SCOPE_THREAD)
            chosen = wanted[0] if wanted else _IOPOL_THROTTLE
            system.setiopolicy_np(_IOPOL_TYPE_DISK, _IOPOL_SCOPE_THREAD, chosen)
            return max(0, policy), 0
    return None


def _leave_autogroup(niceness: int) -> None:
    """Step back behind other sessions too.

    Where the kernel groups processes by session ("autogroup", as most desktops' kernels do), ``nice`` counts only
    among those of one session: all that indexing takes would be the window's share, and as large as any other
    program's. A session of our own has a niceness of its own.
    """
    with contextlib.suppress(OSError):
        os.setsid()
        Path("/proc/self/autogroup").write_text(str(niceness), "ascii")


def bound_heap() -> None:
    """Let glibc give memory back that was freed. Does nothing with another C library."""
    mallopt = _libc("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)
        mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)


def _libc(name: str) -> Any:
    if sys.platform != "linux":
        return None
    try:
        return ctypes.CDLL(None)[name]
    except (OSError, AttributeError):  # musl has none
        return None
