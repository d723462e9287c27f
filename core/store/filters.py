"""A query's filters as SQL over ``files f``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.types import Kind

Bindings = list[bytes | str | int]


@dataclass(frozen=True)
class FileFilter:
    """Which files may be found. ``before`` is exclusive; ``folder`` is ``os.fsencode`` without a trailing slash."""

    kinds: frozenset[Kind] = frozenset()
    folder: bytes | None = None
    after: date | None = None
    before: date | None = None

    @property
    def empty(self) -> bool:
        return self == FileFilter()

    @property
    def place(self) -> FileFilter | None:
        """The part of it that an index answers by one range: the folder, else the dates; None if there is neither."""
        if self.folder is not None:
            return FileFilter(folder=self.folder)
        if self.after is not None or self.before is not None:
            return FileFilter(after=self.after, before=self.before)
        return None

    def sql(self) -> tuple[str, Bindings]:
        """A condition over ``files f`` and its bindings; ``1`` when everything may be found."""
        conditions: list[str] = []
        bindings: Bindings = []
        if self.kinds:
            conditions.append(f"f.kind IN ({', '.join('?' * len(self.kinds))})")
            bindings.extend(sorted(self.kinds))
        if self.folder is not None:
            condition, bounds = under("f.path", self.folder)
            conditions.append(condition)
            bindings.extend(bounds)
        if self.after is not None:
            conditions.append("f.day >= ?")
            bindings.append(self.after.isoformat())
        if self.before is not None:
            conditions.append("f.day < ?")
            bindings.append(self.before.isoformat())
        return (" AND ".join(conditions) or "1", bindings)


def _with_separator(folder: bytes) -> bytes:
    # Windows paths come with backslashes; a drive's root ("C:\\", "/") already ends with its separator.
    separator = b"\\" if b"\\" in folder and b"/" not in folder else b"/"
    return folder.rstrip(b"/\\") + separator


def is_under(path: bytes, folder: bytes) -> bool:
    """Whether ``path`` lies below ``folder``; a folder is not below itself."""
    return path != folder and path.startswith(_with_separator(folder))


def under(column: str, folder: bytes) -> tuple[str, list[bytes]]:
    """A condition for paths below ``folder``, as a range so that the index on paths serves it."""
    prefix = _with_separator(folder)
    # The byte after the separator ends the range: every path below sorts between the two.
    return f"{column} >= ? AND {column} < ?", [prefix, prefix[:-1] + bytes([prefix[-1] + 1])]
