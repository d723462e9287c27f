"""``findling doctor`` and ``findling forget``: keeping the index well, and taking out of it what shall be forgotten."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli import shapes, wording
from core.cli.progress import steps_bar
from core.cli.session import complain, err, opened, say
from core.errors import ExitCode, UsageError
from core.wording import to_forget_lines

if TYPE_CHECKING:
    from core.store.forget import Remembered

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Repair what can be repaired.")] = False,
    as_json: Json = False,
) -> int:
    """Look for faults in the index, the folders and the models."""
    with opened() as engine, steps_bar(err()) as draw:

        def on_step(what: str, done: int, total: int) -> None:
            if draw is not None:
                draw(done, total, what)

        repaired, checks = engine.care.repair(on_step) if repair else (None, engine.care.check(on_step))
    if as_json:
        say(shapes.dumps(shapes.doctor_shape(checks, repaired)))
    else:
        for line in repaired or ():
            say(f"{'done':<6} {wording.printable(line)}")
        for check in checks:
            say(wording.check_line(check))
        if not repair and not all(check.ok for check in checks):
            complain("findling doctor --repair repairs what can be repaired")
    return ExitCode.OK if all(check.ok for check in checks) else ExitCode.INDEX_UNAVAILABLE


def forget(
    path: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder or a file.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> int:
    """Remove every trace of a folder or file from the index; the files themselves are not touched."""
    with opened() as engine:
        about = engine.care.remembered(path)
        if not yes:
            _ask(path, about)
        done = engine.care.forget(path)
    if as_json:
        say(shapes.dumps(shapes.forget_shape(path, about, done)))
    elif not done:
        complain("the process that indexes does it when it comes to it: findling status says which one that is")
    else:
        for line in wording.forgotten_lines(path, about):
            say(line)
    return ExitCode.OK


def _ask(path: Path, about: Remembered) -> None:
    """Raises ``UsageError`` where there is nobody to ask, and ``typer.Abort`` after a no."""
    for line in to_forget_lines(path, about):
        sys.stderr.write(f"{line}\n")
    if not sys.stdin.isatty():
        raise UsageError("say --yes to forget it")
    typer.confirm("Forget it?", abort=True, err=True)
