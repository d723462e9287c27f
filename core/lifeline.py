"""What ties a child to its parent: it goes when its parent goes, however busy it is, and takes no more than it may.

A child that waits for a request sees its pipe close. One that decodes does not look at the pipe, may do so for
minutes, and a decoder that hangs for good would outlive a killed parent for good.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import multiprocessing
import os
import select
import signal
import sys

logger = logging.getLogger(__name__)

# <winnt.h>
_EXTENDED_LIMITS = 9  # JobObjectExtendedLimitInformation
_LIMIT_ACTIVE_PROCESSES = 0x0008
_LIMIT_PROCESS_MEMORY = 0x0100
_LIMIT_KILL_ON_CLOSE = 0x2000
_PROCESS_SET_QUOTA_AND_TERMINATE = 0x0101


class JobLimits(ctypes.Structure):
    """Windows' JOBOBJECT_EXTENDED_LIMIT_INFORMATION, its basic limits and counters in place."""

    _fields_ = (
        ("per_process_user_time", ctypes.c_int64),
        ("per_job_user_time", ctypes.c_int64),
        ("limit_flags", ctypes.c_uint32),
        ("minimum_working_set", ctypes.c_size_t),
        ("maximum_working_set", ctypes.c_size_t),
        ("active_processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority_class", ctypes.c_uint32),
        ("scheduling_class", ctypes.c_uint32),
        ("io_counters", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process_memory", ctypes.c_size_t),
        ("peak_job_memory", ctypes.c_size_t),
    )


def follow_parent() -> None:
    """End this child when its parent ends, in whatever way and whatever the child does then.

    The kernel signals that the pipe which only the parent holds open was closed. It needs no thread here, which a
    decoder that keeps the interpreter's lock would starve; and unlike Linux's "parent death signal" it does not take
    the end of the thread that started the child for the end of the parent. On Windows the parent ties the child.
    """
    parent = multiprocessing.parent_process()
    if parent is None or sys.platform == "win32":
        return
    import fcntl

    signal.signal(signal.SIGIO, signal.SIG_DFL)  # ends the process
    with contextlib.suppress(OSError):
        fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(parent.sentinel, fcntl.F_GETFL)
        fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([parent.sentinel], [], [], 0)[0]:  # it went before anybody could tell
        os._exit(1)


def tie(pid: int, memory_limit_bytes: int | None) -> object | None:
    """Windows: put a child into a job that ends with the returned handle, which the parent keeps, and limits it.

    It starts no programs of its own. None elsewhere, where ``follow_parent`` and resource limits do the same, and
    where Windows refuses.
    """
    if sys.platform == "win32":
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.restype = kernel.OpenProcess.restype = ctypes.c_void_p
        limits = job_limits(memory_limit_bytes)
        job = ctypes.c_void_p(kernel.CreateJobObjectW(None, None))
        process = ctypes.c_void_p(kernel.OpenProcess(_PROCESS_SET_QUOTA_AND_TERMINATE, False, pid))
        size = ctypes.sizeof(limits)
        tied = kernel.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), size)
        tied = tied and kernel.AssignProcessToJobObject(job, process)
        error = ctypes.get_last_error()
        kernel.CloseHandle(process)
        if tied:
            return _Job(kernel, job)
        logger.warning("a child could not be put into a job: error %s", error)
        kernel.CloseHandle(job)
    return None


def job_limits(memory_limit_bytes: int | None) -> JobLimits:
    """One process, gone when the job's handle closes, and with at most so many bytes of committed memory."""
    limits = JobLimits(limit_flags=_LIMIT_KILL_ON_CLOSE)
    if memory_limit_bytes is not None:
        limits.limit_flags |= _LIMIT_PROCESS_MEMORY | _LIMIT_ACTIVE_PROCESSES
        limits.active_processes = 1
        limits.process_memory = memory_limit_bytes
    return limits


class _Job:
    """Holds a job's handle open; what is in the job ends when this object, or the process, goes."""

    def __init__(self, kernel: ctypes.CDLL, handle: ctypes.c_void_p) -> None:
        self._kernel, self._handle = kernel, handle

    def __del__(self) -> None:
        self._kernel.CloseHandle(self._handle)
