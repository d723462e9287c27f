"""Disks that are really full, and a real limit on the size of files, during every kind of write.

Small file systems are mounted in a namespace of this process's own (``unshare -rm``), filled, and emptied again. What
is expected each time: one line that names what is full, the index intact, searching that goes on, and work that is
finished once there is room: by itself where changes are followed, else by the next run.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.config import HOME_VARIABLE, Folders, Settings, folders_under, load_settings, save_settings
from core.errors import FindlingError, NoRoomError
from core.models.library import import_model
from core.resources import resource as ours
from core.room import shortage
from core.store.migrations import MIGRATIONS
from tests.reliability import audit
from tests.reliability.kills import make_older
from tests.reliability.world import World

_PATIENCE_S = 240.0  # for what must happen, however slow the machine
_INSIDE = "FINDLING_TEST_INSIDE"  # set in the namespace
_SMALL_BYTES, _LARGE_BYTES = 60_000_000, 1_000_000_000


class Home:
    """A home on a file system of its own, and a world on the ordinary one."""

    def __init__(self, base: Path, *, size_bytes: int = _LARGE_BYTES, cache_bytes: int | None = None) -> None:
        """``cache_bytes``: the cache lies on a file system of that size of its own."""
        self.base = base
        self.mount = base / "home"
        self.mount.mkdir(parents=True)
        mount(self.mount, size_bytes)
        self.folders: Folders = folders_under(self.mount)
        if cache_bytes is not None:
            self.folders.cache.mkdir()
            mount(self.folders.cache, cache_bytes)
        self.folders.create()
        save_settings(Settings(self.folders, pause_on_battery=False, pause_when_busy=False))
        self.world = World(base / "world", seed=7)
        self.marked = self.world.roots[0] / "marked.txt"
        self.marked.write_text("a marker of remarkable rarity")

    def start(self, *arguments: str | Path, limit_bytes: int | None = None) -> subprocess.Popen[str]:
        def confine() -> None:
            if limit_bytes is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

        return subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.victim", *map(os.fspath, arguments)],
            env={**os.environ, HOME_VARIABLE: os.fspath(self.mount)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=confine,
        )

    def run(self, *arguments: str | Path, limit_bytes: int | None = None) -> tuple[int, str, str]:
        process = self.start(*arguments, limit_bytes=limit_bytes)
        out, err = process.communicate(timeout=_PATIENCE_S)
        assert "Traceback" not in err, err
        assert "internal error" not in err, err
        return process.returncode, out, err.strip()

    def index(self, **options: int) -> tuple[int, str]:
        code, _, err = self.run("index", *self.world.roots, **options)
        assert len(err.splitlines()) <= 1, err
        return code, err

    def add_long_texts(self) -> None:
        """Whose index is larger than a small disk."""
        for number in range(120):
            words = " ".join(f"word{number}x{at}" for at in range(12_000))
            (self.world.roots[1] / f"long {number}.txt").write_text(words)

    def expect_intact(self) -> None:
        wrong = audit.faults(self.folders)
        assert not wrong, wrong[:10]

    def expect_found(self) -> None:
        """Searching goes on."""
        code, out, err = self.run("search", "remarkable")
        assert code == 0, err
        assert "marked.txt" in out, (out, err)

    def expect_finished(self) -> None:
        """With room again the next run finishes, and nothing is missing or left over."""
        code, err = self.index()
        assert code == 0, err
        wrong = self.wrong()
        assert not wrong, wrong[:10]

    def wrong(self) -> list[str]:
        return [*audit.faults(self.folders), *self.missing(), *audit.litter(self.folders)]

    def missing(self) -> list[str]:
        """What is still to be done."""
        return [
            *audit.unfinished(self.folders),
            *audit.differences(self.folders.index, self.world.roots),
        ]


def mount(folder: Path, size_bytes: int, *, options: str = "") -> None:
    """A file system in memory of that size, or another size of the one that is there."""
    how = f"{'remount,' if os.path.ismount(folder) else ''}size={size_bytes}{options}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", how, "tmpfs", folder], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Not one byte is free on the folder's disk, meanwhile."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    try:
        yield
    finally:
        ballast.unlink()


def told_of_room(error: str, folder: Path) -> bool:
    return str(folder) in error and ("full" in error or "free" in error or "limit" in error)


@contextmanager
def no_room_told(folder: Path) -> Iterator[list[str]]:
    """Inside, something is refused for want of room in ``folder``; the line that says so is the list's one element."""
    said: list[str] = []
    try:
        yield said
    except NoRoomError as error:
        said.append(str(error))
    assert said, "it was not refused"
    assert len(said[0].splitlines()) == 1, said
    assert told_of_room(said[0], folder), said


