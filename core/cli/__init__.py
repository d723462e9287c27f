"""The command line: parse, call the engine, print.

Nothing is imported here: the ``findling`` script is the main module, which every spawned child imports again.
"""

from __future__ import annotations


def main(arguments: list[str] | None = None) -> int:
    """Run one command, by default that of ``sys.argv``. Returns its exit code, one of ``core.errors.ExitCode``."""
    import multiprocessing

    multiprocessing.freeze_support()  # in a frozen app the children start here

    from core.cli import early

    early.start(arguments)

    from core.cli.app import run

    return run(arguments)
