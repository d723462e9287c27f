"""The query child as a process. Light, so that a command can start it before it imports anything else.

What the child imports and loads takes as long as what its engine imports: side by side they take half.
"""

from __future__ import annotations

import functools
import os
from multiprocessing.connection import Connection

from core import cpu
from core.child import Child
from core.config import Folders

_BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def query_child(folders: Folders) -> Child:
    """The child, not started yet. Not niced: somebody waits for it."""
    return Child("query", functools.partial(_serve, folders), threads=cpu.query_threads())


def _serve(folders: Folders, connection: Connection) -> None:
    # Its matrix products are small, and threads that wait for the next one by spinning take the processor from those
    # that read the vectors: with one thread the slowest answers beside other work took two fifths of the time.
    os.environ.update(dict.fromkeys(_BLAS_THREADS, "1"))  # before numpy is imported
    from core.models.early import EarlyTowers

    early = EarlyTowers(folders)
    from core.search.worker import serve_answers  # meanwhile

    try:
        serve_answers(folders, early, connection)
    finally:
        if early.loading:  # a thread inside of OpenVINO would end an orderly way out with an abort, and say so
            os._exit(0)
