"""What the hosts and their children say to one another: msgspec structs, checked on arrival.

Every request is answered by exactly one reply and carries all it needs, the model included, so that a child which
died can be started again and asked the same thing. Paths travel as bytes (``os.fsencode``).
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from core.errors import ChildError, FindlingError, ModelError, UnreadableError
from core.log import origin
from core.models.fidelity import Fidelity
from core.models.installed import InstalledModel, Manifest
from core.models.prepared import prepared_at
from core.models.specs import Backend, PictureSpec, TokeniserSpec, Tower
from core.room import FULL, no_room
from core.types import Matrix, SpeechSpan

# numpy refuses shapes beyond a limit of its own, even those that hold nothing.
_MOST_DIM = 1 << 16
_MOST_ROWS = 1 << 31


class Task(StrEnum):
    """Which encoder sees the inputs, and as what."""

    PICTURES = "pictures"
    PHOTO_TEXTS = "photo-texts"
    PASSAGES = "passages"
    QUERIES = "queries"


class ModelRef(msgspec.Struct, frozen=True):
    """An installed model on its way to a child."""

    folder: bytes
    manifest: Manifest
    weights_id: str
    packaged: bool
    prepared: bytes | None = None  # the folder that ``models prepare`` made for it
    prepared_ns: int = 0  # when: prepared again, it is another reference, and loaded again

    @classmethod
    def of(cls, model: InstalledModel, prepared: Path | None = None) -> ModelRef:
        """``prepared`` is where its prepared files lie, if it has any."""
        ref = cls(os.fsencode(model.folder), model.manifest, model.weights_id, model.packaged)
        stamp = None if prepared is None else prepared_at(prepared)
        if prepared is None or stamp is None:
            return ref
        return msgspec.structs.replace(ref, prepared=os.fsencode(prepared), prepared_ns=stamp)

    @property
    def prepared_folder(self) -> Path | None:
        return None if self.prepared is None else Path(os.fsdecode(self.prepared))

    def resolve(self) -> InstalledModel:
        return InstalledModel(Path(os.fsdecode(self.folder)), self.manifest, self.weights_id, self.packaged)


class Encode(msgspec.Struct, frozen=True, tag=True):
    """One batch for an encoder; answered by ``Vectors``."""

    model: ModelRef
    task: Task
    texts: list[str] = []
    pictures: list[bytes] = []


class FindSpeech(msgspec.Struct, frozen=True, tag=True):
    """Where somebody speaks in a recording; answered by ``Windows``."""

    pcm: bytes


class Transcribe(msgspec.Struct, frozen=True, tag=True):
    """One window of a recording, as (start, end) in samples; answered by ``Transcript``.

    ``language`` is None for the first window: it is then told apart among ``expected``, or among all that the model
    knows when that is empty.
    """

    model: ModelRef
    pcm: bytes
    window: tuple[int, int]
    language: str | None
    expected: list[str]


class Inspect(msgspec.Struct, frozen=True, tag=True):
    """Load a model and run it once; answered by ``Inspected``."""

    model: ModelRef


class Survey(msgspec.Struct, frozen=True, tag=True):
    """Take a model apart in ``work``, where the sample lies; answered by ``Surveyed``."""

    model: ModelRef
    work: bytes


class Try(msgspec.Struct, frozen=True, tag=True):
    """Run a tower on a back-end for about that long; answered by ``Tried``."""

    model: ModelRef
    work: bytes
    tower: Tower
    backend: Backend
    seconds: float


class Judge(msgspec.Struct, frozen=True, tag=True):
    """Compare a tower's vectors on a back-end with the reference's; answered by ``Judged``."""

    model: ModelRef
    work: bytes
    tower: Tower
    backend: Backend


class CompileAhead(msgspec.Struct, frozen=True, tag=True):
    """Leave beside a tower's graph what queries load it from faster; answered by ``Compiled``."""

    model: ModelRef
    work: bytes
    tower: Tower
    backend: Backend


Request = Encode | FindSpeech | Transcribe | Inspect | Survey | Try | Judge | CompileAhead


