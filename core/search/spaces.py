"""Which spaces a question is answered in: those that the index says are searched, not those that are being filled."""

from __future__ import annotations

from dataclasses import dataclass

from core.models.base import QueryEncoders
from core.search.part import Notes
from core.store.store import Store
from core.types import EmbeddingSpace, ModelRole

TEXTS_FOLLOW = "more documents are found by what they mean as the new text model reads them: the one before is gone"
PHOTOS_FOLLOW = "more photos are found by what they show as the new photo model sees them: the one before is gone"


@dataclass(frozen=True)
class SearchedSpaces:
    """The text and the photo space of one question, and their ids in the index.

    None for a space that there is no model of, and for the id of one that holds nothing yet.
    """

    text: EmbeddingSpace | None
    photo: EmbeddingSpace | None
    text_id: int | None
    photo_id: int | None


def searched_spaces(store: Store, encoders: QueryEncoders) -> SearchedSpaces:
    """The spaces as the caller's view of the index has them.

    Where the model of the searched space was deleted, and before a role has its first vectors, it is the space of the
    model in use.
    """

    def of(role: ModelRole, chosen: EmbeddingSpace | None) -> tuple[EmbeddingSpace | None, int | None]:
        searched = store.spaces.searched(role)
        if searched is not None and encoders.serves(searched.space):
            return searched.space, searched.id
        return chosen, store.vectors.find_space(chosen) if chosen is not None else None

    text, text_id = of(ModelRole.TEXT, encoders.text_space())
    photo, photo_id = of(ModelRole.PHOTO, encoders.photo_space())
    return SearchedSpaces(text, photo, text_id, photo_id)


def note_moved(store: Store, spaces: SearchedSpaces, notes: Notes) -> None:
    """Remark that results fill in where search had to leave a space whose model is gone."""
    for role, space, line in (
        (ModelRole.TEXT, spaces.text, TEXTS_FOLLOW),
        (ModelRole.PHOTO, spaces.photo, PHOTOS_FOLLOW),
    ):
        searched = store.spaces.searched(role)
        if space is None or searched is None:
            continue
        if searched.space != space or store.spaces.forsaken(role) is not None:
            notes.add(line)
