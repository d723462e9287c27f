"""Which files this process opens."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Openings:
    """An audit hook of the interpreter, which cannot be taken back and therefore is made once."""

    def __init__(self) -> None:
        self.paths: set[bytes] | None = None
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and self.paths is not None and isinstance(arguments[0], str | bytes):
            self.paths.add(os.fsencode(arguments[0]))


_openings = _Openings()


@contextmanager
def noted_openings() -> Iterator[set[bytes]]:
    """The paths that Python code of this process opens meanwhile, in any thread."""
    _openings.paths = paths = set()
    try:
        yield paths
    finally:
        _openings.paths = None
