"""What the engine and the query child say to one another: msgspec structs, checked on arrival.

A question may be answered by several messages: the child asks for vectors that it cannot make itself (``WordsWanted``),
is given them, and goes on to its answer.
"""

from __future__ import annotations

import os
from typing import Any, TypeVar

import msgspec
import numpy as np

from core import errors
from core.errors import ChildError, FindlingError
from core.log import origin
from core.models.messages import ModelRef, Vectors, decoded, of_kind
from core.search.question import Answer, Question
from core.types import EmbeddingSpace, ModelRole


class Models(msgspec.Struct, frozen=True):
    """The models that are installed, of each role the one in use first; none for a role without one in use."""

    text: list[ModelRef]
    photo: list[ModelRef]


class Ask(msgspec.Struct, frozen=True, tag=True):
    """Answer a question under these models; answered by ``Answered``."""

    question: Question
    models: Models


class Warm(msgspec.Struct, frozen=True, tag=True):
    """Load what the first question would wait for; answered by ``Ready``."""

    models: Models


class WordsWanted(msgspec.Struct, frozen=True, tag=True):
    """Words that the child has no tower for; answered by ``Vectors`` or ``Refused``."""

    role: ModelRole
    texts: list[str]
    space: EmbeddingSpace | None  # whose model encodes; None for the one in use


class Answered(msgspec.Struct, frozen=True, tag=True):
    answer: Answer


class Ready(msgspec.Struct, frozen=True, tag=True):
    """What was asked for is loaded, or cannot be and will be told when it is needed."""


class Refused(msgspec.Struct, frozen=True, tag=True):
    """An error on its way across. Of our own bug the place is told: its message may quote the question."""

    kind: str  # the name of the class among ``core.errors``; empty for our own bug
    message: str
    path: bytes | None = None

    @classmethod
    def of(cls, error: Exception) -> Refused:
        if isinstance(error, FindlingError):
            path = None if error.path is None else os.fsencode(error.path)
            return cls(type(error).__name__, error.message, path)
        return cls("", origin(error))

    def error(self) -> FindlingError:
        kind = getattr(errors, self.kind, None) if self.kind else None
        if isinstance(kind, type) and issubclass(kind, FindlingError):
            return kind(self.message, path=self.path)
        return ChildError(f"the search failed: {self.message}")


ToChild = Ask | Warm | Vectors | Refused
FromChild = Answered | Ready | WordsWanted | Refused


def _encode_vector(value: object) -> bytes:
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value, dtype="<f4").tobytes()
    raise NotImplementedError(f"{type(value).__name__} does not cross the pipe")


def _decode_vector(_kind: type, value: Any) -> Any:
    """The one foreign type in these messages is a float32 vector, shape (dim,)."""
    return np.frombuffer(value, dtype="<f4").astype(np.float32)


_encoder = msgspec.msgpack.Encoder(enc_hook=_encode_vector)
_to_child = msgspec.msgpack.Decoder(ToChild, dec_hook=_decode_vector)
_from_child = msgspec.msgpack.Decoder(FromChild, dec_hook=_decode_vector)

M = TypeVar("M", bound=msgspec.Struct)


def pack(message: ToChild | FromChild) -> bytes:
    return _encoder.encode(message)


def unpack_in_child(data: bytes) -> ToChild:
    message: ToChild = _to_child.decode(data)
    return message


def unpack_from_child(data: bytes) -> FromChild:
    """Raises ``ChildError`` for what is no message of the child's."""
    message: FromChild = decoded(_from_child, data)
    return message


def expect(message: ToChild | FromChild, kind: type[M]) -> M:
    """The message, if it is of that kind. Raises what a ``Refused`` carries, ``ChildError`` for any other kind."""
    if isinstance(message, Refused):
        raise message.error()
    return of_kind(message, kind)
