"""kill -9 in a loop: at random moments and at chosen ones, while an index is filled, moved, migrated and thinned out.

Each turn people change the folders, a real process with real children is started on them and killed, alone: its
children have to leave by themselves. Then the index's file is read by SQL of this package's own. Whatever was committed
a moment before the kill must be there whole, tables must agree, nobody may be left running, and the next turn goes on
from there. At the end index and disk must be equal, and ``findling doctor`` must find nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import psutil

from core.config import HOME_VARIABLE, Folders, Settings, folders_under, save_settings
from core.models.library import import_model
from core.resources import resource
from core.store.migrations import MIGRATIONS
from core.types import ModelRole
from tests.reliability import audit
from tests.reliability.world import World

PATIENCE_S = 300.0  # for what must happen, however slow the machine; nothing is measured by it
_DEMO = {ModelRole.PHOTO: "demo-clip", ModelRole.SPEECH: "demo-whisper"}
_OLD_VERSION = 3
_GIVEN_UP = "the program ended several times"

# What a process is asked for, and how often. ``migrate`` is an index run on an index of an older schema, ``model`` one
# with other models, ``child`` one of whose children is killed first.
_TASKS = {
    "index": 7, "watch": 5, "migrate": 3, "model": 2, "remove": 2, "forget": 2, "compact": 2, "child": 2,
}  # fmt: skip


@dataclass
class Tally:
    """What a loop came to."""

    kills: Counter[str] = field(default_factory=Counter)  # by what the process was doing
    aims: Counter[str] = field(default_factory=Counter)  # by how the moment was chosen
    ended_first: int = 0
    children: int = 0  # killed besides
    retried: int = 0  # files that were being read at three kills in a row, and were given up until asked for


class KillLoop:
    """One home, one world, and the processes that are killed over them."""

    def __init__(self, base: Path, seed: int, *, command_line: bool = False) -> None:
        """``command_line``: ``findling`` itself with the demo's models, instead of the engine with stand-ins."""
        self.folders: Folders = folders_under(base / "home")
        self.folders.create()
        settings = Settings(self.folders, pause_on_battery=False, pause_when_busy=False)
        save_settings(settings)
        self.world = World(base / "world", seed)
        self.tally = Tally()
        self._chance = random.Random(seed)
        self._command_line = command_line
        self._model = "a"
        self._spans_s: dict[str, float] = {}  # how long a task takes that is let be
        self._errors = base / "errors.txt"
        # Under folders that were to be removed or forgotten: a request outlives the kill, until a process ends.
        self._leaving: set[bytes] = set()
        self._forgotten: set[bytes] = set()
        if command_line:
            for name in _DEMO.values():
                import_model(settings, resource("demo", "models", name), demo=True)
            save_settings(Settings(self.folders, dict(_DEMO), pause_on_battery=False, pause_when_busy=False))

    def run(self, count: int, on_turn: Callable[[str], None] = lambda _: None) -> Tally:
        """Kill ``count`` times, then expect all to be well. Raises ``AssertionError`` with what is lost."""
        self._finish()
        turn = 0
        while self.tally.kills.total() < count:
            turn += 1
            task = self._chance.choices(list(_TASKS), list(_TASKS.values()))[0]
            what = self._turn(task)
            on_turn(f"{self.tally.kills.total()}/{count} {task}: {what}")
            if turn % 25 == 0:
                self._finish()
        self._finish()
        self._expect_doctor_content()
        return self.tally

    # One turn

    def _turn(self, task: str) -> str:
        for _ in range(self._chance.randrange(1, 9)):
            self.world.step()
        if task == "migrate":
            make_older(self.folders.index)
        if task == "model":
            self._model = "b" if self._model == "a" else "a"
        arguments = self._arguments(task)
        before = audit.known(self.folders.index)
        aim = self._chance.choice(("time", "time", "log", "rows", "file"))
        process = self._start(arguments)
        try:
            killed, last = self._kill_in_time(process, task, aim)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        self._expect_nobody(process.pid)
        if killed:
            self.tally.kills[task] += 1
            self.tally.aims[aim] += 1
        else:
            self.tally.ended_first += 1
            said = self._errors.read_text()
            # A kill of an earlier removal may have come after it was carried out.
            assert process.returncode == 0 or "is not watched" in said, f"{task}: {said[-2000:]}"
        self._expect_kept(task, [one for one in (before, last) if one is not None])
        return f"killed by {aim}" if killed else "ended first"

    def _arguments(self, task: str) -> list[str | bytes]:
        roots: list[str | bytes] = [os.fsencode(root) for root in self.world.roots]
        if task in ("remove", "forget"):
            folder = self._chance.choice(self.world.roots)
            under = self._ever(folder)
            self._leaving |= under
            if task == "forget":
                self._forgotten |= under
            return [task, os.fsencode(folder), *(["--yes"] if self._command_line and task == "forget" else [])]
        if task == "watch":
            return ["watch"]
        if task == "compact" and not self._command_line:
            return ["compact"]
        return ["index", *roots]

    def _ever(self, folder: Path) -> set[bytes]:
        """Every path under a folder that is there, or that the index knows."""
        found = audit.known(self.folders.index)
        under = os.fsencode(folder) + b"/"
        held = {path for path in found.files if path.startswith(under)} if found is not None else set()
        return held | {os.fsencode(path) for path in folder.rglob("*")}

    def _start(self, arguments: list[str | bytes]) -> subprocess.Popen[bytes]:
        program = ["core.cli"] if self._command_line else ["tests.reliability.victim"]
        options = [] if self._command_line else ["--model", self._model]
        return subprocess.Popen(
            [sys.executable, "-m", *program, *arguments, *options],
            env={**os.environ, HOME_VARIABLE: os.fspath(self.folders.data.parent)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors.open("wb"),
            start_new_session=True,
        )

    def _kill_in_time(self, process: subprocess.Popen[bytes], task: str, aim: str) -> tuple[bool, audit.Known | None]:
        """Wait for the moment, and kill; whether the process was still there, and what it had committed just before."""
        begun_s = time.monotonic()
        moment = self._moment(task, aim)
        last: audit.Known | None = None
        looked_s = 0.0
        spare = task == "child"
        while process.poll() is None:
            now_s = time.monotonic()
            assert now_s - begun_s < PATIENCE_S, f"{task} hangs"
            if spare and self._chance.random() < 0.05:
                spare = not self._kill_a_child(process)
            if task == "watch" and self._chance.random() < 0.02:
                self.world.step()
            if now_s - looked_s > 0.15:
                looked_s = now_s
                with suppress(apsw.Error):  # it is being made, exchanged or set up just now
                    last = audit.known(self.folders.index) or last
            if moment(now_s - begun_s):
                process.kill()
                process.wait()
                return process.returncode == -signal.SIGKILL, last
            time.sleep(0.002)
        self._spans_s[task] = time.monotonic() - begun_s
        return False, last

    def _moment(self, task: str, aim: str) -> Callable[[float], bool]:
        """When to kill: a test of the seconds since the start."""
        span_s = self._spans_s.get(task, 5.0)
        latest_s = (span_s * 1.1 if task != "watch" else 4.0 + 2 * self._chance.random()) * (
            0.05 + self._chance.random()
        )
        if aim == "time":
            return lambda now_s: now_s >= latest_s
        if aim == "log":
            log = self.folders.index.with_name("index.db-wal")
            before, growth = _size(log), self._chance.choice((1, 4096, 100_000))
            return lambda now_s: abs(_size(log) - before) >= growth or now_s > 3 * span_s
        if aim == "rows":
            log, changes = self.folders.index.with_name("index.db-wal"), self._chance.randrange(1, 12)
            seen: list[int] = []

            def enough(now_s: float) -> bool:
                stamp = log.stat().st_mtime_ns if log.exists() else 0
                if not seen or seen[-1] != stamp:
                    seen.append(stamp)
                return len(seen) > changes or now_s > 3 * span_s

            return enough
        known = {path.name for path in self.folders.data.iterdir()}  # a file of its own: a copy, a mark, a lock
        delay_s = self._chance.choice((0.0, 0.0, 0.005, 0.02))
        appeared: list[float] = []

        def there(now_s: float) -> bool:
            names = {path.name for path in self.folders.data.iterdir()}
            if not appeared and names - known - {"index.db-wal", "index.db-shm"}:
                appeared.append(now_s)
            return bool(appeared and now_s >= appeared[0] + delay_s) or now_s > 3 * span_s

        return there

    def _kill_a_child(self, process: subprocess.Popen[bytes]) -> bool:
        """Kill one, if there is any: the file that it reads is read by the next."""
        with suppress(psutil.Error):
            children = psutil.Process(process.pid).children(recursive=True)
            if children:
                self._chance.choice(children).kill()
                self.tally.children += 1
                return True
        return False

    # What must hold

    def _expect_kept(self, task: str, before: list[audit.Known]) -> None:
        now = audit.known(self.folders.index)
        touched = self.world.touched | self._leaving
        lost = [line for known in before for line in known.lost(now, touched, self._forgotten)] if now else []
        assert now is not None or not before, f"after {task}: the index is gone"
        assert not lost, f"lost after {task}: {lost[:10]}"
        wrong = audit.faults(self.folders)
        assert not wrong, f"after {task}: {wrong[:10]}"
        if now is not None:
            self.world.touched = {path for path in self.world.touched if not audit.agrees(now, path)}

    def _expect_nobody(self, session: int) -> None:
        """The children of a killed process leave by themselves."""
        until_s = time.monotonic() + 60
        while True:
            left = [pid for pid in psutil.pids() if _session(pid) == session]
            if not left:
                return
            assert time.monotonic() < until_s, f"still running: {[_command(pid) for pid in left]}"
            time.sleep(0.02)

    def _finish(self) -> None:
        """Let a process end, and expect index and disk to be equal and nothing to be left over."""
        self._let_end(["index", *(os.fsencode(root) for root in self.world.roots)])
        if given_up := [line for line in audit.unfinished(self.folders) if _GIVEN_UP in line]:
            # Three kills in a row while one file was being read: it may have been its fault, and a person is asked.
            self.tally.retried += len(given_up)
            self._let_end(["failures", "--retry"] if self._command_line else ["retry"])
            self._let_end(["index"])
        self._leaving.clear()
        self._forgotten.clear()
        wrong = [
            *audit.faults(self.folders),
            *audit.unfinished(self.folders),
            *audit.differences(self.folders.index, self.world.roots),
            *audit.litter(self.folders),
        ]
        assert not wrong, wrong[:10]

    def _let_end(self, arguments: list[str | bytes]) -> None:
        process = self._start(arguments)
        try:
            process.wait(PATIENCE_S)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        assert process.returncode == 0, self._errors.read_text()[-2000:]
        self._expect_nobody(process.pid)

    def _expect_doctor_content(self) -> None:
        environment = {**os.environ, HOME_VARIABLE: os.fspath(self.folders.data.parent)}
        command = [sys.executable, "-m", "core.cli", "doctor"]
        said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        wrong = [line for line in said.stdout.splitlines() if line.startswith("WRONG")]
        assert not [line for line in wrong if "disk space" not in line], said.stdout
        assert said.returncode == 0 or wrong, said.stdout + said.stderr


def make_older(index: Path) -> None:
    """Put an index back to an earlier form of the schema, as an earlier version left it."""
    db = apsw.Connection(str(index))
    with db:
        if int(db.pragma("user_version")) == len(MIGRATIONS):
            db.execute("DROP TRIGGER contents_phash_added")
            for table in ("tombstones", "search_spaces"):
                db.execute(f"DROP TABLE {table}")
            for column in ("missing", "excludes", "watch_note"):
                db.execute(f"ALTER TABLE roots DROP COLUMN {column}")
            db.pragma("user_version", _OLD_VERSION)
    db.close()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid) if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE else None
    except (OSError, psutil.Error):
        return None


def _command(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())[-200:]
    except psutil.Error:
        return str(pid)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability kills", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="by default another one each time")
    parser.add_argument("--command-line", action="store_true", help="findling itself, with the demo's models")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="kills-") as base:
        loop = KillLoop(Path(base), seed, command_line=options.command_line)
        tally = loop.run(options.count, lambda line: print(line, flush=True))
    tasks = ", ".join(f"{count} {name}" for name, count in tally.kills.most_common())
    aims = ", ".join(f"{count} by {name}" for name, count in tally.aims.most_common())
    print(f"{tally.kills.total()} kills (seed {seed}): {tasks}; {aims}; {tally.children} children killed besides")
    print(f"{tally.retried} files were being read at three kills in a row, and were read when asked for again")
    print(f"{tally.ended_first} processes ended before their moment came. Nothing was lost.")
    return 0
