"""A seccomp filter for the sandbox child: what a decoder never does, the kernel refuses it.

The filter names what is refused and lets the rest pass. A list of what is allowed would be tighter, and would kill
readers with every new C library that calls the kernel in another way; what is listed here is every door out of the
process: sockets, other programs, other processes, and every call that changes the file system. The numbers are those
of the kernel's ``unistd`` headers for the two processors that desktops have.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from dataclasses import dataclass
from typing import Final

# <linux/filter.h>, <linux/seccomp.h>, <linux/audit.h>, <linux/prctl.h>
_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_JUMP_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_NUMBER_AT: Final = 0  # offsets in struct seccomp_data
_ARCHITECTURE_AT: Final = 4
_ARGUMENTS_AT: Final = 16  # 8 bytes each; the low half comes first on both processors
_X32: Final = 0x40000000  # calls of the other ABI that x86-64 kernels may serve
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_SET_MODE_FILTER: Final = 1
_SECCOMP_FILTER_FLAG_TSYNC: Final = 1  # for all threads that there are

_CLONE_THREAD: Final = 0x10000
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_TIOCSTI: Final = 0x5412  # types on a terminal
_TIOCLINUX: Final = 0x541C
_SIGNALLING: Final = (8, 10, 15)  # fcntl's F_SETOWN, F_SETSIG, F_SETOWN_EX: a descriptor that signals another process

# Calls that are refused whatever their arguments are: name, number on x86-64, number on AArch64 (None: has none).
_REFUSED: Final[tuple[tuple[str, int | None, int | None], ...]] = (
    # the network, and local sockets
    ("socket", 41, 198), ("socketpair", 53, 199), ("bind", 49, 200), ("listen", 50, 201), ("accept", 43, 202),
    ("accept4", 288, 242), ("connect", 42, 203),
    # other programs
    ("execve", 59, 221), ("execveat", 322, 281), ("fork", 57, None), ("vfork", 58, None),
    # other processes
    ("ptrace", 101, 117), ("process_vm_readv", 310, 270), ("process_vm_writev", 311, 271), ("kcmp", 312, 272),
    ("pidfd_open", 434, 434), ("pidfd_getfd", 438, 438), ("pidfd_send_signal", 424, 424), ("tkill", 200, 130),
    ("rt_sigqueueinfo", 129, 138), ("rt_tgsigqueueinfo", 297, 240), ("process_madvise", 440, 440),
    ("process_mrelease", 448, 448),
    # changes of the file system
    ("creat", 85, None), ("truncate", 76, 45), ("rename", 82, None), ("renameat", 264, 38), ("renameat2", 316, 276),
    ("link", 86, None), ("linkat", 265, 37), ("symlink", 88, None), ("symlinkat", 266, 36), ("unlink", 87, None),
    ("unlinkat", 263, 35), ("mkdir", 83, None), ("mkdirat", 258, 34), ("rmdir", 84, None), ("mknod", 133, None),
    ("mknodat", 259, 33), ("chmod", 90, None), ("fchmod", 91, 52), ("fchmodat", 268, 53), ("fchmodat2", 452, 452),
    ("chown", 92, None), ("fchown", 93, 55), ("lchown", 94, None), ("fchownat", 260, 54), ("utime", 132, None),
    ("utimes", 235, None), ("futimesat", 261, None), ("utimensat", 280, 88), ("setxattr", 188, 5),
    ("lsetxattr", 189, 6), ("fsetxattr", 190, 7), ("removexattr", 197, 14), ("lremovexattr", 198, 15),
    ("fremovexattr", 199, 16), ("setxattrat", 463, 463), ("removexattrat", 466, 466), ("file_setattr", 469, 469),
    # memory that no limit counts
    ("shmget", 29, 194), ("shmat", 30, 196), ("msgget", 68, 186), ("semget", 64, 190), ("mq_open", 240, 180),
    # the machine, and doors into the kernel that no decoder needs
    ("mount", 165, 40), ("umount2", 166, 39), ("move_mount", 429, 429), ("open_tree", 428, 428), ("fsopen", 430, 430),
    ("fsmount", 432, 432), ("mount_setattr", 442, 442), ("pivot_root", 155, 41), ("chroot", 161, 51),
    ("unshare", 272, 97), ("setns", 308, 268), ("bpf", 321, 280), ("perf_event_open", 298, 241),
    ("userfaultfd", 323, 282), ("add_key", 248, 217), ("request_key", 249, 218), ("keyctl", 250, 219),
    ("kexec_load", 246, 104), ("kexec_file_load", 320, 294), ("init_module", 175, 105), ("finit_module", 313, 273),
    ("delete_module", 176, 106), ("reboot", 169, 142), ("swapon", 167, 224), ("swapoff", 168, 225),
    ("sethostname", 170, 161), ("setdomainname", 171, 162), ("settimeofday", 164, 170), ("clock_settime", 227, 112),
    ("acct", 163, 89), ("quotactl", 179, 60), ("iopl", 172, None), ("ioperm", 173, None), ("syslog", 103, 116),
    ("open_by_handle_at", 304, 265), ("personality", 135, 92),
)  # fmt: skip

# Calls that look as if the kernel did not know them, so that the C library takes the older one that can be judged.
_UNKNOWN: Final = (
    ("clone3", 435, 435), ("openat2", 437, 437), ("io_uring_setup", 425, 425), ("io_uring_enter", 426, 426),
    ("io_uring_register", 427, 427), ("memfd_create", 319, 279), ("memfd_secret", 447, 447),
)  # fmt: skip


@dataclass(frozen=True)
class _Processor:
    """An architecture's name for audits, and the numbers of the calls that are judged by their arguments."""

    column: int
    audit: int
    open: int | None
    openat: int
    clone: int
    kill: int
    tgkill: int
    ioctl: int
    fcntl: int
    prlimit64: int
    seccomp: int