def files_below(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


# Each case gets a fresh folder to mount in.


def too_small_a_disk(base: Path) -> str:
    """Indexing stops before the disk is full, says so, and goes on where there is more."""
    home = Home(base, size_bytes=_SMALL_BYTES)
    home.add_long_texts()
    code, err = home.index()
    assert code == 3, err
    assert told_of_room(err, home.folders.data), err
    home.expect_intact()
    mount(home.mount, _LARGE_BYTES)
    home.expect_finished()
    home.expect_found()
    return err


def full_before_the_run(base: Path) -> str:
    home = Home(base)
    home.expect_finished()
    for _ in range(12):
        home.world.step()
    with filled(home.mount):
        code, err = home.index()
        assert code == 3, err
        assert told_of_room(err, home.folders.data), err
        home.expect_found()
    home.expect_intact()
    home.expect_finished()
    return err


def full_in_the_middle(base: Path) -> str:
    """Another program fills the disk at once, at several moments: no watching of free space helps."""
    said = ""
    for attempt in range(4):
        home = Home(base / str(attempt))
        process = home.start("index", *home.world.roots)
        _until(lambda home=home, attempt=attempt: _size(home.folders.data / "index.db-wal") > attempt * 150_000)
        with filled(home.mount):
            _, err = process.communicate(timeout=_PATIENCE_S)
            assert "Traceback" not in err and "internal error" not in err, err
            assert process.returncode in (0, 3), err
            if process.returncode:
                assert told_of_room(err, home.mount), err
                said = err.strip()
            home.expect_intact()
        home.expect_finished()
        home.expect_found()
    return said


def full_while_following(base: Path) -> str:
    """``watch`` waits, also where it finds the disk full when it starts, and goes on by itself."""
    home = Home(base)
    home.expect_finished()
    process: subprocess.Popen[str] | None = None
    try:
        for _ in range(2):
            with filled(home.mount):
                for _ in range(10):
                    home.world.step()
                process = process or home.start("watch")
                time.sleep(6)
                assert process.poll() is None, process.communicate()[1]
                home.expect_found()
            _until(lambda: not home.missing(), "index and disk become equal")
    finally:
        if process is not None:
            process.kill()
            process.communicate()
    home.expect_intact()
    return "waited twice, and went on by itself"


def full_cache(base: Path) -> str:
    """Thumbnails and decoded sound have a disk of their own."""
    home = Home(base, cache_bytes=_LARGE_BYTES)
    with filled(home.folders.cache):
        code, err = home.index()
        assert code == 3, err
        assert told_of_room(err, home.folders.cache), err
        home.expect_intact()
    home.expect_finished()
    return err


def full_at_an_update(base: Path) -> str:
    """An index of an older schema stays as it is where there is no room for its copy."""
    home = Home(base)
    home.expect_finished()
    make_older(home.folders.index)
    with filled(home.mount):
        code, err = home.index()
        assert code == 3, err
        assert "full" in err or "free" in err or "room" in err, err
    home.expect_finished()
    assert audit.version(home.folders.index) == len(MIGRATIONS)
    home.expect_found()
    return err


def full_for_settings(base: Path) -> str:
    home = Home(base)
    before = home.folders.settings.read_bytes()
    with filled(home.mount):
        try:
            save_settings(Settings(home.folders, languages=tuple(f"{number:04}" for number in range(3000))))
        except NoRoomError as error:
            said = str(error)
        else:
            raise AssertionError("the settings were saved on a full disk")
    assert home.folders.settings.read_bytes() == before
    assert load_settings(home.folders).pause_on_battery is False
    return said


def full_for_a_model(base: Path) -> str:
    home = Home(base, size_bytes=6_000_000)
    settings = load_settings(home.folders)
    try:
        import_model(settings, ours("demo", "models", "demo-clip"), demo=True)
    except FindlingError as error:
        said = str(error)
    else:
        raise AssertionError("a model of 10 MB was installed on 6 MB")
    assert not (home.folders.models / "demo-clip").exists()
    assert "full" in said or "free" in said or "space" in said, said
    return said


def read_only_disk(base: Path) -> str:
    """What was indexed is still found, or one line says why not; nothing is written."""
    home = Home(base)
    home.expect_finished()
    mount(home.mount, _LARGE_BYTES, options=",ro")
    code, out, err = home.run("search", "remarkable")
    said = "found" if "marked.txt" in out else err
    assert code == 0 or len(err.splitlines()) == 1, err
    code, err = home.index()
    assert code == 3, err
    assert len(err.splitlines()) == 1, err
    mount(home.mount, _LARGE_BYTES, options=",rw")
    home.expect_finished()
    return f"search: {said}; index: {err}"


def limit_on_files(base: Path) -> str:
    """``ulimit -f`` at many sizes, from nothing to more than enough."""
    said = ""
    stopped = 0
    for limit_bytes in (0, 4096, 33_000, 130_000, 600_000):
        home = Home(base / str(limit_bytes))
        code, err = home.index(limit_bytes=limit_bytes)
        assert code in (0, 3), err
        if code:
            stopped += 1
            assert "limit" in err or "full" in err, err
            said = err
        home.expect_intact()
        home.expect_finished()
        home.expect_found()
        subprocess.run(["umount", home.mount], check=True)
    assert stopped >= 2
    return said


CASES: tuple[Callable[[Path], str], ...] = (
    too_small_a_disk, full_before_the_run, full_in_the_middle, full_while_following, full_cache, full_at_an_update,
    full_for_settings, full_for_a_model, read_only_disk, limit_on_files,
)  # fmt: skip


def all_cases() -> tuple[Callable[[Path], str], ...]:
    """The cases here, and those of what is written beside the index."""
    from tests.reliability import models_on_full_disks, other_writes  # here, because they build on this module

    return (*CASES, *other_writes.CASES, *models_on_full_disks.CASES)


def can_mount() -> bool:
    """Whether this computer lets us have file systems of our own."""
    try:
        tried = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False)
    except OSError:
        return False
    return tried.returncode == 0


