"""Small values that outlive the program and fit no other table, by name."""

from __future__ import annotations

from core.store.connection import Database


class Notes:
    """The table ``meta``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> str | None:
        value: str | None = self._database.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).get
        return value

    def put(self, key: str, value: str) -> None:
        with self._database.write() as db:
            db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))