_PROCESSORS: Final = {
    "x86_64": _Processor(1, 0xC000003E, 2, 257, 56, 62, 234, 16, 72, 302, 317),
    "aarch64": _Processor(2, 0xC00000B7, None, 56, 220, 129, 131, 29, 25, 261, 277),
}


def install() -> bool:
    """Put the filter on every thread of this process, for good; whether that could be done.

    From then on sockets, other programs and processes, signals to others and writable opens fail with ``EPERM`` or
    ``EACCES``. Descriptors that are open already stay as they are.
    """
    processor = _PROCESSORS.get(platform.machine()) if sys.platform == "linux" and sys.maxsize > 2**32 else None
    if processor is None:
        return False
    program = _program(processor, os.getpid())
    instructions = ctypes.create_string_buffer(b"".join(program))
    # struct sock_fprog: a count, and after its padding a pointer
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(instructions)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    arguments = (ctypes.c_long(_SECCOMP_SET_MODE_FILTER), ctypes.c_long(_SECCOMP_FILTER_FLAG_TSYNC))
    return bool(libc.syscall(ctypes.c_long(processor.seccomp), *arguments, ctypes.byref(header)) == 0)


def _program(processor: _Processor, pid: int) -> list[bytes]:
    """The filter in classic BPF: one instruction an item. ``pid`` is this process, which may signal itself."""
    program = [
        _instruction(_LOAD, _ARCHITECTURE_AT),
        _instruction(_JUMP_EQUAL, processor.audit, 1, 0),
        _refuse(errno.EPERM),
        _instruction(_LOAD, _NUMBER_AT),
    ]
    if processor.column == 1:
        program += [_instruction(_JUMP_AT_LEAST, _X32, 0, 1), _refuse(errno.EPERM)]
    for names, code in ((_REFUSED, errno.EPERM), (_UNKNOWN, errno.ENOSYS)):
        for row in names:
            number = row[processor.column]
            if isinstance(number, int):
                program += [_instruction(_JUMP_EQUAL, number, 0, 1), _refuse(code)]
    if processor.open is not None:
        program += _judge(processor.open, 1, _JUMP_ANY_BIT, _WRITING, hit=_refuse(errno.EACCES))
    program += _judge(processor.openat, 2, _JUMP_ANY_BIT, _WRITING, hit=_refuse(errno.EACCES))
    program += _judge(processor.clone, 0, _JUMP_ANY_BIT, _CLONE_THREAD, hit=_ALLOWED, miss=_refuse(errno.EPERM))
    for number in (processor.kill, processor.tgkill):
        program += _judge(number, 0, _JUMP_EQUAL, pid, hit=_ALLOWED, miss=_refuse(errno.EPERM))
    program += _judge(processor.prlimit64, 0, _JUMP_EQUAL, 0, hit=_ALLOWED, miss=_refuse(errno.EPERM))
    doors = [(processor.ioctl, request) for request in (_TIOCSTI, _TIOCLINUX)]
    doors += [(processor.fcntl, command) for command in _SIGNALLING]
    for number, command in doors:
        program += _judge(number, 1, _JUMP_EQUAL, command, hit=_refuse(errno.EPERM), miss=None)
    return [*program, _ALLOWED]


def _instruction(code: int, value: int, if_so: int = 0, if_not: int = 0) -> bytes:
    """A ``struct sock_filter``; the jumps count instructions to be left out."""
    return struct.pack("HBBI", code, if_so, if_not, value)


def _refuse(code: int) -> bytes:
    return _instruction(_RETURN, _ERRNO | code)


_ALLOWED: Final = _instruction(_RETURN, _ALLOW)


def _judge(
    number: int, argument: int, test: int, value: int, *, hit: bytes, miss: bytes | None = _ALLOWED
) -> list[bytes]:
    """Judge one call by the low half of an argument. Without ``miss`` the call goes on to what follows."""
    return [
        _instruction(_JUMP_EQUAL, number, 0, 4),
        _instruction(_LOAD, _ARGUMENTS_AT + 8 * argument),
        _instruction(test, value, 0, 1),
        hit,
        _instruction(_LOAD, _NUMBER_AT) if miss is None else miss,
    ]
