"""Snapshot files: the vectors of a space as they lie in memory, so that a start maps them instead of reading SQLite.

A snapshot is derived and may be deleted at any time. It is written under a new name and renamed when it is whole, and
never changed afterwards: another process may have it mapped, and Windows lets nobody replace what is mapped. In the
order of the file, each part aligned: a header of one page, rows, bits, centre, and the four columns. The header holds
the sizes, the state of the index and the digest of what follows the rows and bits; whether rows are those of the index
is for the reader to check against it.
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from core.search.kernels import Halves, narrow, sign_bits, widen
from core.search.matrix import Base, Columns, View
from core.store.vectors import Mark, VectorRows
from core.types import EmbeddingSpace

logger = logging.getLogger(__name__)

SUFFIX = ".vectors"
_PARTIAL = ".partial"
_MAGIC = b"findling vectors 1\n"
_PAGE = 4096
_ALIGN = 64
_CHUNK = 4096  # rows
_NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
_ABANDONED_S = 24 * 3600  # a partial file as old as this has no writer any more


@dataclass(frozen=True)
class Identity:
    """Which vectors a snapshot is of."""

    index_id: str
    space_id: int
    space: EmbeddingSpace

    @property
    def key(self) -> str:
        """The first part of the file's name."""
        return blake3(msgspec.json.encode(self)).hexdigest()[:24]


class _Header(msgspec.Struct):
    key: str
    count: int
    dim: int
    last_id: int
    removals: int
    digest: str  # blake3 of all after the bits


@dataclass(frozen=True)
class Chunk:
    """Some rows on their way into a snapshot."""

    rows: Halves  # shape (n, dim)
    columns: tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]  # ids, segments, contents, speech

    @classmethod
    def of(cls, stored: VectorRows) -> Chunk:
        columns = (stored.ids, stored.segment_ids, stored.content_ids, stored.speech)
        return cls(narrow(stored.vectors), columns)


def chunks_of(view: View) -> Iterator[Chunk]:
    """The rows of a view that are still there."""
    alive = np.flatnonzero(view.columns.alive)
    columns = view.columns
    for start in range(0, alive.size, _CHUNK):
        at = alive[start : start + _CHUNK]
        of_each = (columns.ids[at], columns.segment_ids[at], columns.content_ids[at], columns.speech[at])
        yield Chunk(view.halves(at), of_each)


def hold(chunks: Iterable[Chunk], space: EmbeddingSpace) -> tuple[Base, Columns]:
    """The same in memory alone, where there is no folder or no room for a file."""
    parts = list(chunks)
    rows = np.concatenate([part.rows for part in parts]) if parts else np.empty((0, space.dim), dtype=np.float16)
    centre = _centre((part.rows for part in parts), space.dim)
    bits = [sign_bits(widen(part.rows), centre) for part in parts]
    joined = np.concatenate(bits) if bits else np.empty((0, _bit_bytes(space.dim)), dtype=np.uint8)
    return Base(rows, joined, centre), Columns.over(*_columns(parts))


def size_bytes(count: int, dim: int) -> int:
    """How large a snapshot of so many vectors is."""
    return _Layout(count, dim).size


def write(folder: Path, identity: Identity, mark: Mark, chunks: Iterable[Chunk]) -> Path:
    """Write a snapshot of the rows; older ones of the space are deleted where nobody holds them.

    Raises ``OSError`` where there is no room, and what ``chunks`` raises; no file is left then.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{identity.key}-{time.time_ns():020d}{SUFFIX}"
    partial = path.with_suffix(_PARTIAL)
    try:
        with os.fdopen(
            os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o600), "r+b"
        ) as file:
            _fill(file, identity, mark, chunks)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    for older in _files(folder, identity.key)[1:]:
        _delete(older)
    return path


def newest(folder: Path, identity: Identity) -> Path | None:
    """The snapshot of a space that was written last."""
    return next(iter(_files(folder, identity.key)), None)


def read(path: Path, identity: Identity) -> tuple[Base, Columns, Mark]:
    """Map a snapshot.

    Raises ``ValueError`` when it is cut, damaged or of other vectors, ``OSError`` when it is gone.
    """
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size < _PAGE:
            raise ValueError("it is cut")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    header = _read_header(mapped[:_PAGE])
    layout = _Layout(header.count, header.dim)
    if header.key != identity.key or header.dim != identity.space.dim:
        raise ValueError("it is of other vectors")
    if len(mapped) != layout.size or blake3(mapped[layout.centre :]).hexdigest() != header.digest:
        raise ValueError("it is cut or damaged")
    count, dim = header.count, header.dim
    base = Base(
        np.frombuffer(mapped, np.float16, count * dim, layout.rows).reshape(count, dim),
        np.frombuffer(mapped, np.uint8, count * _bit_bytes(dim), layout.bits).reshape(count, _bit_bytes(dim)),
        np.frombuffer(mapped, np.float32, dim, layout.centre),
    )
    if hasattr(mapped, "madvise"):
        # Read ahead what every query reads; of the rest, single rows are picked.
        if base.exact:
            mapped.madvise(mmap.MADV_WILLNEED)
        else:
            mapped.madvise(mmap.MADV_RANDOM)
            mapped.madvise(mmap.MADV_WILLNEED, layout.bits // mmap.PAGESIZE * mmap.PAGESIZE)
    ids, segment_ids, content_ids = np.frombuffer(mapped, np.int64, 3 * count, layout.columns).reshape(3, count)
    speech = np.frombuffer(mapped, np.bool_, count, layout.columns + 3 * count * 8)
    return base, Columns.over(ids, segment_ids, content_ids, speech), Mark(header.last_id, header.removals)


def sweep(folder: Path, keys: set[str]) -> None:
    """Delete snapshots of spaces that are gone, and what a killed process left half written."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.suffix == SUFFIX and path.name.partition("-")[0] not in keys:
            _delete(path)
        elif path.suffix == _PARTIAL:
            with contextlib.suppress(FileNotFoundError):  # its writer has just renamed it
                if time.time() - path.stat().st_mtime > _ABANDONED_S:
                    _delete(path)


