"""The versions of what the index rests on, for a report."""

from __future__ import annotations

import apsw

from core.store.connection import Database


def of_store(database: Database) -> list[str]:
    """``index 4``, ``SQLite 3.54.1`` and so on."""
    db = database.connection
    return [
        f"index {db.pragma('user_version')}",
        f"SQLite {apsw.sqlite_lib_version()}",
        f"apsw {apsw.apsw_version()}",
        f"sqlite-vec {str(db.execute('SELECT vec_version()').get).removeprefix('v')}",
    ]
