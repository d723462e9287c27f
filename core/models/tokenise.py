"""Texts to token ids without torch or transformers, exactly as the model's own tokenizer makes them.

``core.models.reference`` takes ``tokenizer.json`` and the ``TokeniserSpec`` from the model's own tokenizer, and
compares the two on a few hundred texts before this one is used.
"""

from __future__ import annotations

import functools
import html
import string
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.models.failures import one_line
from core.models.specs import Cleaning, TokeniserKind, TokeniserSpec

Ids = NDArray[np.int64]

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_CACHED_WORDS = 10_000


class Tokeniser:
    """Texts to rows of ids. For one thread at a time."""

    def __init__(self, spec: TokeniserSpec, path: Path) -> None:
        """``path`` is a ``tokenizer.json``. Raises ``ModelError``."""
        from tokenizers import Tokenizer

        self.spec = spec
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
            if spec.kind is TokeniserKind.TOKENIZERS:
                self._tokenizer.no_padding()
                self._tokenizer.enable_truncation(spec.context)
        except Exception as error:  # the library raises plain Exception
            raise ModelError(f"not a usable tokenizer: {one_line(error)}", path=path) from error
        if spec.kind is TokeniserKind.CLIP:
            self._clip_words = _clip_words(spec.pattern)
            self._special = dict(spec.special)
            self._start, self._end = (number for _, number in spec.special[:2])
            self._bytes = _bytes_to_unicode()
            self._ids_of_word = functools.lru_cache(_CACHED_WORDS)(self._pairs_of)

    def rows(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, special ones included, cut to the context, not padded."""
        cleaned = [_clean(_encodable(text), self.spec.cleaning) for text in texts]
        if self.spec.kind is TokeniserKind.CLIP:
            return [self._clip_row(text) for text in cleaned]
        return [list(encoding.ids) for encoding in self._tokenizer.encode_batch(cleaned)]

    def pad(self, rows: Sequence[list[int]], step: int = 1) -> tuple[Ids, Ids]:
        """Rows to ids and attention mask, both int64 of shape (n, width).

        The width is the context where that is fixed, else that of the longest, rounded up to a multiple of ``step``.
        """
        longest = max(1, *(len(row) for row in rows))
        width = (
            self.spec.context if self.spec.fixed else max(longest, min(-(-longest // step) * step, self.spec.context))
        )
        ids = np.full((len(rows), width), self.spec.pad_id, np.int64)
        mask = np.zeros((len(rows), width), np.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
            mask[place, : len(row)] = 1
        if self.spec.blank_id is not None:
            ids[ids == self.spec.blank_id] = 0
        return ids, mask

    def _clip_row(self, text: str) -> list[int]:
        ids = [self._start]
        for word in self._clip_words(text):
            ids += self._ids_of_word(word)
        ids = [*ids, self._end][: self.spec.context]
        ids[-1] = self._end
        return ids

    def _pairs_of(self, word: str) -> tuple[int, ...]:
        if word in self._special:
            return (self._special[word],)
        spelt = "".join(self._bytes[byte] for byte in word.encode())
        return tuple(token.id for token in self._tokenizer.model.tokenize(spelt))


def batches_by_length(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Places of texts in batches of similar length, shortest first.

    A batch costs as much as its longest text times their number, and that is at most ``budget`` tokens, or one text.
    """
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[place] > budget:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _encodable(text: str) -> str:
    """Lone surrogates have no UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _clean(text: str, cleaning: Cleaning) -> str:
    """Source: ``open_clip.tokenizer`` (``basic_clean`` and what follows it)."""
    if cleaning is Cleaning.NONE:
        return text
    text = html.unescape(html.unescape(_fixed(text))).strip()
    if cleaning is Cleaning.CANONICALIZE:
        text = text.replace("_", " ").translate(_PUNCTUATION).lower()
    text = " ".join(text.split())
    return text.lower() if cleaning is Cleaning.LOWER else text


def _fixed(text: str) -> str:
    """What ftfy makes of a text; of plain ASCII nothing else, and its import would take as long as encoding a query."""
    if text.isascii() and text.isprintable() and "&" not in text:
        return text
    import ftfy

    return ftfy.fix_text(text)


def _clip_words(pattern: str) -> Callable[[str], list[str]]:
    import regex

    find: Callable[[str], list[str]] = regex.compile(pattern, regex.IGNORECASE).findall
    return find


def _bytes_to_unicode() -> dict[int, str]:
    """The letter that stands for each byte in a byte-pair vocabulary. Source: Radford et al. 2019 (GPT-2)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    letters = {byte: chr(byte) for byte in printable}
    others = [byte for byte in range(256) if byte not in letters]
    return letters | {byte: chr(256 + place) for place, byte in enumerate(others)}
