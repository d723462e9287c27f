"""Requests about roots that the window or another process has left in the index."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass, field

from core.cancel import CancelToken
from core.store.forget import finish_when_idle, take_out
from core.store.roots import Request, RootRow, Verb
from core.store.store import Store
from core.watch.departures import hidden_files, purge
from core.watch.excluded import excluded_below

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Applied:
    """What was carried out: the roots that must be scanned for it, and those that may lose so many files in that."""

    any: bool
    scan: frozenset[bytes] = frozenset()
    told: dict[bytes, int | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.any


def apply_requests(store: Store, exclude: tuple[str, ...] = ()) -> Applied:
    """Carry out what was asked, oldest first. ``exclude`` are the settings' patterns of what is passed over.

    Each is struck off when it is done; one that a sudden end cuts short is carried out again, which does no harm.
    Only the process that holds the writer's lock calls this.
    """
    requests = store.roots.requests()
    scan: set[bytes] = set()
    told: dict[bytes, int | None] = {}
    for request in requests:
        scan |= _apply(store, request, exclude)
        if request.verb is Verb.ALLOW:
            told[request.path] = int(request.argument or 0)
        store.roots.clear_request(request.id)
        if request.verb is Verb.FORGET:  # where there is no room for that now, other work goes on all the same
            finish_when_idle(store, CancelToken())
        else:
            logger.info("root %s: %s", request.verb, os.fsdecode(request.path))
    return Applied(bool(requests), frozenset(scan), told)


def purge_excluded(store: Store, root: RootRow, exclude: tuple[str, ...]) -> int:
    """Forget what is excluded by now of a root, deleted files too, without a look at the disk; how many files."""
    hidden = excluded_files(store, root, exclude + root.excludes)
    covers = excluded_below(root.path, exclude + root.excludes).covers
    purge(store, hidden + [one.file_id for one in store.tombstones.of_root(root.id) if covers(one.path)])
    return len(hidden)


def excluded_files(store: Store, root: RootRow, patterns: tuple[str, ...]) -> list[int]:
    """The ids of a root's files that would leave the index under these patterns."""
    return hidden_files(store, root, excluded_below(root.path, patterns))


def _apply(store: Store, request: Request, exclude: tuple[str, ...]) -> set[bytes]:
    """Carry one out; the roots, by path, that must be scanned for it."""
    if request.verb is Verb.ADD:
        store.roots.add(request.path)
        return {request.path}
    if request.verb is Verb.FORGET:
        take_out(store, request.path)
        return set()
    root = store.roots.by_path(request.path)
    if root is None:
        return set()
    if request.verb is Verb.REMOVE:
        outer = store.roots.outer(request.path)
        store.roots.remove(root.id)
        return {outer.path} if outer is not None else set()  # what it passes over has not been asked of these files
    if request.verb is Verb.EXCLUDE:
        store.roots.set_excludes(root.id, json.loads(request.argument or "[]"))
        changed = store.roots.by_path(request.path)
        if changed is not None:
            purge_excluded(store, changed, exclude)
    return {request.path}