class Vectors(msgspec.Struct, frozen=True, tag=True):
    """A float32 matrix of shape (rows, dim), row by row."""

    rows: int
    dim: int
    data: bytes

    @classmethod
    def of(cls, matrix: Matrix) -> Vectors:
        rows, dim = matrix.shape
        return cls(rows, dim, np.ascontiguousarray(matrix, dtype="<f4").tobytes())

    def matrix(self) -> Matrix:
        """Raises ``ChildError`` where the bytes are not those of that many rows."""
        in_range = 0 <= self.dim <= _MOST_DIM and 0 <= self.rows <= _MOST_ROWS
        if not in_range or len(self.data) != 4 * self.rows * self.dim:
            raise ChildError("an answer could not be read: its vectors are not of the size that it names")
        return np.frombuffer(self.data, dtype="<f4").reshape(self.rows, self.dim).astype(np.float32)


class Windows(msgspec.Struct, frozen=True, tag=True):
    windows: list[tuple[int, int]]  # samples


class Transcript(msgspec.Struct, frozen=True, tag=True):
    spans: list[SpeechSpan]
    language: str
    notes: list[str] = []  # what was decided about the library that hears, for the log


class Inspected(msgspec.Struct, frozen=True, tag=True):
    dim: int | None


class Surveyed(msgspec.Struct, frozen=True, tag=True):
    """What can be tried, and how the inputs are made without torch, where that is possible."""

    backends: dict[Tower, list[Backend]]
    tokeniser: TokeniserSpec | None
    pictures: PictureSpec | None


class Tried(msgspec.Struct, frozen=True, tag=True):
    rate: float  # inputs per second


class Judged(msgspec.Struct, frozen=True, tag=True):
    fidelity: Fidelity


class Compiled(msgspec.Struct, frozen=True, tag=True):
    """It is there."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The request could not be done. Of a library's error the place is told: its message may quote the input."""

    kind: str
    message: str
    path: bytes | None = None
    number: int = 0  # the system's, where a disk is full

    @classmethod
    def of(cls, error: Exception) -> Failed:
        if isinstance(error, OSError) and error.errno in FULL:
            return cls("no room", error.strerror or "", number=error.errno or 0)
        if isinstance(error, FindlingError):
            kind = "unreadable" if isinstance(error, UnreadableError) else "model"
            return cls(kind, error.message, None if error.path is None else os.fsencode(error.path))
        return cls("other", origin(error))

    def error(self) -> FindlingError:
        path = None if self.path is None else os.fsdecode(self.path)
        match self.kind:
            case "unreadable":
                return UnreadableError(self.message, path=path)
            case "model":
                return ModelError(self.message, path=path)
            case "no room":
                return no_room(None, "a file of the model could not be written", self.number)
        return ChildError(f"the model failed: {self.message}")


Reply = Vectors | Windows | Transcript | Inspected | Surveyed | Tried | Judged | Compiled | Failed

_encoder = msgspec.msgpack.Encoder()
_request_decoder = msgspec.msgpack.Decoder(Request)
_reply_decoder = msgspec.msgpack.Decoder(Reply)

R = TypeVar("R", bound=msgspec.Struct)


def pack(message: Request | Reply) -> bytes:
    return _encoder.encode(message)


def unpack_request(data: bytes) -> Request:
    request: Request = _request_decoder.decode(data)
    return request


def unpack_reply(data: bytes, expected: type[R]) -> R:
    """Raises the error that a ``Failed`` carries, ``ChildError`` when the answer is not of the expected type."""
    reply = decoded(_reply_decoder, data)
    if isinstance(reply, Failed):
        raise reply.error()
    return of_kind(reply, expected)


def decoded(decoder: msgspec.msgpack.Decoder[Any], data: bytes) -> Any:
    """What a child has sent. Raises ``ChildError`` for what is no message."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChildError(f"an answer could not be read: {error}") from error


def of_kind(message: object, kind: type[R]) -> R:
    """The message, if it is of that kind. Raises ``ChildError`` for any other."""
    if not isinstance(message, kind):
        raise ChildError(f"an unexpected answer: {type(message).__name__}")
    return message
