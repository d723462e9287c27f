"""How long reading a file may take, by its size and by the kind that its name suggests.

Generous beside what a slow disk and a busy machine need, short beside a person's patience: the slowest file of the
test corpora takes a tenth of the least of them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from core.extract.media_types import guess_kind
from core.types import Kind


@dataclass(frozen=True)
class Deadline:
    """``base_s`` seconds and ``per_mb_s`` for each megabyte of the file, at most ``most_s``."""

    base_s: float
    per_mb_s: float
    most_s: float

    def seconds(self, size_bytes: int) -> float:
        return min(self.base_s + self.per_mb_s * size_bytes / 1_000_000, self.most_s)


# A document may be text to its last byte. Of a recording or film only the tags and a few pictures are read.
_READING: Final = {
    Kind.PHOTO: Deadline(60.0, 1.0, 180.0),
    Kind.DOCUMENT: Deadline(60.0, 2.0, 600.0),
    Kind.AUDIO: Deadline(60.0, 0.1, 300.0),
    Kind.VIDEO: Deadline(60.0, 0.1, 300.0),
    Kind.OTHER: Deadline(60.0, 2.0, 600.0),
}
# A megabyte of speech can be half an hour long; one of film is mostly pictures.
_DECODING: Final = {
    Kind.VIDEO: Deadline(60.0, 0.5, 3600.0),
}
_DECODING_OTHERS: Final = Deadline(60.0, 4.0, 3600.0)


def reading_s(path: bytes) -> float:
    """Seconds for ``Reader.extract``."""
    return _READING[_kind(path)].seconds(_size(path))


def decoding_s(path: bytes) -> float:
    """Seconds for ``Reader.decode_audio``."""
    return _DECODING.get(_kind(path), _DECODING_OTHERS).seconds(_size(path))


def _kind(path: bytes) -> Kind:
    return guess_kind(os.fsdecode(os.path.basename(path)))  # noqa: PTH119 - a bytes path


def _size(path: bytes) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - a bytes path
    except OSError:
        return 0  # the child finds out and says why
