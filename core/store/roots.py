"""Watched folders, and the requests about them that other processes leave."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.store.connection import Database
from core.store.filters import is_under, under
from core.types import Root

_REMOVED_AT_ONCE = 2_000  # files; about a tenth of a second


class Verb(StrEnum):
    """What another process may ask of the one that writes."""

    ADD = "add"
    REMOVE = "remove"
    EXCLUDE = "exclude"  # the root's patterns, as a JSON list
    FORGET = "forget"  # every trace of a file or folder, watched or not
    ALLOW = "allow"  # take out what is missing: how many files a person was told of


@dataclass(frozen=True)
class Request:
    """One queued request."""

    id: int
    verb: Verb
    path: bytes
    argument: str | None = None  # what ``Verb`` says of it


@dataclass(frozen=True)
class RootRow:
    """A root with what its scan needs to know."""

    id: int
    path: bytes
    fs_id: str | None
    offline: bool
    held: int
    watch_note: str | None = None  # why changes are found by scanning alone, with the cure
    missing: int = 0  # files that the last scan missed and that go only on a person's yes
    excludes: tuple[str, ...] = ()  # patterns of what is passed over

    @property
    def root(self) -> Root:
        return Root(self.id, self.path, self.offline)


class Roots:
    """The table ``roots`` and the queue ``requests``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[RootRow]:
        rows = self._database.connection.execute(
            "SELECT id, path, fs_id, offline, held, watch_note, missing, excludes FROM roots ORDER BY path"
        )
        return [
            RootRow(id_, path, fs_id, bool(offline), held, note, missing, tuple(json.loads(excludes)))
            for id_, path, fs_id, offline, held, note, missing, excludes in rows
        ]

    def by_path(self, path: bytes) -> RootRow | None:
        return next((row for row in self.all() if row.path == path), None)

    def add(self, path: bytes) -> int:
        """Add a root; its id, also when it was there already. Files known below it become its own."""
        with self._database.write() as db:
            db.execute("INSERT OR IGNORE INTO roots (path, added_ns) VALUES (?, ?)", (path, time.time_ns()))
            root_id: int = db.execute("SELECT id FROM roots WHERE path = ?", (path,)).get
            outer = self._innermost(path)
            if outer is not None:
                condition, bounds = under("path", path)
                # Deeper roots keep theirs: only the outer root's files change hands.
                for table in ("files", "tombstones"):
                    db.execute(
                        f"UPDATE {table} SET root_id = ? WHERE root_id = ? AND {condition}", (root_id, outer, *bounds)
                    )
            return root_id

    def remove(self, root_id: int) -> None:
        """Forget a root. Its files stay with an outer root if there is one, else they leave the index.

        They leave in several transactions, so that a large root does not keep others from writing for long.
        """
        path = self._database.connection.execute("SELECT path FROM roots WHERE id = ?", (root_id,)).get
        if path is None:
            return
        while self._innermost(path) is None:
            with self._database.write() as db:
                # Not left to the cascade, because the trigger that keeps names_fts in step must run for each.
                db.execute(
                    "DELETE FROM files WHERE id IN (SELECT id FROM files WHERE root_id = ? LIMIT ?)",
                    (root_id, _REMOVED_AT_ONCE),
                )
                if db.changes() < _REMOVED_AT_ONCE:
                    break
        with self._database.write() as db:
            outer = self._innermost(path)
            if outer is not None:
                db.execute("UPDATE files SET root_id = ? WHERE root_id = ?", (outer, root_id))
                db.execute("UPDATE tombstones SET root_id = ? WHERE root_id = ?", (outer, root_id))
            db.execute("DELETE FROM files WHERE root_id = ?", (root_id,))
            db.execute("DELETE FROM roots WHERE id = ?", (root_id,))

    def set_scanned(self, root_id: int, fs_id: str, held: int) -> None:
        """A complete scan has ended: the root is there, on this file system, with so many files."""
        with self._database.write() as db:
            db.execute("UPDATE roots SET fs_id = ?, held = ?, offline = 0 WHERE id = ?", (fs_id, held, root_id))

    def set_offline(self, root_id: int, offline: bool) -> None:
        with self._database.write() as db:
            db.execute("UPDATE roots SET offline = ? WHERE id = ?", (int(offline), root_id))

    def set_watch_note(self, root_id: int, note: str | None) -> None:
        """Why changes in this root are found by scanning alone, with the cure; None while all of them are told."""
        with self._database.write() as db:
            db.execute("UPDATE roots SET watch_note = ? WHERE id = ?", (note, root_id))

    def set_missing(self, root_id: int, missing: int) -> None:
        """How many files are missing and go only on a person's yes; 0 when there is nothing to ask."""
        with self._database.write() as db:
            db.execute("UPDATE roots SET missing = ?1 WHERE id = ?2 AND missing <> ?1", (missing, root_id))

    def set_excludes(self, root_id: int, patterns: Sequence[str]) -> None:
        """The root's own patterns of what is passed over."""
        with self._database.write() as db:
            db.execute("UPDATE roots SET excludes = ? WHERE id = ?", (json.dumps(list(patterns)), root_id))

    def request(self, verb: Verb, path: bytes, argument: str | None = None) -> None:
        """Leave a request for the process that writes."""
        # No path holds a zero byte, so that one can divide it from what else is to be said.
        whole = path if argument is None else path + b"\0" + argument.encode("utf-8", "surrogatepass")
        with self._database.write() as db:
            db.execute("INSERT INTO requests (verb, path) VALUES (?, ?)", (verb.value, whole))

    def requests(self) -> list[Request]:
        """What is queued, oldest first."""
        found = []
        for id_, verb, whole in self._database.connection.execute("SELECT id, verb, path FROM requests ORDER BY id"):
            path, divided, argument = whole.partition(b"\0")
            said = argument.decode("utf-8", "surrogatepass") if divided else None
            found.append(Request(id_, Verb(verb), path, said))
        return found

    def clear_request(self, request_id: int) -> None:
        with self._database.write() as db:
            db.execute("DELETE FROM requests WHERE id = ?", (request_id,))

    def outer(self, path: bytes) -> RootRow | None:
        """The innermost root that holds ``path`` without being it."""
        holding = [row for row in self.all() if is_under(path, row.path)]
        return max(holding, key=lambda row: len(row.path), default=None)

    def _innermost(self, path: bytes) -> int | None:
        outer = self.outer(path)
        return outer.id if outer is not None else None