class _Layout:
    """Where the parts of a file begin, in bytes."""

    def __init__(self, count: int, dim: int) -> None:
        self.rows = _PAGE
        self.bits = _aligned(self.rows + count * dim * 2)
        self.centre = _aligned(self.bits + count * _bit_bytes(dim))
        self.columns = _aligned(self.centre + dim * 4)
        self.size = self.columns + count * (3 * 8 + 1)


def _fill(file: BinaryIO, identity: Identity, mark: Mark, chunks: Iterable[Chunk]) -> None:
    dim = identity.space.dim
    file.write(bytes(_PAGE))
    parts: list[Chunk] = []
    total = np.zeros(dim, dtype=np.float64)
    for chunk in chunks:
        file.write(chunk.rows.tobytes())
        total += widen(chunk.rows).sum(axis=0)
        parts.append(Chunk(chunk.rows[:0], chunk.columns))
    ids, segment_ids, content_ids, speech = _columns(parts)
    count = len(ids)
    centre = np.asarray(total / max(1, count), np.float32)
    layout = _Layout(count, dim)
    _pad(file, layout.bits)
    for start in range(0, count, _CHUNK):
        file.seek(layout.rows + start * dim * 2)
        rows = np.frombuffer(file.read(min(_CHUNK, count - start) * dim * 2), np.float16).reshape(-1, dim)
        file.seek(layout.bits + start * _bit_bytes(dim))
        file.write(sign_bits(widen(rows), centre).tobytes())
    _pad(file, layout.centre)
    rest = [centre.tobytes(), bytes(layout.columns - layout.centre - dim * 4)]
    rest.extend(column.tobytes() for column in (ids, segment_ids, content_ids, speech))
    digest = blake3(b"".join(rest)).hexdigest()
    file.writelines(rest)
    file.seek(0)
    header = msgspec.json.encode(_Header(identity.key, count, dim, mark.last_id, mark.removals, digest))
    file.write(_MAGIC + blake3(header).hexdigest().encode() + b"\n" + header + b"\n")


def _read_header(page: bytes) -> _Header:
    magic, digest, header = page.split(b"\n", 3)[:3]
    if magic + b"\n" != _MAGIC or blake3(header).hexdigest().encode() != digest:
        raise ValueError("its header is damaged")
    try:
        stated = msgspec.json.decode(header, type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError("its header is of another form") from error
    if min(stated.count, stated.dim, stated.last_id, stated.removals) < 0:
        raise ValueError("its header counts below nothing")
    return stated


def _columns(parts: list[Chunk]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    kinds: tuple[Any, ...] = (np.int64, np.int64, np.int64, np.bool_)
    ids, segment_ids, content_ids, speech = (
        np.concatenate([np.empty(0, dtype=kind), *(part.columns[at] for part in parts)])
        for at, kind in enumerate(kinds)
    )
    return ids, segment_ids, content_ids, speech


def _centre(parts: Iterable[Halves], dim: int) -> NDArray[np.float32]:
    total, count = np.zeros(dim, dtype=np.float64), 0
    for rows in parts:
        total += widen(rows).sum(axis=0)
        count += len(rows)
    return np.asarray(total / max(1, count), np.float32)


def _bit_bytes(dim: int) -> int:
    return (dim + 7) // 8


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGN) * _ALIGN


def _pad(file: BinaryIO, end: int) -> None:
    file.seek(0, os.SEEK_END)
    file.write(bytes(end - file.tell()))


def _files(folder: Path, key: str) -> list[Path]:
    """The snapshots of a space, the newest first."""
    return sorted(folder.glob(f"{key}-*{SUFFIX}"), reverse=True)


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:  # Windows, while another process has it mapped: the next writer tries again
        logger.debug("a snapshot stays for now: %s", error)
