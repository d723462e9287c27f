"""A real limit on the size of files, which stands for a full disk at a chosen byte."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limited(size_bytes: int) -> Iterator[None]:
    """No file of this process, nor of those that it starts meanwhile, becomes larger (``ulimit -f``)."""
    import resource  # here: Windows has none, and skips what needs it

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
