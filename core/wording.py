"""What the command line and the window say alike: plain lines, each fit to be shown as it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from core.display import display_path

if TYPE_CHECKING:
    from core.store.forget import Remembered


def plural(count: int, noun: str) -> str:
    """A count with its noun, as ``1,234 files``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def to_forget_lines(path: str | bytes | os.PathLike[str], about: Remembered) -> list[str]:
    """What forgetting a file or folder takes away, and what it leaves."""
    kept = f", {about.deleted:,} deleted ones remembered" if about.deleted else ""
    lines = [f"{display_path(path)}: {plural(about.files, 'file')} in the index{kept}"]
    lines += [f"{display_path(root)} will not be watched any more" for root in about.roots]
    lines += [
        f"it will be excluded from {display_path(root)}, by a pattern that names it" for root in about.excluded_from
    ]
    if about.set_aside:
        lines.append(f"{plural(about.set_aside, 'file')} of a damaged index, which may hold it, will be deleted")
    return lines


def forgotten_line(path: str | bytes | os.PathLike[str], about: Remembered) -> str:
    """What was forgotten."""
    return f"forgot {plural(about.files + about.deleted, 'file')} of {display_path(path)}"
