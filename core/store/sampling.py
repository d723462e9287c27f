"""A few of the user's own texts and pictures, spread evenly over the index: what models are tried on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from core.store.store import Store
from core.store.thumbnails import PREVIEW
from core.types import Kind, SegmentKind

T = TypeVar("T")


def sample_passages(store: Store, limit: int) -> list[str]:
    """At most ``limit`` passages, fewer where the index holds fewer."""
    rows = store.database.connection.execute("SELECT id FROM segments WHERE kind = ?", (SegmentKind.PASSAGE.value,))
    chosen = _spread([int(segment_id) for (segment_id,) in rows], limit)
    return [row.text for row in store.segments.rows(chosen).values()]


def sample_previews(store: Store, limit: int) -> list[bytes]:
    """The JPEG previews of at most ``limit`` photos; those that the cache has lost are left out."""
    rows = store.database.connection.execute("SELECT hash FROM contents WHERE kind = ?", (Kind.PHOTO.value,))
    chosen = _spread([bytes(digest).hex() for (digest,) in rows], limit)
    found = (store.thumbnails.read(content_hash, PREVIEW) for content_hash in chosen)
    return [jpeg for jpeg in found if jpeg is not None]


def count_passages(store: Store) -> int:
    """How many passages there are."""
    count: int = store.database.connection.execute(
        "SELECT count(*) FROM segments WHERE kind = ?", (SegmentKind.PASSAGE.value,)
    ).get
    return count


def count_previews(store: Store) -> int:
    """How many photos have a preview."""
    count: int = store.database.connection.execute(
        "SELECT count(*) FROM contents WHERE kind = ? AND thumbnail = 1", (Kind.PHOTO.value,)
    ).get
    return count


def _spread(items: Sequence[T], limit: int) -> list[T]:
    """At most ``limit`` of the items, at even distances: neighbours in the index are often alike."""
    if len(items) <= limit:
        return list(items)
    return [items[place * len(items) // limit] for place in range(limit)]
