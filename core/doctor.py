"""``findling doctor``: what is wrong with the index, the folders and the models, if anything."""

from __future__ import annotations

import os
import shutil

from core.config import Settings
from core.models.library import list_models
from core.models.verify import verify_models
from core.store.store import Store
from core.types import Check, ModelInfo, ModelRole

MIN_FREE_BYTES = 500_000_000  # below this a large folder's thumbnails and vectors may not fit


def examine(store: Store, settings: Settings) -> list[Check]:
    """Every check, in the order in which a person would read them. A missing model is no fault."""
    return [
        _index(store),
        _vectors(store),
        _roots(store),
        _missing(store),
        _watching(store),
        _folders(settings),
        _space(settings),
        _models(settings),
    ]


def _index(store: Store) -> Check:
    problems = store.problems()
    if problems:
        return Check("index", False, "; ".join(problems[:5]))
    counts = store.counts()
    return Check("index", True, f"{counts.files} files, {counts.index_bytes / 1e6:.1f} MB, consistent")


def _vectors(store: Store) -> Check:
    damaged = store.vectors.damaged()
    if damaged:
        return Check("vectors", False, f"{len(damaged)} vectors do not match their checksum")
    return Check("vectors", True, f"{store.vectors.count()} vectors, every checksum holds")


def _roots(store: Store) -> Check:
    away = [row.root.display for row in store.roots.all() if row.offline]
    if away:
        # An unplugged drive is a state, not a fault.
        return Check("folders", True, "away: " + ", ".join(away))
    unreadable = [row.root.display for row in store.roots.all() if not os.access(row.path, os.R_OK | os.X_OK)]
    if unreadable:
        return Check("folders", False, "no permission to read " + ", ".join(unreadable))
    return Check("folders", True, f"{len(store.roots.all())} watched")


def _missing(store: Store) -> Check:
    # Not wrong, but a question that only a person can answer.
    asked = [f"{row.root.display} misses {row.missing} files" for row in store.roots.all() if row.missing]
    if asked:
        return Check("missing files", True, f"{'; '.join(asked)}; findling roots says what to do about it")
    return Check("missing files", True, "none that wait for a decision")


def _watching(store: Store) -> Check:
    # Not wrong: what is not told at once is found by the next scan.
    notes = [f"{row.root.display}: {row.watch_note}" for row in store.roots.all() if row.watch_note]
    return Check("watching", True, "; ".join(notes) or "changes are noticed at once while Findling runs")


def _folders(settings: Settings) -> Check:
    folders = settings.folders
    for folder in (folders.data, folders.cache, folders.config, folders.models, folders.logs):
        if not os.access(folder, os.W_OK | os.X_OK):
            return Check("own folders", False, f"{folder} cannot be written")
    return Check("own folders", True, str(folders.data))


def _space(settings: Settings) -> Check:
    free = shutil.disk_usage(settings.folders.data).free
    return Check("disk space", free >= MIN_FREE_BYTES, f"{free / 1e9:.1f} GB free")


def _models(settings: Settings) -> Check:
    wrong = [f"{info.name}: {detail}" for info, ok, detail in verify_models(settings) if not ok]
    if wrong:
        return Check("models", False, "; ".join(wrong))
    active = {info.role: info for info in list_models(settings) if info.active}
    said = [f"{role.value}: {_said(active.get(role))}" for role in ModelRole]
    return Check("models", True, ", ".join(said))


def _said(info: ModelInfo | None) -> str:
    if info is None:
        return "none"
    if info.dim is None:  # speech: what is faster proves itself on the first recordings
        return f"{info.name} ({info.backend})" if info.backend else info.name
    return f"{info.name} ({info.backend or 'as it came: findling models prepare makes it faster'})"
