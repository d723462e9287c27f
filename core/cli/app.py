"""The commands and their options: the contract of ``findling``."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from enum import StrEnum
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli import shapes, wording
from core.cli.care import doctor, forget
from core.cli.exclude import exclude
from core.cli.models import models_app, prepare_now
from core.cli.progress import index_bar, stoppable
from core.cli.report import diagnostics
from core.cli.session import (
    complain,
    err,
    guarded,
    opened,
    opened_to_index,
    opened_to_search,
    out,
    say,
    set_up_logging,
    set_up_streams,
)
from core.errors import ExitCode, FolderError, IndexBusyError, UsageError
from core.types import Kind, Query, SearchResult
from core.wording import plural

if TYPE_CHECKING:
    from core.engine import Engine

app = typer.Typer(
    name="findling",
    help="Finds photos, documents, recordings and videos in your own folders by what is in them.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(models_app, name="models")
app.command()(diagnostics)
app.command()(doctor)
app.command()(exclude)
app.command()(forget)


class SearchKind(StrEnum):
    """What ``--kind`` takes."""

    PHOTO = "photo"
    DOCUMENT = "document"
    AUDIO = "audio"
    VIDEO = "video"


def parse_day(text: str) -> date:
    """``2023``, ``2023-06`` or ``2023-06-21`` as the first day that it names. Raises ``typer.BadParameter``."""
    parts = text.split("-")
    try:
        if not 1 <= len(parts) <= 3 or len(parts[0]) != 4:
            raise ValueError(text)
        year, month, day = (int(part) for part in (*parts, "1", "1")[:3])
        return date(year, month, day)
    except ValueError as error:
        raise typer.BadParameter(f"{text} is not a date such as 2023, 2023-06 or 2023-06-21") from error


Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option("-n", min=1, help="At most so many files.")]
Folders = Annotated[list[Path], typer.Argument(metavar="FOLDER...", show_default=False)]


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say more on the error stream; any command takes it.")] = (
        False
    ),
) -> None:
    set_up_logging(verbose)
    if show_version:
        say(f"findling {installed_version('findling')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        say(context.get_help())
        raise typer.Exit(ExitCode.USAGE)


@app.command()
def add(folders: Folders) -> int:
    """Watch folders from now on; the next index or watch reads them."""
    with opened() as engine:
        return ExitCode.USAGE if _add(engine, folders) else ExitCode.OK


@app.command()
def remove(folder: Annotated[Path, typer.Argument(show_default=False)]) -> None:
    """Forget a folder; the folder itself is not touched."""
    with opened() as engine:
        engine.remove_root(folder)


@app.command()
def roots(as_json: Json = False) -> None:
    """List the watched folders."""
    with opened() as engine:
        found = engine.roots()
    if as_json:
        say(shapes.dumps(shapes.roots_shape(found)))
        return
    for status in found:
        for line in wording.root_lines(status):
            say(line)
    if not found:
        say("No folder is watched yet: findling index FOLDER")


@app.command()
def index(
    folders: Annotated[list[Path] | None, typer.Argument(metavar="FOLDER...", show_default=False)] = None,
    gentle: Annotated[
        bool, typer.Option("--gentle", help="Keep to the settings' share of the processor; wait on battery.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Take out of the index what is missing in these folders, however much it is.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Add the folders and work until nothing is left."""
    with opened_to_index() as engine:
        refused = _add(engine, folders or [])
        if folders and refused == len(folders):
            return ExitCode.USAGE
        allowed = (folders or [Path(os.fsdecode(status.root.path)) for status in engine.roots()]) if yes else []
        try:
            with stoppable() as stop, index_bar(err()) as on_progress:
                report = engine.index(on_progress=on_progress, cancel=stop.token, gentle=gentle, allow_removals=allowed)
        except IndexBusyError:
            for folder in allowed:
                engine.allow_removals(folder)  # the process that indexes takes out what it has asked about
            raise
        if not report.cancelled:
            for name in engine.models_to_prepare():
                prepare_now(engine, name)
    if as_json:
        say(shapes.dumps(shapes.report_shape(report)))
    else:
        for line in wording.report_lines(report):
            say(line)
    if report.cancelled:
        return stop.exit_code
    for withheld in report.withheld:
        complain(wording.withheld_line(withheld.path, withheld.missing, withheld.files))
    for line in wording.overlooked_lines(report):
        complain(line)
    if report.withheld:
        return ExitCode.USAGE  # a yes is needed
    if report.failed or report.unreadable:
        return ExitCode.DONE_WITH_FAILURES
    return ExitCode.USAGE if refused else ExitCode.OK


@app.command()
def watch() -> None:
    """Index, then follow changes until Ctrl-C."""
    with opened_to_index() as engine, stoppable() as stop, index_bar(err()) as on_progress:
        engine.watch(on_progress=on_progress, cancel=stop.token)


