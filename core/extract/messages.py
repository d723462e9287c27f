"""What the sandbox and its child say to each other: msgspec structs, checked on arrival."""

from __future__ import annotations

import msgspec

from core.types import Extraction


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first request: are you there, and how are you confined?"""


class Extract(msgspec.Struct, frozen=True, tag="extract"):
    """Read the file at ``path`` (``os.fsencode``)."""

    path: bytes


class DecodeAudio(msgspec.Struct, frozen=True, tag="decode-audio"):
    """Decode the sound track of the file at ``path`` (``os.fsencode``).

    The samples go into a file that the parent opened: its descriptor follows the message, because the child can open
    none for writing.
    """

    path: bytes


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    rss_bytes: int = 0  # of the child, after the work
    worn: bool = False  # the child asks to be replaced, e.g. after it ran out of memory


class Ready(_Answer, frozen=True, tag="ready"):
    """The child can read. ``guards`` hold it (``core.extract.confinement.GUARDS``)."""

    guards: tuple[str, ...]


class Extracted(_Answer, frozen=True, tag="extracted"):
    extraction: Extraction


class AudioDecoded(_Answer, frozen=True, tag="audio-decoded"):
    duration_s: float


class Refused(_Answer, frozen=True, tag="refused"):
    """The file is not read. ``reason`` is for a person; ``detail`` for the log, without anything from the file."""

    reason: str
    skipped: bool = False
    detail: str = ""
    no_room: int = 0  # the system's error where the disk, and no fault of the file, ended it


Request = Hello | Extract | DecodeAudio
FileRequest = Extract | DecodeAudio
Reply = Ready | Extracted | AudioDecoded | Refused

request_encoder = msgspec.msgpack.Encoder()
request_decoder: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
reply_encoder = msgspec.msgpack.Encoder()
reply_decoder: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
