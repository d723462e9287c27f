"""The schema's history: numbered, frozen modules, each with ``SQL``. Order is the list's."""

from __future__ import annotations

from core.store.migrations import m0001_initial

MIGRATIONS: tuple[str, ...] = (m0001_initial.SQL,)
"""Entry ``i`` takes the index from ``user_version`` i to i + 1."""