@app.command()
def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", show_default=False)] = "",
    like: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="An example; may be repeated.")] = None,
    kind: Annotated[list[SearchKind] | None, typer.Option(help="Only this kind; may be repeated.")] = None,
    folder: Annotated[Path | None, typer.Option("--in", metavar="FOLDER", help="Only in this folder.")] = None,
    after: Annotated[
        date | None, typer.Option(parser=parse_day, metavar="DATE", help="From this day, month or year on.")
    ] = None,
    before: Annotated[
        date | None, typer.Option(parser=parse_day, metavar="DATE", help="Before this day, month or year.")
    ] = None,
    limit: Limit = 20,
    include_all: Annotated[bool, typer.Option("--all", help="Weak matches too.")] = False,
    as_json: Json = False,
) -> int:
    """Search by words, by example files, or by both."""
    query = Query(
        text=text,
        like=tuple(like or ()),
        kinds=frozenset(Kind(one.value) for one in kind or ()),
        folder=folder,
        after=after,
        before=before,
        limit=limit,
        include_gated=include_all,
    )
    return _search(query, as_json)


@app.command()
def similar(
    file: Annotated[Path, typer.Argument(show_default=False)],
    limit: Limit = 20,
    as_json: Json = False,
) -> int:
    """Search by an example file: the same as search --like FILE."""
    return _search(Query(like=(file,), limit=limit), as_json)


@app.command()
def status(as_json: Json = False) -> None:
    """Say what is in the index and what is left to do."""
    with opened() as engine:
        found = engine.status()
    if as_json:
        say(shapes.dumps(shapes.status_shape(found)))
        return
    for line in wording.status_lines(found):
        say(line)


@app.command()
def failures(
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="Only these.")] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try them again at the next index or watch.")] = False,
    as_json: Json = False,
) -> None:
    """List the files that could not be read, and why."""
    with opened() as engine:
        found = engine.failures()
        if files:
            meant = {os.fsencode(file.absolute()) for file in files}
            found = [failure for failure in found if failure.path in meant]
            if strangers := sorted(meant - {failure.path for failure in found}):
                raise UsageError("not among the files that could not be read", path=strangers[0])
        if retry:
            engine.retry_failed([failure.path for failure in found] if files else None)
    if as_json:
        say(shapes.dumps(shapes.failures_shape(found)))
        return
    for failure in found:
        say(wording.failure_line(failure))
    failed = sum(not failure.skipped for failure in found)
    if retry:
        say(f"{plural(failed, 'file')} will be tried again at the next findling index or watch")
    elif not found:
        say("Every file could be read.")


@app.command()
def demo(tour: Annotated[bool, typer.Option("--tour", help="In the terminal, with a dozen queries.")] = False) -> int:
    """Show Findling on a small library of its own."""
    if tour:
        from core.cli.tour import show_tour

        return show_tour()
    # Another process: Qt and the engine's command line never share one. -P keeps the current folder off its path.
    return subprocess.run([sys.executable, "-P", "-m", "desktop", "--demo"], check=False).returncode


def _add(engine: Engine, folders: list[Path]) -> int:
    """Add each folder, naming those that cannot be; how many those are."""
    refused = 0
    for folder in folders:
        try:
            engine.add_root(folder)
        except FolderError as error:
            complain(str(error))
            refused += 1
    return refused


def _search(query: Query, as_json: bool) -> int:
    if query.empty:
        raise UsageError("say what to search for: some words, or --like FILE")
    with opened_to_search() as engine:
        result = engine.search(query)
        # Shown before the engine's processes are ended, which takes a moment.
        if as_json:
            say(shapes.dumps(shapes.search_shape(result)))
        else:
            _print_hits(result)
        sys.stdout.flush()
    return ExitCode.OK if result.hits else ExitCode.NOTHING_FOUND


def _print_hits(result: SearchResult) -> None:
    console = out()
    for rank, hit in enumerate(result.hits, start=1):
        if console.is_terminal:
            for line in wording.hit_lines(rank, hit):
                console.print(line)
        else:
            say(wording.hit_line(hit))
    for note in result.notes:
        complain(note)
    weak = f"{plural(result.hidden, 'weaker file')} with --all" if result.hidden else ""
    if not result.hits:
        complain(f"Nothing here matches{'; ' + weak if weak else ''}")
    elif weak and console.is_terminal:
        console.print(weak, style="dim")


def verbose_first(arguments: list[str]) -> tuple[list[str], bool]:
    """Move ``--verbose`` to the front, so that it may stand anywhere before ``--``; whether it was there."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    kept = [argument for argument in arguments[:end] if argument != "--verbose"]
    verbose = len(kept) < end
    return (["--verbose"] if verbose else []) + kept + arguments[end:], verbose


def run(arguments: list[str] | None = None) -> int:
    """Run one command, by default that of ``sys.argv``; its exit code. Raises nothing."""
    set_up_streams()
    ordered, verbose = verbose_first(sys.argv[1:] if arguments is None else arguments)
    return guarded(lambda: app(ordered, prog_name="findling", standalone_mode=False), verbose=verbose)
