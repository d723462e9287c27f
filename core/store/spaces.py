"""Which embedding space answers the queries of a role, how far another model's is filled, and giving back the others.

A role (texts, photos) is answered in one space at a time, the *searched* one. Another model that is chosen fills a
space of its own beside it; once that holds all that the searched one holds, one transaction moves search there. What
is neither searched nor filled is left: the space that a move left behind goes at once, in batches, and one that was
given up half-way is kept for a week, because who comes back to it should not wait for the same work again.

What changes anything here is called by the process that holds the writer's lock, and by no other.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from core.store.connection import Database
from core.store.files import placeholders
from core.types import EmbeddingSpace, Filling, ModelRole, SegmentKind, Stage

LOOK_ALIKE_MODEL = "look-alike"  # the model name of the classical descriptor's space

KEEP_LEFT_NS = 7 * 24 * 3600 * 1_000_000_000  # a space that was given up half-way, and may be wanted again
BATCH = 1000  # vectors that are deleted in one transaction: no reader or writer waits longer for it than for a file

ROLES: dict[Stage, ModelRole] = {Stage.TEXT: ModelRole.TEXT, Stage.PHOTO: ModelRole.PHOTO}
_STAGES = {role: stage for stage, role in ROLES.items()}
_KINDS = {
    ModelRole.TEXT: (SegmentKind.PASSAGE.value, SegmentKind.SPEECH.value),
    ModelRole.PHOTO: (SegmentKind.PHOTO.value,),
}

# Names in ``meta``. The first is followed by a space's id, the others by a role.
_LEFT = "space-left/"  # since when (ns) nothing searches or fills it; 0 for one that search has moved away from
_CHOSEN = "model-chosen/"  # the model that the queue was made for last
_FORSAKEN = "space-forsaken/"  # the id of the space that search had to leave before the next one was full

# Contents of files that are there and that the searched space holds.
_HELD = """
    FROM contents c
    WHERE EXISTS (SELECT 1 FROM files f WHERE f.content_id = c.id)
    AND EXISTS (
        SELECT 1 FROM segments s WHERE s.content_id = c.id AND s.kind IN ({kinds})
        AND EXISTS (SELECT 1 FROM vectors v WHERE v.space_id = {held} AND v.segment_id = s.id)
    )
"""
_FAILED = """
    EXISTS (
        SELECT 1 FROM files f JOIN jobs j ON j.file_id = f.id
        WHERE f.content_id = c.id AND j.stage = {stage} AND j.state = 'failed'
    )
"""
# Of these, the ones that the next space is still to hold: not those that the model has failed on, nor pictures that
# there is no preview of any more.
_LACKING = """
    {thumbnail} EXISTS (
        SELECT 1 FROM segments s WHERE s.content_id = c.id AND s.kind IN ({kinds})
        AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.space_id = {lacks} AND v.segment_id = s.id)
    )
    AND NOT {failed}
"""
_NOT_ASIDE = """
    AND NOT EXISTS (
        SELECT 1 FROM files f WHERE f.content_id = c.id AND f.id IN (SELECT value FROM json_each(?))
    )
"""


@dataclass(frozen=True)
class Searched:
    """The space that a role's queries are answered in."""

    id: int
    space: EmbeddingSpace


