"""Which contents a filter lets through, asked of as few of them as a query needs."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from core.store.connection import Database
from core.store.filters import FileFilter


class Allowed:
    """The contents that have a file which a filter lets through. For one query, inside its view of the index.

    A content without any file is never among them, also where the filter is empty.
    """

    def __init__(self, database: Database, where: FileFilter) -> None:
        self._database = database
        self._condition, self._bindings = where.sql()
        self._asked: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._passing: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def among(self, content_ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these contents are let through; shape and order of ``content_ids``, (n,)."""
        unknown = np.setdiff1d(content_ids, self._asked)
        # The ids are the outer loop: given a list of some hundreds, SQLite may choose to read all files instead.
        rows = self._database.connection.execute(
            f"""
            SELECT f.content_id FROM json_each(?) j CROSS JOIN files f ON f.content_id = j.value
            WHERE {self._condition}
            """,
            [json.dumps(unknown.tolist()), *self._bindings],
        )
        found = [content_id for (content_id,) in rows]
        self._asked = np.union1d(self._asked, unknown)
        self._passing = np.union1d(self._passing, np.array(found, dtype=np.int64))
        return np.isin(content_ids, self._passing)

    def all(self, most: int) -> NDArray[np.int64] | None:
        """All of them, ascending, shape (n,); None where there are more than ``most``, counted in files."""
        rows = self._database.connection.execute(
            f"SELECT f.content_id FROM files f WHERE f.content_id IS NOT NULL AND {self._condition} LIMIT ?",
            [*self._bindings, most + 1],
        ).fetchall()
        if len(rows) > most:
            return None
        return np.unique(np.fromiter((content_id for (content_id,) in rows), dtype=np.int64, count=len(rows)))
