"""What is seen to before the index is used: who may read it, where it lies, what a kill left, its version, damage."""

from __future__ import annotations

import logging
import os
import re
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from core import private
from core.config import Folders
from core.errors import IndexBusyError, IndexDamagedError, IndexPlaceError, NoRoomError, StorageError
from core.filesystem import is_network, kind_of
from core.store import exchange, faults
from core.store.connection import APPLICATION_ID, connect
from core.store.migrate import migrate
from core.store.migrations import MIGRATIONS
from core.writer import WriterLock

if TYPE_CHECKING:
    from core.store.salvage import Carried

logger = logging.getLogger(__name__)

UPDATE = "update"  # what the writer's lock is held for here
_SALVAGING, _SALVAGED = ".salvaging", ".salvaged"  # a new index while it is filled, and when it is whole
# Disks of virtual machines and containers, which one machine alone uses, are of these kinds too.
_OF_A_GUEST = frozenset({"9p", "virtiofs"})
_ABSURD_VERSION = 1000  # no version, but damage
_CREATED = re.compile(r"CREATE (?:VIRTUAL )?(?:TABLE|INDEX|TRIGGER) (\w+)")
_OURS = frozenset({"roots", "files", "contents", "segments"})
_LEAST_PAGE_BYTES = 512
_WAIT_S = 0.1


class Form(Enum):
    """What lies where the index should."""

    NEW = "new"  # nothing
    CURRENT = "current"
    OLDER = "older"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Look:
    """One look at the index; ``why`` says what is wrong with a damaged one."""

    form: Form
    why: str = ""


def prepare(folders: Folders) -> list[str]:
    """Make the index fit for use; what a person should know of that, a line each.

    Raises ``IndexPlaceError`` on a network drive, ``IndexDamagedError`` for what is no index of ours or one of a newer
    version, ``MigrationError``, ``NoRoomError``, and ``IndexBusyError`` where another process holds up what has to be
    done.
    """
    expect_local(folders.data)
    path = folders.index
    tighten(folders)
    _expect_file(path)
    said: list[str] = []
    with faults.told_plainly(path):
        if is_current(path) and not any(_left_over(path)):
            return []
        if any(_left_over(path)):
            with suppress(IndexBusyError):  # whoever holds the lock is making them
                _alone(folders, lambda: any(_left_over(path)), lambda: said.extend(_clear_up(path)))
        state = look(path)
        if state.form is Form.OLDER:
            _alone(folders, lambda: look(path).form is Form.OLDER, lambda: said.extend(_bring_up_to_date(path)))
        elif state.form is Form.DAMAGED:
            _alone(folders, lambda: look(path).form is Form.DAMAGED, lambda: said.extend(set_aside(path, state.why)))
    return said


def expect_local(folder: Path) -> None:
    """Raise ``IndexPlaceError`` for a folder on a network drive: the log of writes needs memory that users share."""
    kind = kind_of(os.fsencode(folder))
    if is_network(kind) and kind not in _OF_A_GUEST:
        raise IndexPlaceError(
            f"the index cannot be kept on a network drive ({kind}), where it would be damaged; let FINDLING_HOME name "
            "a folder on a disk of this computer",
            path=folder,
        )


def _expect_file(path: Path) -> None:
    """Raise ``IndexDamagedError`` for what is no file, and ``StorageError`` for one that may not be read."""
    try:
        kind = path.stat().st_mode
    except OSError:
        return  # there is none yet, or the disk says so when it is opened
    if not stat.S_ISREG(kind):
        raise IndexDamagedError("a folder or device is where the index should be; move it away", path=path)
    if not os.access(path, os.R_OK):
        raise StorageError("no permission to read the index; give it back to its owner (chmod u+rw)", path=path)


