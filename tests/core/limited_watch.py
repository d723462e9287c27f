"""A process in which the system refuses to watch, for real: ``python -m tests.core.limited_watch KIND FOLDER``.

Run in a user namespace of its own (``unshare --user --map-root-user``), whose limits are nobody else's. Prints one
JSON object: what the watcher noted and gave out, step by step.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

from core.watch.excluded import excluded_below
from core.watch.settle import Settled
from core.watch.watcher import Watcher

LIMIT_S = 20.0


class Limited:
    """A watcher whose clock can be moved on, over one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ahead_s = 0.0
        self.watcher = Watcher(clock=lambda: time.monotonic() + self.ahead_s, quiet_s=0.1)

    def follow(self) -> str | None:
        root = os.fsencode(self.folder)
        self.watcher.follow({root: excluded_below(root)})
        return self.note()

    def note(self) -> str | None:
        return self.watcher.notes()[os.fsencode(self.folder)]

    def minutes_later(self) -> dict[str, list[str]]:
        """What is given out when the timer has run."""
        self.ahead_s += 61.0
        hints = self.watcher.poll()
        return {"trees": self._names(hints.settled.trees), "rescan": self._names(hints.rescan)}

    def told(self, path: Path) -> bool:
        """Whether a file that is made now is told within the limit, without a timer."""
        path.write_text("x")
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            settled: Settled = self.watcher.poll().settled
            encoded = os.fsencode(path)
            if encoded in settled.paths or any(encoded.startswith(tree + b"/") for tree in settled.trees):
                return True
            time.sleep(0.02)
        return False

    def _names(self, paths: frozenset[bytes]) -> list[str]:
        return sorted(os.path.relpath(os.fsdecode(path), self.folder) for path in paths)


def limit(name: str, value: int) -> None:
    Path(f"/proc/sys/user/max_inotify_{name}").write_text(str(value))


def become(uid: int) -> None:
    """Be another user from now on."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def watches(limited: Limited) -> dict[str, object]:
    limit("watches", 4)
    found: dict[str, object] = {"note": limited.follow(), "root_file_told": limited.told(limited.folder / "new.txt")}
    found["later"] = limited.minutes_later()
    limit("watches", 1000)
    limited.minutes_later()
    found["cured_note"] = limited.note()
    found["cured_told"] = [limited.told(limited.folder / name / "in" / "new.txt") for name in "abcdef"]
    return found


def instances(limited: Limited) -> dict[str, object]:
    limit("instances", 0)
    found: dict[str, object] = {"note": limited.follow(), "later": limited.minutes_later()}
    limit("instances", 10)
    found["cure"] = limited.minutes_later()
    found["cured_note"] = limited.note()
    found["cured_told"] = limited.told(limited.folder / "a" / "in" / "new.txt")
    return found


def files(limited: Limited) -> dict[str, object]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 4, hard))
    found: dict[str, object] = {"note": limited.follow(), "later": limited.minutes_later()}
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    limited.minutes_later()
    found["cured_note"] = limited.note()
    found["cured_told"] = limited.told(limited.folder / "a" / "in" / "new.txt")
    return found


def permission(limited: Limited) -> dict[str, object]:
    if os.geteuid() == 0:
        become(limited.folder.stat().st_uid)  # to root no folder is closed
    closed = limited.folder / "b"
    closed.chmod(0)
    found: dict[str, object] = {
        "note": limited.follow(),
        "elsewhere_told": limited.told(limited.folder / "a" / "n.txt"),
    }
    found["later"] = limited.minutes_later()
    closed.chmod(0o700)
    deadline = time.monotonic() + LIMIT_S
    while limited.note() is not None and time.monotonic() < deadline:  # without the timer
        limited.ahead_s += 1.0
        limited.watcher.poll()
        time.sleep(0.02)
    found["cured_note"] = limited.note()
    found["cured_told"] = limited.told(closed / "in" / "new.txt")
    return found


KINDS = {"watches": watches, "instances": instances, "files": files, "permission": permission}


def main() -> int:
    limited = Limited(Path(sys.argv[2]))
    try:
        print(json.dumps(KINDS[sys.argv[1]](limited)))
    finally:
        limited.watcher.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
