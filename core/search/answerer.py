"""From a question to its answer: encode the words, ask the channels, fuse, choose, hydrate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.errors import SpaceMovedError
from core.models.base import QueryEncoders
from core.search.answer import RankedFile, assemble
from core.search.background import Banks
from core.search.channels import SearchSpace, gather
from core.search.hydrate import Hydrator
from core.search.matrices import Matrices
from core.search.part import NO_PHOTO_MODEL, NO_TEXT_MODEL, Notes, Part, words_part
from core.search.query import parse
from core.search.question import MOVES, Answer, Question
from core.search.spaces import SearchedSpaces, note_moved, searched_spaces
from core.store.store import Store
from core.types import EmbeddingSpace, Kind, Matrix

_LEAST_LIST = 200  # files in a channel's list: fusion needs the ranks below what is shown


class Answerer:
    """Answers questions over one index; any thread may call it."""

    def __init__(self, store: Store, encoders: QueryEncoders, matrices: Matrices | None = None) -> None:
        """``matrices`` are the store's; without them, vectors in memory are kept in no file."""
        self._store = store
        self._matrices = matrices or Matrices(store)
        self._encoders = encoders
        self._banks = Banks(store.notes)

    def answer(self, question: Question) -> Answer:
        """The files that match, best first.

        With words and examples together, a file that answers to more of them goes before one that answers to fewer.
        Raises ``SpaceMovedError`` when an example was encoded by a model that search has left since.
        """
        for _ in range(MOVES):
            answer = self._answer(question)
            if answer is not None:
                return answer
        raise SpaceMovedError("search moved to another model again and again; ask once more")

    def _answer(self, question: Question) -> Answer | None:
        """None when search moved to another space while the words were encoded."""
        notes = Notes(question.notes)
        parsed = parse(question.text)
        where = question.where
        spaces = searched_spaces(self._store, self._encoders)
        for example in question.examples:
            if (example.text_space, example.photo_space) != (spaces.text, spaces.photo):
                raise SpaceMovedError("search moved to another model while the example was read; ask once more")
        parts = list(question.examples)
        if parsed.text:
            parts.insert(0, words_part(parsed, self._encoders, spaces.text, spaces.photo, where.kinds, notes))
        text, photo = self._spaces(parts, spaces, notes)
        # Encoding is done: from here on one consistent view, though the indexer goes on writing.
        with self._store.database.read():
            if searched_spaces(self._store, self._encoders) != spaces:
                return None
            note_moved(self._store, spaces, notes)
            evidence = gather(
                self._store, self._matrices, where, max(_LEAST_LIST, 2 * question.limit), parts, text, photo
            )
            ranked = assemble(self._store, evidence, parts, parsed.text, where)
            shown, hidden = _choose(ranked, question)
            hits = Hydrator(self._store, parts).hits(shown)
            self._drop_idle_notes(where.kinds, notes)
        return Answer(hits, hidden, notes.lines)

    def spaces(self) -> SearchedSpaces:
        """The spaces that a question of now is answered in."""
        return searched_spaces(self._store, self._encoders)

    def warm(self) -> None:
        """Begin to load the vectors; the encoders are its caller's."""
        self._matrices.prepare()

    def close(self) -> None:
        """Let go of the vectors, before the store is closed; it and the encoders are its caller's."""
        self._matrices.close()

    def _spaces(
        self, parts: Sequence[Part], spaces: SearchedSpaces, notes: Notes
    ) -> tuple[SearchSpace | None, SearchSpace | None]:
        """The text and the photo space, where a part asks them and the index holds vectors in them."""
        text = photo = None
        if any(part.text is not None for part in parts):
            text = self._space(spaces.text, spaces.text_id, self._encoders.encode_queries, notes, NO_TEXT_MODEL)
        if any(part.photo is not None for part in parts):
            photo = self._space(spaces.photo, spaces.photo_id, self._encoders.encode_photo_texts, notes, NO_PHOTO_MODEL)
        return text, photo

    def _space(
        self,
        space: EmbeddingSpace | None,
        space_id: int | None,
        encode: Callable[[Sequence[str], EmbeddingSpace], Matrix],
        notes: Notes,
        missing: str,
    ) -> SearchSpace | None:
        if space is None or space_id is None:
            return None
        bank = notes.encoded(lambda: self._banks.get(space, lambda texts: encode(texts, space)), missing)
        return SearchSpace(space_id, bank) if bank is not None else None

    def _drop_idle_notes(self, kinds: frozenset[Kind], notes: Notes) -> None:
        """A missing photo model is no news to someone without photos, unless photos are asked for."""
        if NO_PHOTO_MODEL in notes.lines and not kinds and not self._store.files.has_kind(Kind.PHOTO):
            notes.drop(NO_PHOTO_MODEL)


def _choose(ranked: Sequence[RankedFile], question: Question) -> tuple[list[RankedFile], int]:
    """What is shown, strong files first, and how many possible ones are kept back."""
    strong = [file for file in ranked if file.strong]
    possible = [file for file in ranked if not file.strong]
    if question.include_gated:
        return [*strong, *possible][: question.limit], 0
    return strong[: question.limit], len(possible)
