"""Requests about roots that the window or another process has left in the index."""

from __future__ import annotations

import logging
import os

from core.store.roots import Verb
from core.store.store import Store

logger = logging.getLogger(__name__)


def apply_requests(store: Store) -> bool:
    """Carry out what was asked, oldest first; whether there was anything.

    Each is struck off when it is done; one that a sudden end cuts short is carried out again, which does no harm.
    Only the process that holds the writer's lock calls this.
    """
    requests = store.roots.requests()
    for request in requests:
        if request.verb is Verb.ADD:
            store.roots.add(request.path)
        else:
            root = store.roots.by_path(request.path)
            if root is not None:
                store.roots.remove(root.id)
        store.roots.clear_request(request.id)
        logger.info("root %s: %s", request.verb, os.fsdecode(request.path))
    return bool(requests)
