"""``findling diagnostics``: a report for a bug, shown before it is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.cli.session import opened, say
from core.errors import ExitCode


def diagnostics(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE.zip", help="Save the report here.", show_default=False)
    ] = None,
) -> int:
    """Show a report for a bug, without paths or names; with FILE.zip, save it too. Nothing is sent."""
    from core import diagnostics as report

    with opened() as engine:
        text = report.report(engine)
    say(text)
    if file is not None:
        report.save(text, file)
        say(f"saved as {file}")
    return ExitCode.OK
