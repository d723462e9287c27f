"""Why folders cannot be watched, and what to do about it: one line for a person, with the exact cure."""

from __future__ import annotations

import errno
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_DESCRIPTORS = 8  # what watching opens, with some to spare for the scan beside it
_WATCHES, _INSTANCES = "inotify_watches", "inotify_instances"
_SYSCTL_FILE = "/etc/sysctl.d/60-findling-{}.conf"


@dataclass(frozen=True)
class Refusal:
    """Why a folder is not watched. ``folders`` is how many there are in it and below it, 1 where nobody counted."""

    errno: int
    folders: int = 1


def expect_descriptors() -> None:
    """Raise ``OSError`` (EMFILE) where the program can open too few files more to begin to watch."""
    taken: list[int] = []
    try:
        while len(taken) < _DESCRIPTORS:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    finally:
        for descriptor in taken:
            os.close(descriptor)


def why_root_refused(error: OSError, folders: int) -> str:
    """Why a whole root is not watched. ``folders`` is how many watches it would take."""
    if error.errno == errno.ENOSPC:
        return f"{_every_minute('this folder is')}: {_watches_cure(folders)}"
    if error.errno == errno.EMFILE:
        return f"{_every_minute('this folder is')}: {_instances_cure()}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{_every_minute('this folder is')}: there is no permission to read it"
    return f"{_every_minute('this folder is')}: the system does not watch it ({error.strerror})"


def why_some_refused(refused: Mapping[bytes, Refusal], root: bytes) -> str | None:
    """Why parts of a root are not watched; None where all of it is."""
    reasons = []
    full = [refusal.folders for refusal in refused.values() if refusal.errno == errno.ENOSPC]
    if full:
        count = sum(full)
        reasons.append(f"{_every_minute(_folders(count) + ' in it' + _are(count))}: {_watches_cure(count)}")
    closed = sorted(folder for folder, refusal in refused.items() if refusal.errno in (errno.EACCES, errno.EPERM))
    if closed:
        reasons.append(_permission_cure(closed, root))
    other = {refusal.errno for refusal in refused.values()} - {errno.ENOSPC, errno.EACCES, errno.EPERM}
    if other:
        count = sum(refusal.errno in other for refusal in refused.values())
        what = ", ".join(os.strerror(number) for number in sorted(other))
        reasons.append(
            f"{_every_minute(_folders(count) + ' in it' + _are(count))}: the system does not watch them ({what})"
        )
    return "; ".join(reasons) or None


def why_polled(kind: str) -> str:
    """Of a root on a file system that hides what others change."""
    return (
        f"changes here are found by looking every few minutes, not at once: on this file system ({kind}) the computer "
        "is not told what others change"
    )


def _every_minute(what: str) -> str:
    return f"{what} looked through about every minute, not watched"


def _folders(count: int) -> str:
    return f"{count:,} folder" if count == 1 else f"{count:,} folders"


def _are(count: int) -> str:
    return " is" if count == 1 else " are"


def _watches_cure(folders: int) -> str:
    key, limit = _limit(_WATCHES, "max_user_watches")
    # Twice what is missing beside what is in use now: other programs watch folders, and folders become more.
    enough = 1 << (limit + 2 * folders - 1).bit_length()
    return f"the system's limit of watched folders ({limit:,}) is used up. {_sysctl('watches', key, enough)}"


def _instances_cure() -> str:
    files = _open_file_limit()
    if files is not None and _is_out_of_files():
        return (
            f"the program has as many files open as it may ({files:,}). To raise that, close Findling and start it "
            f"from a terminal after: ulimit -n {max(4096, 4 * files)}"
        )
    key, limit = _limit(_INSTANCES, "max_user_instances")
    return (
        f"your programs watch folders at as many places as the system allows ({limit:,}). "
        f"{_sysctl('instances', key, 1 << (2 * limit - 1).bit_length())}"
    )


def _sysctl(what: str, key: str, value: int) -> str:
    file = _SYSCTL_FILE.format(what)
    return f"To raise it for good: echo {key}={value} | sudo tee {file} && sudo sysctl -p {file}"


def _permission_cure(folders: list[bytes], root: bytes) -> str:
    first = folders[0]
    shown = os.path.relpath(first, root).decode("utf-8", "replace")
    more = f" and {_folders(len(folders) - 1)} more" if len(folders) > 1 else ""
    command = f"chmod u+rx {shlex.quote(first.decode('utf-8', 'replace'))}"
    if not _is_mine(first):
        command = f"sudo setfacl -m u:{_uid()}:rx {shlex.quote(first.decode('utf-8', 'replace'))}"
    return f"no permission to look into {shown}{more}. To allow it: {command}"


def _limit(name: str, classic: str) -> tuple[str, int]:
    """The limit that holds here, by its sysctl name: containers have one of their own beside the system's."""
    system = _number(f"/proc/sys/fs/inotify/{classic}")
    own = _number(f"/proc/sys/user/max_{name}")
    if own is not None and (system is None or own < system):
        return f"user.max_{name}", own
    return f"fs.inotify.{classic}", system or 0


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text("ascii"))
    except (OSError, ValueError):
        return None


def _open_file_limit() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _is_out_of_files() -> bool:
    try:
        expect_descriptors()
    except OSError:
        return True
    return False


def _is_mine(folder: bytes) -> bool:
    try:
        return os.stat(folder).st_uid == _uid()
    except OSError:
        return False


def _uid() -> int:
    return os.geteuid() if sys.platform != "win32" else 0
