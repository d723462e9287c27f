"""``findling-desktop`` and ``python -m desktop``.

Spawned children import this module again: nothing here may load Qt or a model's library before ``main`` runs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys

_NO_DISPLAY = 2  # ExitCode.USAGE; importing it would cost the children time


def main() -> int:
    """Parse, check that there is a display, run the window."""
    multiprocessing.freeze_support()
    arguments = _parser().parse_args()
    if not _has_display():
        sys.stderr.write("findling-desktop: there is no display here; use the command line: findling search TEXT\n")
        return _NO_DISPLAY
    from desktop.app import run

    return run(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="findling-desktop",
        description="Find photos, documents, recordings and videos by what is in them.",
    )
    parser.add_argument("paths", nargs="*", metavar="FILE", help="search for files that are similar to these")
    parser.add_argument("--demo", action="store_true", help="open the demo library, which has a home of its own")
    return parser


def _has_display() -> bool:
    if not sys.platform.startswith("linux") or "QT_QPA_PLATFORM" in os.environ:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


if __name__ == "__main__":
    sys.exit(main())
