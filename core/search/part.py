"""The parts of a query (the words, each example file) in the form that the channels take."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from core.errors import ChildError, FindlingError, ModelError, ModelMissingError
from core.models.base import QueryEncoders
from core.models.catalogue import shipped_catalogue
from core.search.calibrate import Floats
from core.search.query import ParsedText, Term
from core.types import EmbeddingSpace, Kind, Matrix

logger = logging.getLogger(__name__)

NO_PHOTO_MODEL = "photos are found by name and look-alike only: no photo model is installed"
NO_TEXT_MODEL = "documents are found by their words only: no text model is installed"
NO_SPEECH_MODEL = "the example's speech is not heard: no speech model is installed"
ENGLISH_TEXT = "documents are found by their words only: the text model in use knows English"
ENGLISH_PHOTOS = "photos are found by name and look-alike only: the photo model in use knows English"


Rows = TypeVar("Rows", bound=Matrix)


@dataclass(frozen=True)
class Part:
    """What one part of a query gives the channels; None and empty where it has nothing to say."""

    terms: tuple[Term, ...] = ()
    name_terms: tuple[Term, ...] = ()
    # ``Floats``, which is a type when the program runs too: messages are decoded by it.
    text: Floats | None = None  # in ``text_space``, shape (dim,), unit length
    photo: Floats | None = None  # in ``photo_space``
    text_space: EmbeddingSpace | None = None
    photo_space: EmbeddingSpace | None = None
    look_alike: Floats | None = None
    phash: int | None = None
    content_id: int | None = None  # an example that is in the index
    paths: frozenset[bytes] = frozenset()  # an example's own, left out of the answer
    is_example: bool = True


class Notes:
    """One-line remarks on what could not be asked, each said once, in order."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        self._lines: dict[str, None] = dict.fromkeys(lines)

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def add(self, line: str) -> None:
        self._lines.setdefault(line)

    def drop(self, line: str) -> None:
        self._lines.pop(line, None)

    def encoded(self, encode: Callable[[], Rows], missing: str) -> Rows | None:
        """What ``encode`` gives; None, and a note, when its model is missing or cannot be used."""
        try:
            return encode()
        except ModelMissingError:
            self.add(missing)
        except (ModelError, ChildError) as error:
            logger.warning("searching without an encoder: %s", error)
            self.add(f"{missing.split(':')[0]}: {as_note(error)}")
        return None


def as_note(error: FindlingError) -> str:
    """An error as one line."""
    return " ".join(str(error).split())


def words_part(
    parsed: ParsedText,
    encoders: QueryEncoders,
    text_space: EmbeddingSpace | None,
    photo_space: EmbeddingSpace | None,
    kinds: frozenset[Kind],
    notes: Notes,
) -> Part:
    """Encode the words of a query into each space that can serve the wanted kinds (all, when none is named)."""
    text = photo = None
    foreign = not _is_latin(parsed.text)
    if _wanted(kinds, Kind.DOCUMENT, Kind.AUDIO, Kind.VIDEO):
        if foreign and _knows_only_english(text_space):
            notes.add(ENGLISH_TEXT)
        else:
            text = notes.encoded(lambda: encoders.encode_queries([parsed.text], text_space)[0], NO_TEXT_MODEL)
    if _wanted(kinds, Kind.PHOTO):
        if foreign and _knows_only_english(photo_space):
            notes.add(ENGLISH_PHOTOS)
        else:
            photo = notes.encoded(lambda: encoders.encode_photo_texts([parsed.text], photo_space)[0], NO_PHOTO_MODEL)
    return Part(parsed.terms, parsed.name_terms, text, photo, text_space, photo_space, is_example=False)


def _wanted(kinds: frozenset[Kind], *served: Kind) -> bool:
    return not kinds or not kinds.isdisjoint(served)


def _knows_only_english(space: EmbeddingSpace | None) -> bool:
    entry = shipped_catalogue().find(space.model) if space is not None else None
    return entry is not None and entry.languages == "English"


def _is_latin(text: str) -> bool:
    """Whether at least half of the letters are Latin. French or German pass: which language it is cannot be told."""
    letters = [character for character in text if character.isalpha()]
    latin = sum(unicodedata.name(character, "").startswith("LATIN") for character in letters)
    return 2 * latin >= len(letters)
