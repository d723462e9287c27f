"""The arithmetic over vectors in memory: float16 rows, sign bits, and the best of many scores.

NumPy turns float16 into float32 in software, element by element (20 ns each on x86-64 without AVX-512), so it is never
asked to: numkong's kernels read float16 as it lies in memory, and where numkong cannot be loaded the bits are moved by
integer arithmetic on blocks that stay in the processor's cache, at a third of the speed.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cpu import query_threads
from core.types import Matrix, Vector

logger = logging.getLogger(__name__)

Halves = NDArray[np.float16]  # shape (n, dim)
Bits = NDArray[np.uint8]  # shape (n, ceil(dim / 8)), as ``numpy.packbits`` packs signs
Floats = NDArray[np.float32]

_LEAST_SHARE = 4096  # rows below which handing a share to another thread costs more than it gains
_BLOCK_BYTES = 400_000  # of float32, so that a block and what is made of it stay in a second-level cache
_SIGN_AND_VALUE = np.int32(-0x70002000)  # 0x8FFFE000: the copies that widening to 32 bits makes of the sign go
_EXPONENT_STEP = np.float32(2.0**112)
_SAMPLED = 64  # one score in so many tells where the best ones begin


def dots(rows: Halves, query: Vector) -> Floats:
    """The dot product of each float16 row with a float32 query, float32, shape (n,).

    The query is rounded to float16 for numkong, which moves a cosine by at most 5e-4 (Cauchy-Schwarz; 5e-5 seen).
    """
    return _in_shares(_dots_share, rows, query)


def hammings(rows: Bits, query: NDArray[np.uint8]) -> Floats:
    """In how many bits each row differs from ``query``, float32, shape (n,)."""
    return _in_shares(_hammings_share, rows, query)


def widen(rows: Halves) -> Matrix:
    """Finite float16 to float32, any shape, exactly.

    The bits of a float16, moved into place, are a float32 whose exponent is 112 too low.
    """
    bits = rows.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= _SIGN_AND_VALUE
    wide = bits.view(np.float32)
    wide *= _EXPONENT_STEP
    return wide


def narrow(rows: Matrix) -> Halves:
    """float32 to float16, rounded to nearest, any shape."""
    numkong = _numkong()
    if numkong is None:
        return rows.astype(np.float16)
    return np.asarray(numkong.Tensor(np.ascontiguousarray(rows)).astype("float16"), dtype=np.float16)


def sign_bits(rows: Matrix, centre: Vector) -> Bits:
    """The signs of rows about a centre, shape (n, ceil(dim / 8))."""
    return np.packbits(rows > centre, axis=1)


def descending(values: Floats, first: int = 512, growth: int = 4) -> Iterator[NDArray[np.int64]]:
    """Positions of all values above minus infinity in blocks of growing size, every one above what follows it.

    The order inside a block is not defined.
    """
    floor, best = _best(values, first)
    if best.size:
        yield best
    count = first
    while floor > -np.inf:
        ceiling, count = floor, count * growth
        floor, best = _best(values, count)
        block = best[values[best] < ceiling]
        if block.size:
            yield block


def _best(values: Floats, count: int) -> tuple[float, NDArray[np.int64]]:
    """At least ``count`` of the greatest values, and not many more: the least of them, and their positions.

    All above minus infinity, and minus infinity, where there are fewer.
    """
    # Of a 64th of the values the best ones tell about where the floor lies, so that the sort sees few.
    sample = values[::_SAMPLED]
    rank = 2 * count // _SAMPLED + 8
    guess = np.partition(sample, -rank)[-rank] if rank < sample.size else -np.inf
    above = np.flatnonzero(values >= guess) if guess > -np.inf else np.flatnonzero(values > -np.inf)
    if guess > -np.inf and above.size < count:
        above = np.flatnonzero(values > -np.inf)
    if above.size <= count:
        return -np.inf, above
    scores = values[above]
    floor = float(np.partition(scores, -count)[-count])
    return floor, above[scores >= floor]


def _dots_share(rows: Halves, query: Vector, out: Floats) -> None:
    numkong = _numkong()
    if numkong is not None:
        out[:] = np.asarray(numkong.cdist(query.astype(np.float16)[None], rows, "dot"))[0]
        return
    step = max(1, _BLOCK_BYTES // (4 * rows.shape[1]))
    for start in range(0, len(rows), step):
        np.dot(widen(rows[start : start + step]), query, out=out[start : start + step])


def _hammings_share(rows: Bits, query: NDArray[np.uint8], out: Floats) -> None:
    numkong = _numkong()
    if numkong is not None:
        out[:] = np.asarray(numkong.cdist(query[None], rows, "hamming", dtype="uint1"))[0]
        return
    step = max(1, _BLOCK_BYTES // rows.shape[1])
    for start in range(0, len(rows), step):
        np.bitwise_count(rows[start : start + step] ^ query).sum(axis=1, out=out[start : start + step])


def _in_shares(
    kernel: Callable[[NDArray[Any], NDArray[Any], Floats], None], rows: NDArray[Any], query: NDArray[Any]
) -> Floats:
    """Run a kernel over shares of the rows, one a thread: the kernels leave the interpreter to the others."""
    count = len(rows)
    out = np.empty(count, dtype=np.float32)
    if not count:
        return out
    shares = min(query_threads(), max(1, count // _LEAST_SHARE))
    edges = [count * share // shares for share in range(shares + 1)]
    pairs = list(pairwise(edges))
    waiting = [_pool().submit(kernel, rows[start:end], query, out[start:end]) for start, end in pairs[1:]]
    start, end = pairs[0]
    kernel(rows[start:end], query, out[start:end])
    for future in waiting:
        future.result()
    return out


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, query_threads() - 1), thread_name_prefix="vectors")


@cache
def _numkong() -> Any:
    """The library of kernels, None on a platform that it has no wheel for."""
    try:
        return importlib.import_module("numkong")
    except ImportError as error:
        logger.info("vectors are searched without numkong: %s", error)
        return None
