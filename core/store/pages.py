"""The rows of a damaged SQLite file, read page by page without SQLite: what is left of every table, whatever is gone.

SQLite finds a table's rows through its schema, its root and the pages between; where one of these is damaged, it gives
up all that lies below. A leaf page of a table stands for itself: its cells hold whole rows, and say where they go on.
Format: https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

Value = int | float | bytes | None
"""A column as it is stored. Texts come as ``Text``, not decoded: they may be damaged."""

_HEADER = b"SQLite format 3\0"
_LEAF = 0x0D
_DEFAULT_PAGE = 4096
_WAL_MAGIC = (0x377F0682, 0x377F0683)
_FLOAT = struct.Struct(">d")
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


class Text(bytes):
    """The bytes of a text."""


class PageFile:
    """The pages of a database file, those that its write-ahead log has newer ones of from there."""

    def __init__(self, path: Path, log: Path) -> None:
        """``log`` need not exist. Raises ``OSError``."""
        self._file = path.open("rb")
        self._log = log.open("rb") if log.exists() else None
        head = self._file.read(100).ljust(100, b"\0")
        self.page_bytes = _page_bytes(head)
        self.usable_bytes = self.page_bytes - (head[20] if head.startswith(_HEADER) else 0)
        self._newer = _committed(self._log, self.page_bytes) if self._log is not None else {}
        in_file = -(-path.stat().st_size // self.page_bytes)
        self.count = max([in_file, *self._newer])

    def read(self, number: int) -> bytes | None:
        """A page, from 1 on; None where there is none. The last one may be cut, and is filled up with zeros."""
        if not 1 <= number <= self.count:
            return None
        offset = self._newer.get(number)
        if offset is not None and self._log is not None:
            self._log.seek(offset)
            data = self._log.read(self.page_bytes)
        else:
            self._file.seek((number - 1) * self.page_bytes)
            data = self._file.read(self.page_bytes)
        return data.ljust(self.page_bytes, b"\0") if data else None

    def close(self) -> None:
        self._file.close()
        if self._log is not None:
            self._log.close()

    def rows(self) -> Iterator[tuple[int, list[Value]]]:
        """The id and the stored columns of each row in each leaf page that is not given up to the free list."""
        free = self._free()
        for number in range(1, self.count + 1):
            page = self.read(number) if number not in free else None
            if page is not None:
                yield from self._leaf(page, 100 if number == 1 else 0)

    def _free(self) -> set[int]:
        """The pages of the free list, as far as it can be followed: they hold rows that were deleted."""
        head = self.read(1)
        if head is None or not head.startswith(_HEADER):
            return set()
        free: set[int] = set()
        trunk = int.from_bytes(head[32:36], "big")
        while trunk and trunk not in free and (page := self.read(trunk)) is not None:
            free.add(trunk)
            count = min(int.from_bytes(page[4:8], "big"), self.usable_bytes // 4 - 2)
            free.update(struct.unpack_from(f">{count}I", page, 8))
            trunk = int.from_bytes(page[:4], "big")
        return free

    def _leaf(self, page: bytes, start: int) -> Iterator[tuple[int, list[Value]]]:
        if page[start] != _LEAF:
            return
        cells = int.from_bytes(page[start + 3 : start + 5], "big")
        end = start + 8 + 2 * cells
        if end > self.usable_bytes:
            return
        for at in range(start + 8, end, 2):
            offset = int.from_bytes(page[at : at + 2], "big")
            try:
                if end <= offset < self.usable_bytes:
                    yield self._cell(page, offset)
            except (IndexError, ValueError, struct.error):
                continue  # a cell that is damaged costs itself

    def _cell(self, page: bytes, offset: int) -> tuple[int, list[Value]]:
        """A row. Raises ``ValueError`` or ``IndexError`` where it is none."""
        length, offset = _varint(page, offset)
        rowid, offset = _varint(page, offset)
        rowid = rowid - (1 << 64) if rowid >= 1 << 63 else rowid
        local = self._local(length)
        if offset + local > self.usable_bytes:
            raise ValueError("the cell goes beyond its page")
        payload = page[offset : offset + local]
        if local < length:
            payload += self._overflow(int.from_bytes(page[offset + local : offset + local + 4], "big"), length - local)
        return rowid, _record(payload)

    def _local(self, length: int) -> int:
        """How many bytes of a payload are in its cell."""
        most = self.usable_bytes - 35
        if length <= most:
            return length
        least = (self.usable_bytes - 12) * 32 // 255 - 23
        kept = least + (length - least) % (self.usable_bytes - 4)
        return kept if kept <= most else least

    def _overflow(self, number: int, length: int) -> bytes:
        parts: list[bytes] = []
        if length > self.count * self.page_bytes:
            raise ValueError("the row is longer than the file")
        while length > 0:
            page = self.read(number)
            if page is None:
                raise ValueError("the row goes on in a page that is not there")
            parts.append(page[4 : 4 + min(length, self.usable_bytes - 4)])
            length -= len(parts[-1])
            number = int.from_bytes(page[:4], "big")
        return b"".join(parts)


def _page_bytes(head: bytes) -> int:
    said = int.from_bytes(head[16:18], "big")
    said = 65536 if said == 1 else said
    is_power = said >= 512 and said & (said - 1) == 0
    return said if head.startswith(_HEADER) and is_power else _DEFAULT_PAGE


def _committed(log: BinaryIO, page_bytes: int) -> dict[int, int]:
    """Where the newest committed version of each page lies in a write-ahead log, as far as its frames are whole."""
    log.seek(0)
    header = log.read(32)
    magic = int.from_bytes(header[:4], "big")
    if len(header) < 32 or magic not in _WAL_MAGIC or int.from_bytes(header[8:12], "big") != page_bytes:
        return {}
    words = ">" if magic & 1 else "<"
    sums = _checksum(words, header[:24], (0, 0))
    if sums != struct.unpack(">2I", header[24:32]):
        return {}
    newest: dict[int, int] = {}
    pending: dict[int, int] = {}
    offset = 32
    while True:
        log.seek(offset)
        frame = log.read(24 + page_bytes)
        if len(frame) < 24 + page_bytes or frame[8:16] != header[16:24]:
            return newest
        sums = _checksum(words, frame[24:], _checksum(words, frame[:8], sums))
        if sums != struct.unpack(">2I", frame[16:24]):
            return newest
        pending[int.from_bytes(frame[:4], "big")] = offset + 24
        if int.from_bytes(frame[4:8], "big"):  # a commit
            newest.update(pending)
            pending.clear()
        offset += 24 + page_bytes


def _checksum(words: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    numbers = struct.unpack(f"{words}{len(data) // 4}I", data)
    for at in range(0, len(numbers), 2):
        first = (first + numbers[at] + second) & 0xFFFFFFFF
        second = (second + numbers[at + 1] + first) & 0xFFFFFFFF
    return first, second


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    """A number of one to nine bytes and the offset behind it."""
    value = 0
    for at in range(offset, offset + 8):
        byte = data[at]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + 1
    return value << 8 | data[offset + 8], offset + 9


def _record(payload: bytes) -> list[Value]:
    size, offset = _varint(payload, 0)
    types: list[int] = []
    while offset < size:
        kind, offset = _varint(payload, offset)
        types.append(kind)
    values: list[Value] = []
    offset = size
    for kind in types:
        length = _length(kind)
        data = payload[offset : offset + length]
        if len(data) < length:
            raise ValueError("the record is cut")
        values.append(_value(kind, data))
        offset += length
    if offset != len(payload):
        raise ValueError("the record is not as long as it says")
    return values


def _length(kind: int) -> int:
    if kind in (10, 11):
        raise ValueError("no such type of column")
    if kind >= 12:
        return (kind - 12) // 2
    return 8 if kind == 7 else _INTEGER_BYTES.get(kind, 0)


def _value(kind: int, data: bytes) -> Value:
    if kind == 0:
        return None
    if kind in (8, 9):
        return kind - 8
    if kind == 7:
        number: float = _FLOAT.unpack(data)[0]
        return number
    if kind < 7:
        return int.from_bytes(data, "big", signed=True)
    return data if kind % 2 == 0 else Text(data)
