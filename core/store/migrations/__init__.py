"""The schema's history: numbered, frozen modules, each with ``SQL``. Order is the list's."""

from __future__ import annotations

from core.store.migrations import (
    m0001_initial,
    m0002_change_logs,
    m0003_segments_by_kind,
    m0004_reliability,
    m0005_phash_log,
)

MIGRATIONS: tuple[str, ...] = (
    m0001_initial.SQL,
    m0002_change_logs.SQL,
    m0003_segments_by_kind.SQL,
    m0004_reliability.SQL,
    m0005_phash_log.SQL,
)
"""Entry ``i`` takes the index from ``user_version`` i to i + 1."""