def tighten(folders: Folders) -> None:
    """Let nobody but the owner into our folders, and at the files that hold what was indexed."""
    for folder in (folders.data, folders.cache, folders.config, folders.logs):
        with suppress(FileNotFoundError):
            _tighten(folder)
    for path in (*_with_logs(folders.index), folders.settings):
        with suppress(FileNotFoundError):
            _tighten(path)


def look(path: Path) -> Look:
    """What the index is. Raises ``IndexDamagedError`` for what is not ours or newer than we are."""
    if not path.exists() or not path.stat().st_size:
        # Nothing was committed yet, or it was cut to nothing while its log still holds some of it.
        log = path.with_name(path.name + "-wal")
        has_log = log.exists() and log.stat().st_size > 0
        return Look(Form.DAMAGED, "it is empty") if has_log else Look(Form.NEW)
    if path.stat().st_size < _LEAST_PAGE_BYTES:  # SQLite takes it for an empty one
        return Look(Form.DAMAGED, "it is cut")
    try:
        connection = connect(path)
        try:
            version = int(connection.pragma("user_version"))
            ours = int(connection.pragma("application_id")) == APPLICATION_ID
            names = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        finally:
            connection.close()
    except (apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError, apsw.BusyError, apsw.FullError, apsw.NoMemError):
        raise
    except (apsw.Error, UnicodeDecodeError) as error:
        return Look(Form.DAMAGED, str(error))
    return _judge(path, version, ours, names)


def _judge(path: Path, version: int, ours: bool, names: set[str]) -> Look:
    if not names and not version:
        return Look(Form.NEW)
    if not ours and not names & _OURS:
        raise IndexDamagedError("this file is not a Findling index; move it away", path=path)
    if ours and len(MIGRATIONS) < version < _ABSURD_VERSION:
        raise IndexDamagedError(
            "written by a newer version of Findling; use that one, or another FINDLING_HOME", path=path
        )
    if not ours or not 0 < version <= len(MIGRATIONS):
        return Look(Form.DAMAGED, "its header is wrong")
    created = {name for sql in MIGRATIONS[:version] for name in _CREATED.findall(sql)}
    if not created <= names:
        return Look(Form.DAMAGED, f"it lacks {', '.join(sorted(created - names)[:3])}")
    if path.with_name(path.name + faults.SUSPECT).exists():
        return _look_closer(path)
    return Look(Form.CURRENT if version == len(MIGRATIONS) else Form.OLDER)


def is_current(path: Path) -> bool:
    """Whether the index is there, of this version, and not known to be anything but sound."""
    return look(path).form is Form.CURRENT


def set_aside(path: Path, why: str) -> list[str]:
    """Put a damaged index aside, with a new one in its place that holds what could be read of it.

    Its caller holds the writer's lock. A kill at any moment leaves the damaged one, or both.
    """
    exchange.require_room(path, path.stat().st_size, "carrying over what can be read of the damaged index")
    fresh = exchange.copy_path(path, _SALVAGING)
    log = path.with_name(path.name + "-wal")
    logger.warning("the index is damaged (%s), and what can be read of it is carried over", why)
    from core.store.salvage import Salvage  # here: mostly there is nothing to salvage

    try:
        with faults.told_plainly(path):
            carried = Salvage(path, log, fresh).run()
    except BaseException as error:
        exchange.remove_copy(fresh)  # half of it would take room on a disk that has none
        if isinstance(error, NoRoomError):
            why_not = f"it is damaged, and what can be read of it cannot be carried over yet: {error.message}"
            raise NoRoomError(why_not, path=path) from error
        raise
    whole = exchange.copy_path(path, _SALVAGED)
    fresh.replace(whole)
    aside = _finish_setting_aside(path, whole)
    return [_told(why, aside, carried)]