def run_inside(names: list[str]) -> int:
    """Run cases in a namespace of their own; the exit code."""
    environment = {**os.environ, _INSIDE: "1"}
    command = ["unshare", "-rm", sys.executable, "-m", "tests.reliability", "disk", *names]
    return subprocess.run(command, env=environment, check=False).returncode


def _until(condition: Callable[[], object], what: str = "") -> None:
    begun_s = time.monotonic()
    while not condition():
        assert time.monotonic() - begun_s < _PATIENCE_S, what
        time.sleep(0.01)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability disk", description=__doc__)
    parser.add_argument("cases", nargs="*", help="all by default: " + ", ".join(case.__name__ for case in all_cases()))
    options = parser.parse_args(arguments)
    if _INSIDE not in os.environ:
        if not can_mount():
            print("this computer lets nobody mount here (unshare -rm): nothing was tried", file=sys.stderr)
            return 0
        return run_inside(options.cases)
    cases = [case for case in all_cases() if not options.cases or case.__name__ in options.cases]
    # The mounts in it go with the namespace, and their folders by the hand of whoever is outside.
    with tempfile.TemporaryDirectory(prefix="disk-", ignore_cleanup_errors=True) as base:
        assert shortage([Path(base)]) is None, "this disk is nearly full itself"
        for case in cases:
            said = case(Path(base) / case.__name__)
            print(f"{case.__name__}: {said}", flush=True)
    return 0