class Spaces:
    """The tables ``spaces`` and ``search_spaces``, and what ``meta`` says of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def searched(self, role: ModelRole) -> Searched | None:
        """None before a role has its first vectors."""
        row = self._database.connection.execute(
            """
            SELECT p.id, p.model, p.weights_id, p.dim, p.preprocessing
            FROM search_spaces r JOIN spaces p ON p.id = r.space_id WHERE r.role = ?
            """,
            (role.value,),
        ).fetchone()
        return Searched(row[0], EmbeddingSpace(*row[1:])) if row is not None else None

    def searched_ids(self) -> list[int]:
        """The spaces of all roles that are searched now, and the newest of the look-alike descriptor.

        All there are in an index in which search has no place yet: nothing was indexed since it was last migrated.
        """
        db = self._database.connection
        if db.execute("SELECT 1 FROM search_spaces LIMIT 1").get is None:
            return [space_id for (space_id,) in db.execute("SELECT id FROM spaces ORDER BY id")]
        return self._searched_ids()

    def forsaken(self, role: ModelRole) -> Searched | None:
        """The space that search had to leave while the one that it is in now is not full; None mostly."""
        row = self._database.connection.execute(
            """
            SELECT p.id, p.model, p.weights_id, p.dim, p.preprocessing
            FROM meta m JOIN spaces p ON p.id = CAST(m.value AS INTEGER) WHERE m.key = ?
            """,
            (_FORSAKEN + role.value,),
        ).fetchone()
        return Searched(row[0], EmbeddingSpace(*row[1:])) if row is not None else None

    def fillings(
        self, text: EmbeddingSpace | None, photo: EmbeddingSpace | None, speech: str | None
    ) -> dict[ModelRole, Filling]:
        """How far the models in use are with what others saw or heard before them; empty when they have seen all.

        ``speech`` is ``name@weights``. Looks through all contents, while a space is filled.
        """
        found = {
            ModelRole.TEXT: self._filling(ModelRole.TEXT, text) if text is not None else None,
            ModelRole.PHOTO: self._filling(ModelRole.PHOTO, photo) if photo is not None else None,
            ModelRole.SPEECH: self._heard_again(speech) if speech is not None else None,
        }
        return {role: one for role, one in found.items() if one is not None and one.done < one.total}

    def _filling(self, role: ModelRole, chosen: EmbeddingSpace) -> Filling | None:
        searched = self.searched(role)
        replaced = searched if searched is None or searched.space != chosen else self.forsaken(role)
        if replaced is None:
            return None
        chosen_id: int | None = self._database.connection.execute(
            "SELECT id FROM spaces WHERE model = ? AND weights_id = ? AND dim = ? AND preprocessing = ?",
            (chosen.model, chosen.weights_id, chosen.dim, chosen.preprocessing),
        ).get
        held, lacking = _conditions(role, replaced.id, chosen_id)
        row: Any = self._database.connection.execute(f"SELECT count(*), coalesce(sum({lacking}), 0) {held}").fetchone()
        total, left = row
        return Filling(role, chosen.model, replaced.space.model, total - left, total)

    def _heard_again(self, model: str) -> Filling | None:
        """Each recording keeps its transcript until the model has heard it whole."""
        row: Any = self._database.connection.execute(
            f"""
            SELECT count(*), coalesce(sum(c.speech_model <> ?1 AND NOT {_FAILED.format(stage=Stage.SPEECH.value)}), 0),
                   min(c.speech_model) FILTER (WHERE c.speech_model <> ?1)
            FROM contents c
            WHERE c.speech_model IS NOT NULL AND EXISTS (SELECT 1 FROM files f WHERE f.content_id = c.id)
            """,
            (model,),
        ).fetchone()
        total, left, before = row
        if before is None:
            return None
        return Filling(ModelRole.SPEECH, _name_of(model), _name_of(before), total - left, total)

    def begin(self, role: ModelRole, chosen: int | None, serves: Callable[[EmbeddingSpace], bool]) -> None:
        """A model is in use from now on, whose space is ``chosen``; None when there is none.

        Settles where search is while it fills that space. ``serves`` tells whether an installed model can encode
        queries for a space: where none can for the searched one, search moves to the chosen one at once. What the
        model before failed on is tried again.
        """
        with self._database.write() as db:
            if chosen is None:
                return
            self._forget_failures(role, chosen)
            db.execute("DELETE FROM meta WHERE key = ?", (f"{_LEFT}{chosen}",))
            searched = self.searched(role)
            if searched is None:
                first = self._fullest(role, serves)
                if first is not None:
                    self._search_in(role, first)
            elif searched.id != chosen and not serves(searched.space):
                self._search_in(role, chosen)
                self._put(f"{_FORSAKEN}{role.value}", searched.id)
                self._leave(searched.id, time.time_ns())  # the model may come back

    def first(self, stage: Stage, space_id: int) -> None:
        """Vectors of a stage are being stored: the first ones of a role say where it is searched."""
        with self._database.write() as db:
            db.execute("INSERT OR IGNORE INTO search_spaces (role, space_id) VALUES (?, ?)", (ROLES[stage], space_id))

    def is_held_up(self, role: ModelRole, replaced: int, aside: Collection[int]) -> bool:
        """Whether the queue still holds work that ``move`` waits for: a quick look before it. ``aside`` as there."""
        found = self._database.connection.execute(
            f"""
            SELECT j.file_id FROM jobs j JOIN files f ON f.id = j.file_id
            WHERE j.stage = ? AND j.state IN ('ready', 'running') AND EXISTS (
                SELECT 1 FROM segments s JOIN vectors v ON v.space_id = ? AND v.segment_id = s.id
                WHERE s.content_id = f.content_id AND s.kind IN ({_kinds(role)})
            ) LIMIT ?
            """,
            (_STAGES[role].value, replaced, len(aside) + 1),
        )
        return any(file_id not in aside for (file_id,) in found)

    def move(self, role: ModelRole, chosen: int, aside: Collection[int] = ()) -> bool:
        """Move search to the chosen space, if that holds all that the searched one holds; whether it does now.

        One transaction: a reader sees the one space or the other. Whatever else is left of the role is given back.
        Contents that the model failed on hold up nothing. Neither do photos of drives that are away whose previews
        the cache has lost, the files ``aside``: nobody knows when they come back. They are encoded then.
        """
        with self._database.write() as db:
            searched = self.searched(role)
            replaced = searched if searched is None or searched.id != chosen else self.forsaken(role)
            if replaced is None:
                return False
            held, lacking = _conditions(role, replaced.id, chosen)
            holds_up = f"SELECT 1 {held} AND {lacking} {_NOT_ASIDE} LIMIT 1"
            if db.execute(holds_up, (json.dumps(sorted(aside)),)).get is not None:
                return False
            self._search_in(role, chosen)
            db.execute("DELETE FROM meta WHERE key = ?", (_FORSAKEN + role.value,))
            for space_id in self._of_role(role):
                if space_id != chosen:
                    self._leave(space_id, 0)
            return True

    def tidy(self, in_use: Collection[int], now_ns: int | None = None) -> None:
        """Note since when spaces are neither searched nor, as those ``in_use``, filled by a model."""
        now_ns = time.time_ns() if now_ns is None else now_ns
        kept = [*self._searched_ids(), *in_use]
        with self._database.write() as db:
            db.execute(
                f"""
                INSERT OR IGNORE INTO meta (key, value)
                SELECT ? || id, ? FROM spaces WHERE id NOT IN ({placeholders(kept)})
                """,
                [_LEFT, str(now_ns), *kept],
            )

    def stale(self, now_ns: int | None = None) -> list[int]:
        """The spaces that are to be given back now."""
        now_ns = time.time_ns() if now_ns is None else now_ns
        rows = self._database.connection.execute(
            """
            SELECT p.id FROM spaces p JOIN meta m ON m.key = ? || p.id
            WHERE CAST(m.value AS INTEGER) < ? AND p.id NOT IN (SELECT space_id FROM search_spaces) ORDER BY p.id
            """,
            (_LEFT, now_ns - KEEP_LEFT_NS),
        )
        return [space_id for (space_id,) in rows]

    def give_back(self, batch: int = BATCH, now_ns: int | None = None) -> bool:
        """Delete up to ``batch`` vectors of a stale space, and the space with its last; whether there was one."""
        space_id = next(iter(self.stale(now_ns)), None)
        if space_id is None:
            return False
        with self._database.write() as db:
            db.execute(
                "DELETE FROM vectors WHERE id IN (SELECT id FROM vectors WHERE space_id = ? LIMIT ?)",
                (space_id, batch),
            )
            if db.changes() < batch:
                self.drop(space_id)
        return True

    def drop(self, space_id: int) -> None:
        """Delete a space, its vectors and what is noted of it, at once."""
        with self._database.write() as db:
            db.execute("DELETE FROM search_spaces WHERE space_id = ?", (space_id,))
            db.execute("DELETE FROM vectors WHERE space_id = ?", (space_id,))
            db.execute("DELETE FROM spaces WHERE id = ?", (space_id,))
            # Its id may be given again.
            db.execute("DELETE FROM meta WHERE key = ?", (f"{_LEFT}{space_id}",))
            db.execute("DELETE FROM meta WHERE key LIKE ? AND value = ?", (_FORSAKEN + "%", str(space_id)))

    def _searched_ids(self) -> list[int]:
        """The spaces that search has a place in, and the newest of the look-alike descriptor."""
        db = self._database.connection
        ids = [space_id for (space_id,) in db.execute("SELECT space_id FROM search_spaces ORDER BY role")]
        newest: int | None = db.execute("SELECT max(id) FROM spaces WHERE model = ?", (LOOK_ALIKE_MODEL,)).get
        return ids if newest is None else [*ids, newest]

    def _search_in(self, role: ModelRole, space_id: int) -> None:
        self._database.connection.execute("INSERT OR REPLACE INTO search_spaces VALUES (?, ?)", (role.value, space_id))
        self._database.connection.execute("DELETE FROM meta WHERE key = ?", (f"{_LEFT}{space_id}",))

    def _leave(self, space_id: int, since_ns: int) -> None:
        self._put(f"{_LEFT}{space_id}", since_ns)

    def _put(self, key: str, value: object) -> None:
        self._database.connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, str(value)))

    def _forget_failures(self, role: ModelRole, chosen: int) -> None:
        """What one model failed on says nothing of another."""
        db = self._database.connection
        key = _CHOSEN + role.value
        name: str = db.execute(
            "SELECT json_array(model, weights_id, dim, preprocessing) FROM spaces WHERE id = ?", (chosen,)
        ).get
        before: str | None = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).get
        if name == before:
            return
        self._put(key, name)
        if before is not None:
            db.execute(
                "UPDATE jobs SET state = 'ready', attempts = 0, reason = NULL WHERE stage = ? AND state = 'failed'",
                (_STAGES[role].value,),
            )

    def _fullest(self, role: ModelRole, serves: Callable[[EmbeddingSpace], bool]) -> int | None:
        """The space of a role with the most vectors, in an index that was written before search had a place."""
        counts = {space_id: self._count(space_id) for space_id in self._of_role(role) if serves(self._space(space_id))}
        return max(counts, key=lambda space_id: (counts[space_id], space_id)) if counts else None

    def _of_role(self, role: ModelRole) -> list[int]:
        """The spaces that hold vectors of the role's segments; the classical descriptor's are nobody's."""
        rows = self._database.connection.execute(
            f"""
            SELECT p.id FROM spaces p WHERE p.model <> ? AND (
                SELECT s.kind FROM vectors v JOIN segments s ON s.id = v.segment_id WHERE v.space_id = p.id LIMIT 1
            ) IN ({_kinds(role)})
            """,
            (LOOK_ALIKE_MODEL,),
        )
        return [space_id for (space_id,) in rows]

    def _space(self, space_id: int) -> EmbeddingSpace:
        row = self._database.connection.execute(
            "SELECT model, weights_id, dim, preprocessing FROM spaces WHERE id = ?", (space_id,)
        ).fetchone()
        assert row is not None
        return EmbeddingSpace(*row)

    def _count(self, space_id: int) -> int:
        count: int = self._database.connection.execute(
            "SELECT count(*) FROM vectors WHERE space_id = ?", (space_id,)
        ).get
        return count


def _name_of(speech_model: str) -> str:
    return speech_model.partition("@")[0]


def _kinds(role: ModelRole) -> str:
    return ", ".join(f"'{kind}'" for kind in _KINDS[role])


def _conditions(role: ModelRole, replaced: int, chosen: int | None) -> tuple[str, str]:
    """From which contents on, and which of them the chosen space lacks; the numbers are ours, not a person's."""
    lacking = _LACKING.format(
        thumbnail="c.thumbnail = 1 AND" if role is ModelRole.PHOTO else "",
        kinds=_kinds(role),
        lacks="NULL" if chosen is None else chosen,
        failed=_FAILED.format(stage=_STAGES[role].value),
    )
    return _HELD.format(kinds=_kinds(role), held=replaced), f"({lacking})"
