"""The query child as a process. Light, so that a command can start it before it imports anything else.

What the child imports and loads takes as long as what its engine imports: side by side they take half.
"""

from __future__ import annotations

import functools
from multiprocessing.connection import Connection

from core import cpu
from core.child import Child
from core.config import Folders


def query_child(folders: Folders) -> Child:
    """The child, not started yet. Not niced: somebody waits for it."""
    return Child("query", functools.partial(_serve, folders), threads=cpu.query_threads())


def _serve(folders: Folders, connection: Connection) -> None:
    from core.search.worker import serve_answers

    serve_answers(folders, connection)
