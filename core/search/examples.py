"""Example files: what a photo, a document or a recording asks for."""

from __future__ import annotations

import logging
import os
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from blake3 import blake3

from core.errors import (
    ChildError,
    ModelError,
    ModelMissingError,
    NoRoomError,
    StorageError,
    UnreadableError,
)
from core.extract.base import Reader
from core.models.base import Encoders
from core.search.calibrate import inverse_document_frequency
from core.search.part import NO_PHOTO_MODEL, NO_SPEECH_MODEL, NO_TEXT_MODEL, Notes, Part, as_note
from core.search.query import STOP_WORDS, Term
from core.search.spaces import SearchedSpaces, searched_spaces
from core.store.contents import ContentRow
from core.store.spaces import LOOK_ALIKE_MODEL
from core.store.store import Store
from core.store.thumbnails import PREVIEW
from core.store.words import split_words
from core.types import EmbeddingSpace, Kind, Matrix, SegmentKind, SpeechSpan, Vector

logger = logging.getLogger(__name__)

Transcribe = Callable[[bytes], list[SpeechSpan]]

KEY_TERMS = 12
_COMMON_WORDS = 60  # an example's most frequent words, among which the telling ones are looked for
_PASSAGES_ENCODED = 12  # of an example that is not in the index: about 2,400 words tell what it is about


class ExampleReader:
    """Turns an example file into a ``Part``: from the index where its content is known, else by reading it."""

    def __init__(self, store: Store, encoders: Encoders, reader: Reader, transcribe: Transcribe) -> None:
        self._store = store
        self._encoders = encoders
        self._reader = reader
        self._transcribe = transcribe

    def read(self, path: Path, notes: Notes) -> Part:
        """What the file at ``path`` asks for.

        Raises ``UnreadableError`` when it cannot be read. A missing model costs its channels and gives a note.
        """
        digest = _digest(path)
        own_paths = frozenset((os.fsencode(path.absolute()), os.fsencode(path.resolve())))
        known = self._store.contents.by_hash(digest)
        spaces = searched_spaces(self._store, self._encoders)
        if known is not None:
            part = self._from_index(known, digest.hex(), path, spaces, notes)
        else:
            part = self._from_file(path, spaces, notes)
        return Part(
            terms=part.terms,
            text=part.text,
            photo=part.photo,
            text_space=spaces.text,
            photo_space=spaces.photo,
            look_alike=part.look_alike,
            phash=part.phash,
            content_id=known.id if known else None,
            paths=own_paths,
        )

    def _from_index(
        self, known: ContentRow, content_hash: str, path: Path, spaces: SearchedSpaces, notes: Notes
    ) -> Part:
        photo = look_alike = None
        if known.kind is Kind.PHOTO:
            photo = self._stored_vector(spaces.photo, known.id)
            preview = self._store.thumbnails.read(content_hash, PREVIEW) if photo is None else None
            if preview is not None:
                photo = self._encode_photo(preview, spaces, notes)
            look_alike = self._stored_vector(self._store.vectors.newest_space(LOOK_ALIKE_MODEL), known.id)
        segments = self._store.segments.of_content(known.id, [SegmentKind.PASSAGE, SegmentKind.SPEECH])
        texts = [segment.text for segment in segments]
        if not texts and known.kind in (Kind.AUDIO, Kind.VIDEO) and not known.transcribed:
            texts = self._listen(path, notes)
        text = self._stored_vector(spaces.text, known.id)
        if text is None:
            text = self._encode_texts(texts, spaces, notes)
        return Part(self._key_terms(texts), text=text, photo=photo, look_alike=look_alike, phash=known.phash)

    def _from_file(self, path: Path, spaces: SearchedSpaces, notes: Notes) -> Part:
        read = self._reader.extract(os.fsencode(path))
        photo = look_alike = None
        if read.kind is Kind.PHOTO:
            if read.preview is not None:
                photo = self._encode_photo(read.preview, spaces, notes)
            if read.look_alike is not None:
                look_alike = np.frombuffer(read.look_alike, dtype="<f4").astype(np.float32)
        texts = [passage.text for passage in read.passages]
        if read.kind in (Kind.AUDIO, Kind.VIDEO) and read.metadata.has_audio is not False:
            texts.extend(self._listen(path, notes))
        return Part(
            self._key_terms(texts),
            text=self._encode_texts(texts, spaces, notes),
            photo=photo,
            look_alike=look_alike,
            phash=read.phash,
        )

    def _stored_vector(self, space: EmbeddingSpace | None, content_id: int) -> Vector | None:
        space_id = self._store.vectors.find_space(space) if space is not None else None
        if space_id is None:
            return None
        return _centroid(self._store.vectors.of_content(space_id, content_id))

    def _encode_photo(self, preview: bytes, spaces: SearchedSpaces, notes: Notes) -> Vector | None:
        return notes.encoded(lambda: self._encoders.encode_images([preview], space=spaces.photo)[0], NO_PHOTO_MODEL)

    def _encode_texts(self, texts: Sequence[str], spaces: SearchedSpaces, notes: Notes) -> Vector | None:
        if not texts:
            return None
        few = texts[:_PASSAGES_ENCODED]
        rows = notes.encoded(lambda: self._encoders.encode_passages(few, space=spaces.text), NO_TEXT_MODEL)
        return _centroid(rows) if rows is not None else None

    def _listen(self, path: Path, notes: Notes) -> list[str]:
        """The words of a recording as one text, none where they cannot be had."""
        try:
            spans = self._transcribe(os.fsencode(path))
        except ModelMissingError:
            notes.add(NO_SPEECH_MODEL)
        except (ModelError, ChildError, UnreadableError, NoRoomError, StorageError) as error:
            logger.warning("an example's speech is not heard: %s", error)
            notes.add(f"the example's speech is not heard: {as_note(error)}")
        else:
            joined = " ".join(span.text.strip() for span in spans)
            return [joined] if joined.strip() else []
        return []

    def _key_terms(self, texts: Sequence[str]) -> tuple[Term, ...]:
        """The words that tell most of the example: frequent in it, rare in the library, known to the library."""
        words = (word.casefold() for text in texts for word in split_words(text))
        counted = Counter(word for word in words if len(word) > 2 and word not in STOP_WORDS)
        frequent = counted.most_common(_COMMON_WORDS)
        if not frequent:
            return ()
        terms = [Term((word,)) for word, _ in frequent]
        postings = self._store.segments.texts.postings([term.words for term in terms])
        matches = postings.counts
        weights = np.sqrt([count for _, count in frequent]) * inverse_document_frequency(matches, postings.total)
        weights[matches == 0] = 0.0
        best = np.argsort(-weights, kind="stable")[:KEY_TERMS]
        return tuple(terms[at] for at in best if weights[at] > 0)


def _centroid(rows: Matrix) -> Vector | None:
    """The unit mean of unit rows: what a file of several passages is about as a whole."""
    if not len(rows):
        return None
    mean = rows.mean(axis=0)
    length = float(np.linalg.norm(mean))
    return np.asarray(mean / length, np.float32) if length > 0 else None


def _digest(path: Path) -> bytes:
    """blake3 of the whole file. Raises ``UnreadableError`` for what is no regular file or cannot be opened."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableError("not a file", path=path)
        return blake3().update_mmap(path).digest()
    except OSError as error:
        raise UnreadableError(error.strerror or "cannot be opened", path=path) from error