def _finish_setting_aside(path: Path, whole: Path) -> Path:
    """The last part, done again after a kill: the log goes first, so that it never lies beside the new index."""
    aside = _free_name(path)
    try:
        for ending in ("-wal", ""):
            old = path.with_name(path.name + ending)
            if old.exists():
                old.rename(aside.with_name(aside.name + ending))
        with suppress(FileNotFoundError):
            path.with_name(path.name + "-shm").unlink()
        whole.replace(path)
    except PermissionError as error:  # Windows, where what is open cannot be renamed
        raise IndexBusyError(
            "it is damaged, and another program has it open; end that and try again", path=path
        ) from error
    path.with_name(path.name + faults.SUSPECT).unlink(missing_ok=True)
    return aside


def _told(why: str, aside: Path, carried: Carried) -> str:
    rest = "the next indexing brings back the rest"
    if not carried.roots:  # nobody knows any more what was in it
        rest = "which folders it held could not be read, and they have to be added again"
    return (
        f"the index was damaged ({' '.join(why.split())}); it is kept as {aside.name}, and what could be read was "
        f"carried over: {carried.files:,} files, {carried.vectors:,} vectors; {rest}"
    )


def _free_name(path: Path) -> Path:
    """``index.damaged-2026-11-21``, or with a number behind it."""
    base = f"{path.stem}.damaged-{datetime.now().date().isoformat()}"
    names = (path.with_name(base if number == 1 else f"{base}-{number}") for number in range(1, 10_000))
    return next(name for name in names if not name.exists() and not name.with_name(name.name + "-wal").exists())


def set_aside_files(path: Path) -> list[Path]:
    """The damaged indexes that were set aside, with their logs."""
    return sorted(path.parent.glob(f"{path.stem}.damaged-*"))


def _look_closer(path: Path) -> Look:
    """Damage was met while the index was used: read it all, and say whether it is so."""
    connection = connect(path)
    try:
        wrong = str(connection.execute("PRAGMA quick_check(1)").get)  # all of it, the full text as well
    except (apsw.Error, UnicodeDecodeError) as error:
        wrong = str(error)
    finally:
        connection.close()
    if wrong != "ok":
        return Look(Form.DAMAGED, wrong)
    path.with_name(path.name + faults.SUSPECT).unlink(missing_ok=True)
    return look(path)


def _bring_up_to_date(path: Path) -> list[str]:
    try:
        migrate(path)
    except IndexDamagedError as error:
        return set_aside(path, error.message)
    return []


def _left_over(path: Path) -> list[Path]:
    """What a sudden end has left beside the index."""
    suffixes = (exchange.MIGRATING, exchange.COMPACTING, _SALVAGING, _SALVAGED)
    return [copy for suffix in suffixes for copy in _with_logs(exchange.copy_path(path, suffix)) if copy.exists()]


def _clear_up(path: Path) -> list[str]:
    """Finish what was as good as done, and delete the rest."""
    said = []
    whole = exchange.copy_path(path, _SALVAGED)
    if whole.exists():
        said.append(f"the index was damaged; it is kept as {_finish_setting_aside(path, whole).name}")
    for suffix in (exchange.MIGRATING, exchange.COMPACTING, _SALVAGING):
        exchange.remove_copy(exchange.copy_path(path, suffix))
    return said


def _with_logs(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(path.name + ending) for ending in ("", "-wal", "-shm"))


def _tighten(path: Path) -> None:
    try:
        private.tighten(path)
    except PermissionError as error:  # another user's, or a read-only disk
        logger.warning("others may read %s: %s", path, error.strerror)


def _alone(folders: Folders, needed: Callable[[], bool], work: Callable[[], object]) -> None:
    """Do what is needed while nobody else writes, unless it is done meanwhile by another process that came first."""
    lock = WriterLock(folders, UPDATE)
    while needed():
        try:
            lock.acquire()
        except IndexBusyError as error:
            if f"findling {UPDATE} " in error.message or "another process" in error.message:
                time.sleep(_WAIT_S)
                continue
            raise IndexBusyError(f"{error.message}, and must be seen to first; end that and try again") from error
        try:
            if needed():
                work()
        finally:
            lock.release()
        return
