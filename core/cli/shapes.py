"""The JSON that the commands print: the shapes are a contract.

Paths are ``os.fsdecode``d, so that names that are not UTF-8 come out as surrogate escapes and can be given back to
the file system unchanged.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.types import (
    Check,
    Failure,
    Filling,
    Hit,
    IndexReport,
    ModelInfo,
    ModelRole,
    RootStatus,
    SearchResult,
    SegmentHit,
    Status,
)

if TYPE_CHECKING:
    from core.store.forget import Remembered

Shape = dict[str, Any]


def dumps(shape: Shape) -> str:
    # ASCII: a lone surrogate is then written as an escape, which every JSON reader takes, not as invalid UTF-8.
    return json.dumps(shape, ensure_ascii=True)


def waiting_shape(waiting: dict[ModelRole, int]) -> dict[str, int]:
    return {f"{role.value}-model": count for role, count in waiting.items()}


def filling_shape(filling: Filling) -> Shape:
    return {
        "model": filling.model,
        "searched": filling.searched,
        "done": filling.done,
        "total": filling.total,
    }


def report_shape(report: IndexReport) -> Shape:
    """``index --json``. ``cancelled`` is there only when the run was stopped, ``withheld`` when a yes is needed.

    ``away`` and ``unreadable`` are there only when they hold something.
    """
    shape: Shape = {
        "files": report.files,
        "indexed": report.indexed,
        "unchanged": report.unchanged,
        "waiting": waiting_shape(report.waiting),
        "failed": report.failed,
        "skipped": report.skipped,
        "encoded": report.encoded,
        "seconds": round(report.seconds, 3),
    }
    if report.cancelled:
        shape["cancelled"] = True
    if report.withheld:
        shape["withheld"] = [
            {"path": os.fsdecode(one.path), "missing": one.missing, "files": one.files} for one in report.withheld
        ]
    if report.away:
        shape["away"] = [os.fsdecode(path) for path in report.away]
    if report.unreadable:
        shape["unreadable"] = [{"path": os.fsdecode(path), "reason": reason} for path, reason in report.unreadable]
    return shape


def search_shape(result: SearchResult) -> Shape:
    """``search --json``. ``like`` and ``notes`` are there only when they hold something."""
    shape: Shape = {
        "query": result.query.text,
        "took_ms": round(result.took_ms, 1),
        "hits": [hit_shape(hit) for hit in result.hits],
    }
    if result.query.like:
        shape["like"] = [os.fspath(path) for path in result.query.like]
    if result.notes:
        shape["notes"] = list(result.notes)
    return shape


def hit_shape(hit: Hit) -> Shape:
    """One file; ``gated`` (``--all``) and ``offline`` are there only when they are true."""
    shape: Shape = {"path": os.fsdecode(hit.path), "kind": hit.kind.value, **segment_shape(hit.best)}
    shape["more"] = [segment_shape(segment) for segment in hit.more]
    if hit.gated:
        shape["gated"] = True
    if hit.offline:
        shape["offline"] = True
    return shape


def segment_shape(segment: SegmentHit) -> Shape:
    return {
        "score": round(segment.score, 4),
        "locator": segment.locator.as_json(),
        "snippet": segment.snippet,
        "why": [{"channel": why.channel.value, "rank": why.rank, "score": round(why.score, 4)} for why in segment.why],
    }


def failures_shape(failures: Iterable[Failure]) -> Shape:
    """``failures --json``; ``skipped`` is there only on files that are known by their name alone."""
    entries: list[Shape] = []
    for failure in failures:
        entry: Shape = {
            "path": os.fsdecode(failure.path),
            "kind": failure.kind.value,
            "reason": failure.reason,
            "attempts": failure.attempts,
        }
        if failure.skipped:
            entry["skipped"] = True
        entries.append(entry)
    return {"failures": entries}


def roots_shape(roots: Iterable[RootStatus]) -> Shape:
    return {
        "roots": [
            {
                "path": os.fsdecode(status.root.path),
                "offline": status.root.offline,
                "watch_note": status.watch_note,
                "files": status.files,
                "pending": status.pending,
                "waiting": status.waiting,
                "failed": status.failed,
                "missing": status.missing,
            }
            for status in roots
        ]
    }


def status_shape(status: Status) -> Shape:
    return {
        "roots": status.roots,
        "files": status.files,
        "by_kind": {kind.value: count for kind, count in status.by_kind.items()},
        "segments": status.segments,
        "vectors": status.vectors,
        "pending": status.pending,
        "waiting": waiting_shape(status.waiting),
        "filling": {role.value: filling_shape(filling) for role, filling in status.filling.items()},
        "failed": status.failed,
        "skipped": status.skipped,
        "missing": status.missing,
        "index_bytes": status.index_bytes,
        "indexing": status.indexing,
    }


def exclude_shape(folder: Path | None, patterns: Sequence[str], left: int, defaults: Sequence[str]) -> Shape:
    """``exclude --json``: ``left`` is how many files a change takes out of the index."""
    return {
        "folder": os.fspath(folder) if folder is not None else None,
        "patterns": list(patterns),
        "left": left,
        "defaults": list(defaults),
    }


def doctor_shape(checks: Sequence[Check], repaired: Sequence[str] | None = None) -> Shape:
    """``doctor --json``; ``repaired``, a line for each thing that was done, is there only with ``--repair``."""
    shape: Shape = {
        "ok": all(check.ok for check in checks),
        "checks": [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in checks],
    }
    if repaired is not None:
        shape["repaired"] = list(repaired)
    return shape


def forget_shape(path: Path, about: Remembered, done: bool) -> Shape:
    """``forget --json``: what the index held of it; ``done`` is false where another process is still to do it."""
    return {
        "path": os.fspath(path),
        "files": about.files,
        "deleted": about.deleted,
        "unwatched": [os.fsdecode(root) for root in about.roots],
        "excluded_from": [os.fsdecode(root) for root in about.excluded_from],
        "done": done,
    }


def models_shape(models: Iterable[ModelInfo]) -> Shape:
    return {
        "models": [
            {
                "name": model.name,
                "role": model.role.value,
                "title": model.title,
                "size_bytes": model.size_bytes,
                "licence": model.licence,
                "languages": model.languages,
                "dim": model.dim,
                "source": model.source,
                "installed": model.installed,
                "active": model.active,
                "demo": model.demo,
                "backend": model.backend,
                "searched": model.searched,
                "filling": None if model.filling is None else filling_shape(model.filling),
            }
            for model in models
        ]
    }
