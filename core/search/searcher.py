"""One query from words and example files to hits."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from core.errors import UsageError
from core.extract.base import Reader
from core.models.base import Encoders
from core.search.answer import RankedFile, assemble
from core.search.background import Banks
from core.search.channels import SearchSpace, gather
from core.search.examples import ExampleReader, Transcribe
from core.search.hydrate import Hydrator
from core.search.part import NO_PHOTO_MODEL, NO_TEXT_MODEL, Notes, Part, words_part
from core.search.query import parse
from core.store.filters import FileFilter
from core.store.store import Store
from core.types import EmbeddingSpace, Kind, Matrix, Query, SearchResult

_LEAST_LIST = 200  # files in a channel's list: fusion needs the ranks below what is shown


class Searcher:
    """Answers queries; any thread may call it."""

    def __init__(self, store: Store, encoders: Encoders, reader: Reader, transcribe: Transcribe) -> None:
        """``transcribe`` listens to an example recording; it may raise ``ModelMissingError`` or ``UnreadableError``."""
        self._store = store
        self._encoders = encoders
        self._examples = ExampleReader(store, encoders, reader, transcribe)
        self._banks = Banks(store.notes)

    def search(self, query: Query) -> SearchResult:
        """The files that match, best first.

        With words and examples together, a file that answers to more of them goes before one that answers to fewer.
        Raises ``UsageError`` for an empty query, ``UnreadableError`` for an example file that cannot be read.
        """
        if query.empty:
            raise UsageError("nothing to search for: give words or an example file")
        started = time.perf_counter()
        notes = Notes()
        parsed = parse(query.text)
        parts = [words_part(parsed, self._encoders, query.kinds, notes)] if parsed.text else []
        parts.extend(self._examples.read(path, notes) for path in query.like)
        text, photo = self._spaces(parts, notes)
        where = _file_filter(query)
        # Encoding is done: from here on one consistent view, though the indexer goes on writing.
        with self._store.database.read():
            evidence = gather(self._store, where, max(_LEAST_LIST, 2 * query.limit), parts, text, photo)
            ranked = assemble(self._store, evidence, parts, parsed.text, where)
            shown, hidden = _choose(ranked, query)
            hits = Hydrator(self._store, parts).hits(shown)
            self._drop_idle_notes(query, notes)
        took_ms = (time.perf_counter() - started) * 1000
        return SearchResult(query, hits, hidden, round(took_ms, 1), notes.lines)

    def _spaces(self, parts: Sequence[Part], notes: Notes) -> tuple[SearchSpace | None, SearchSpace | None]:
        """The text and the photo space, where a part asks them and the index holds vectors in them."""
        text = photo = None
        if any(part.text is not None for part in parts):
            text = self._space(self._encoders.text_space(), self._encoders.encode_queries, notes, NO_TEXT_MODEL)
        if any(part.photo is not None for part in parts):
            photo = self._space(self._encoders.photo_space(), self._encoders.encode_photo_texts, notes, NO_PHOTO_MODEL)
        return text, photo

    def _space(
        self,
        space: EmbeddingSpace | None,
        encode: Callable[[Sequence[str]], Matrix],
        notes: Notes,
        missing: str,
    ) -> SearchSpace | None:
        space_id = self._store.vectors.find_space(space) if space is not None else None
        if space is None or space_id is None:
            return None
        bank = notes.encoded(lambda: self._banks.get(space, encode), missing)
        return SearchSpace(space_id, bank) if bank is not None else None

    def _drop_idle_notes(self, query: Query, notes: Notes) -> None:
        """A missing photo model is no news to someone without photos, unless photos are asked for."""
        if NO_PHOTO_MODEL in notes.lines and not query.kinds and not self._store.files.has_kind(Kind.PHOTO):
            notes.drop(NO_PHOTO_MODEL)


def _file_filter(query: Query) -> FileFilter:
    folder = os.fsencode(query.folder.absolute()) if query.folder is not None else None
    return FileFilter(query.kinds, folder, query.after, query.before)


def _choose(ranked: Sequence[RankedFile], query: Query) -> tuple[list[RankedFile], int]:
    """What is shown, strong files first, and how many possible ones are kept back."""
    strong = [file for file in ranked if file.strong]
    possible = [file for file in ranked if not file.strong]
    if query.include_gated:
        return [*strong, *possible][: query.limit], 0
    return strong[: query.limit], len(possible)
