"""What a search waits for longest, started before the command line itself is imported.

The query child imports as much as the engine and the command line do. Beside them, on a second core, it is ready when
they are.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.child import Child
    from core.config import Settings

_SEARCHES = frozenset({"search", "similar"})

_started: tuple[Settings, Child] | None = None


def start(arguments: Sequence[str] | None) -> None:
    """Start the query child if the command is going to search; its own errors are left to the command to tell."""
    global _started
    words = sys.argv[1:] if arguments is None else arguments
    command = next((word for word in words if not word.startswith("-")), None)
    if command in _SEARCHES:
        # Nothing is multiplied in this process, and at import OpenBLAS's threads spin for a twentieth of a second on a
        # core that the child could use.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from core.errors import FindlingError

        try:
            _started = settings_and_child()
        except FindlingError:
            _started = None  # settings that cannot be read: the command reads them again, and says so


def settings_and_child() -> tuple[Settings, Child]:
    """The settings and the running query child, those of ``start`` where it has started one.

    Raises ``SettingsError``.
    """
    global _started
    if _started is not None:
        found, _started = _started, None
        return found
    from core.config import load_settings
    from core.search.query_child import query_child

    settings = load_settings()
    child = query_child(settings.folders)
    child.start()
    return settings, child
