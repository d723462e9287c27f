"""What every command shares: the engine's life, the two streams, and errors as one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING

from rich.console import Console
from typer import Abort
from typer.exceptions import TyperException

from core import log
from core.cli.wording import printable
from core.display import display_path
from core.errors import Cancelled, ExitCode, FindlingError
from core.room import FULL

if TYPE_CHECKING:
    from core.config import Settings
    from core.engine import Engine

# Beside the contract's codes, by the shell's and sysexits' conventions.
INTERRUPTED = 130
PIPE_CLOSED = 141
INTERNAL_ERROR = 70


@contextmanager
def opened(settings: Settings | None = None) -> Iterator[Engine]:
    """The engine, closed again however the command ends."""
    from core.engine import Engine  # here, so that --help and usage errors need not wait for it

    engine = Engine.open(settings)
    try:
        _tell(engine)
        yield engine
    finally:
        engine.close()


@contextmanager
def opened_to_index() -> Iterator[Engine]:
    """The same for what runs long and unseen: its log is kept beside the window's."""
    with opened() as engine:
        handler = log.log_to_file(engine.settings.folders, "index")
        try:
            yield engine
        finally:
            log.stop_logging_to(handler)


@contextmanager
def opened_to_search() -> Iterator[Engine]:
    """The same, around a query child that was started while the engine was imported."""
    from core.cli.early import settings_and_child

    settings, child = settings_and_child()
    try:
        from core.engine import Engine

        engine = Engine.open(settings, query_child=child)
        try:
            _tell(engine)
            yield engine
        finally:
            engine.close()
    finally:
        child.close()


def _tell(engine: Engine) -> None:
    """What a person should know of how the index was opened."""
    for note in engine.notices:
        complain(note)


def out() -> Console:
    # No markup, emoji or highlighting: what is printed is not ours.
    return Console(markup=False, emoji=False, highlight=False, soft_wrap=True)


def err() -> Console:
    return Console(markup=False, emoji=False, highlight=False, soft_wrap=True, stderr=True)


def say(line: str) -> None:
    """One line on the standard output, as it is."""
    sys.stdout.write(f"{line}\n")


def complain(message: str) -> None:
    """One line on the error stream."""
    sys.stderr.write(f"findling: {printable(message)}\n")
    sys.stderr.flush()


def set_up_streams() -> None:
    """Let no file name break printing, whatever the terminal's encoding."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def set_up_logging(verbose: bool) -> None:
    """Everything on the error stream with ``--verbose``, nothing without: errors are told by the commands."""
    log.log_nowhere()
    if verbose:
        log.log_to_stream(sys.stderr)


def guarded(command: Callable[[], object], *, verbose: bool) -> int:
    """Run ``command`` and turn whatever it raises into one line and an exit code."""
    try:
        code = command()
        sys.stdout.flush()
    except FindlingError as error:
        complain(str(error))
        return _more(error if verbose else None, error.exit_code)
    except TyperException as error:
        complain(" ".join(error.format_message().split()))
        return ExitCode.USAGE
    except (Abort, Cancelled, KeyboardInterrupt):
        complain("stopped")
        return INTERRUPTED
    except (SystemExit, BrokenPipeError):
        # typer and rich raise SystemExit where the reader of our output has gone, as `| head` does.
        return _output_closed()
    except Exception as error:  # noqa: BLE001 - the last place where our own bug can still be told in one line
        if isinstance(error, OSError) and error.errno in FULL:
            return _no_room(error, verbose=verbose)
        hint = "" if verbose else "; run with --verbose"
        # Not its message, which may quote a file or the query: a service's error stream ends up in a journal.
        complain(f"internal error: {log.origin(error)}{hint}")
        return _more(error if verbose else None, INTERNAL_ERROR)
    return code if isinstance(code, int) else ExitCode.OK


def _more(error: Exception | None, code: int) -> int:
    if error is not None:
        complain(log.told(error))
    return int(code)


def _no_room(error: OSError, *, verbose: bool) -> int:
    """A full disk that is nobody else's to tell of: mostly that of the file which our output goes to."""
    where = "the output" if error.filename is None else display_path(error.filename)
    complain(f"{where} cannot be written: {error.strerror}; make room there and try again")
    if error.filename is None:
        _output_closed()
    return _more(error if verbose else None, ExitCode.INDEX_UNAVAILABLE)


def _output_closed() -> int:
    # The interpreter flushes once more on its way out, and must not fail there again.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return PIPE_CLOSED
