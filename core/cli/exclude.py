"""``findling exclude``: what is passed over, in one folder or in all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from core.cli import shapes, wording
from core.cli.session import opened, say
from core.errors import UsageError
from core.wording import plural


def exclude(
    folder: Annotated[
        Path | None, typer.Argument(help="A watched folder; without one, all of them.", show_default=False)
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Pass over what matches, as in a .gitignore: *.bak, Private/, /Scans/old, !keep.bak.",
        ),
    ] = None,
    remove: Annotated[list[str] | None, typer.Option(metavar="PATTERN", help="Take a pattern back.")] = None,
    show: Annotated[
        bool, typer.Option("--list", help="Print the patterns; without other options this is done.")
    ] = False,
    defaults: Annotated[bool, typer.Option("--defaults", help="Print what is passed over anyway.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is passed over. What is newly passed over leaves the index at once."""
    from core.watch.excluded import DEFAULTS

    with opened() as engine:
        patterns = list(engine.excludes().patterns(folder))
        left = 0
        if add or remove:
            patterns = _changed(patterns, add or [], remove or [])
            left = engine.excludes().count(folder, patterns)
            engine.excludes().change(folder, patterns)
            patterns = list(engine.excludes().patterns(folder))
    if as_json:
        say(shapes.dumps(shapes.exclude_shape(folder, patterns, left, DEFAULTS)))
        return
    if add or remove:
        say(f"{plural(left, 'file')} {'leaves' if left == 1 else 'leave'} the index")
    if show or defaults or not (add or remove):
        for pattern in (*(DEFAULTS if defaults else ()), *patterns):
            say(wording.printable(pattern))
    if not (add or remove or defaults or patterns):
        whose = os.fspath(folder) if folder is not None else "All folders"
        say(wording.printable(f"{whose}: no patterns beyond the defaults, which findling exclude --defaults shows"))


def _changed(patterns: list[str], add: list[str], remove: list[str]) -> list[str]:
    """The patterns with some more and some fewer. Raises ``UsageError`` for one to remove that is not there."""
    for pattern in remove:
        if pattern not in patterns:
            raise UsageError(f"“{pattern}” is not among the patterns: findling exclude --list shows them")
        patterns.remove(pattern)
    return patterns + [pattern for pattern in add if pattern not in patterns]
