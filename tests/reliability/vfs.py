"""Two file systems for SQLite that misbehave: one fails at a chosen operation, one remembers what a power cut loses.

Both stand before the platform's own VFS as the process's default, so that the product opens its index through them
without knowing. Register one at a time; ``close`` takes it away again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import apsw

_SECTOR = 512  # what a disk writes whole or not at all


class Fault(Enum):
    """What goes wrong, by the operation that it happens to."""

    READ = ("read", apsw.SQLITE_IOERR_READ)
    SHORT_READ = ("read", apsw.SQLITE_IOERR_SHORT_READ)
    WRITE = ("write", apsw.SQLITE_IOERR_WRITE)
    FULL = ("write", apsw.SQLITE_FULL)
    SYNC = ("sync", apsw.SQLITE_IOERR_FSYNC)
    TRUNCATE = ("truncate", apsw.SQLITE_IOERR_TRUNCATE)
    OPEN = ("open", apsw.SQLITE_CANTOPEN)
    LOCK = ("lock", apsw.SQLITE_BUSY)

    @property
    def operation(self) -> str:
        return self.value[0]

    @property
    def code(self) -> int:
        return self.value[1]


class FaultyVFS(apsw.VFS):
    """Fails at the ``at``-th operation of a kind, once or (``lasting``) from then on; counts all of them."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.struck = 0
        self._fault: Fault | None = None
        self._at = 0
        self._lasting = False
        self.base = apsw.vfs_names()[0]
        super().__init__("faulty", self.base, makedefault=True)

    def arm(self, fault: Fault, at: int, *, lasting: bool = False) -> None:
        """Fail at the ``at``-th operation from now on, counted from 1."""
        self.counts.clear()
        self.struck = 0
        self._fault, self._at, self._lasting = fault, at, lasting

    def disarm(self) -> None:
        self._fault = None

    def expect(self, operation: str) -> None:
        """Count an operation; raises where it is the one."""
        self.counts[operation] += 1
        fault = self._fault
        if fault is None or fault.operation != operation:
            return
        count = self.counts[operation]
        if count == self._at or (self._lasting and count > self._at):
            self.struck += 1
            raise apsw.exception_for(fault.code)

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:
        self.expect("open")
        return _FaultyFile(self, name, flags)


class _FaultyFile(apsw.VFSFile):
    def __init__(self, vfs: FaultyVFS, name: apsw.URIFilename | str | None, flags: list[int]) -> None:
        self._vfs = vfs
        super().__init__(vfs.base, name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:
        self._vfs.expect("read")
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._vfs.expect("write")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self._vfs.expect("sync")
        super().xSync(flags)

    def xTruncate(self, size: int) -> None:
        self._vfs.expect("truncate")
        super().xTruncate(size)

    def xLock(self, level: int) -> None:
        self._vfs.expect("lock")
        super().xLock(level)


@dataclass(frozen=True)
class _Operation:
    """One thing that was done to a file. ``data`` None: truncated to ``offset``; ``sync``: all before it is safe."""

    name: str
    offset: int = 0
    data: bytes | None = None
    sync: bool = False
    deleted: bool = False


@dataclass
class _Content:
    data: bytearray = field(default_factory=bytearray)
    there: bool = True

    def apply(self, operation: _Operation, data: bytes | None) -> None:
        if operation.deleted:
            self.data.clear()
            self.there = False
        elif operation.data is None:
            del self.data[operation.offset :]
        elif data is not None:
            end = operation.offset + len(data)
            if len(self.data) < end:
                self.data.extend(bytes(end - len(self.data)))
            self.data[operation.offset : end] = data
            self.there = True


class RecordingVFS(apsw.VFS):
    """Writes through, and remembers every write, truncation, deletion and sync of the files under ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self.operations: list[_Operation] = []
        self.base = apsw.vfs_names()[0]
        super().__init__("recording", self.base, makedefault=True)

    def remember(self, operation: _Operation) -> None:
        if operation.name.startswith(self._folder) and not operation.name.endswith("-shm"):
            self.operations.append(operation)

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:
        return _RecordedFile(self, name, flags)

    def xDelete(self, name: str, sync_dir: bool) -> None:
        super().xDelete(name, sync_dir)
        self.remember(_Operation(name, deleted=True))

    def after_power_cut(self, at: int, chance: random.Random, folder: Path) -> None:
        """Lay out in ``folder`` what a disk may hold whose power went after ``at`` operations.

        What was synced is there. Of what was written to a file since its last sync each sector is there or not, by
        chance: a disk's cache keeps no order. Deletions and truncations are journalled by file systems: they happen.
        """
        contents: dict[str, _Content] = {}
        pending: dict[str, list[_Operation]] = {}
        for operation in self.operations[:at]:
            content = contents.setdefault(operation.name, _Content())
            if operation.sync:
                for earlier in pending.pop(operation.name, []):
                    content.apply(earlier, earlier.data)
            elif operation.data is None:
                for earlier in pending.pop(operation.name, []):
                    content.apply(earlier, earlier.data)
                content.apply(operation, None)
            else:
                pending.setdefault(operation.name, []).append(operation)
        for name, operations in pending.items():
            kept = chance.choice((0.0, 0.5, 0.9, 1.0))
            for operation in operations:
                for start, data in _sectors(operation):
                    if chance.random() < kept:
                        contents[name].apply(_Operation(name, start, data), data)
        for name, content in contents.items():
            if content.there:
                (folder / Path(name).name).write_bytes(content.data)


class _RecordedFile(apsw.VFSFile):
    def __init__(self, vfs: RecordingVFS, name: apsw.URIFilename | str | None, flags: list[int]) -> None:
        self._vfs = vfs
        self._name = name.filename() if isinstance(name, apsw.URIFilename) else name or ""
        super().__init__(vfs.base, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)
        self._vfs.remember(_Operation(self._name, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        super().xTruncate(size)
        self._vfs.remember(_Operation(self._name, size))

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._vfs.remember(_Operation(self._name, sync=True))


def _sectors(operation: _Operation) -> Iterator[tuple[int, bytes]]:
    """The parts of a write that reach a disk whole."""
    assert operation.data is not None
    start, end = operation.offset, operation.offset + len(operation.data)
    while start < end:
        upto = min(end, (start // _SECTOR + 1) * _SECTOR)
        yield start, operation.data[start - operation.offset : upto - operation.offset]
        start = upto


@contextmanager
def faulty() -> Iterator[FaultyVFS]:
    """A ``FaultyVFS`` for as long as the block lasts."""
    vfs = FaultyVFS()
    try:
        yield vfs
    finally:
        vfs.disarm()
        vfs.unregister()


@contextmanager
def recording(folder: Path) -> Iterator[RecordingVFS]:
    """A ``RecordingVFS`` for as long as the block lasts."""
    vfs = RecordingVFS(folder)
    try:
        yield vfs
    finally:
        vfs.unregister()
