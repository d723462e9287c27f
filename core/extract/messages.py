"""What the sandbox and its child say to each other: msgspec structs, checked on arrival."""

from __future__ import annotations

import msgspec

from core.types import Extraction


class Extract(msgspec.Struct, frozen=True, tag="extract"):
    """Read the file at ``path`` (``os.fsencode``)."""

    path: bytes


class DecodeAudio(msgspec.Struct, frozen=True, tag="decode-audio"):
    """Decode the sound track of the file at ``path`` into the file ``pcm``; both ``os.fsencode``."""

    path: bytes
    pcm: bytes


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    rss_bytes: int = 0  # of the child, after the work
    worn: bool = False  # the child asks to be replaced, e.g. after it ran out of memory


class Extracted(_Answer, frozen=True, tag="extracted"):
    extraction: Extraction


class AudioDecoded(_Answer, frozen=True, tag="audio-decoded"):
    duration_s: float


class Refused(_Answer, frozen=True, tag="refused"):
    """The file is not read. ``reason`` is for a person; ``detail`` for the log, without anything from the file."""

    reason: str
    skipped: bool = False
    detail: str = ""


Request = Extract | DecodeAudio
Reply = Extracted | AudioDecoded | Refused

request_encoder = msgspec.msgpack.Encoder()
request_decoder: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
reply_encoder = msgspec.msgpack.Encoder()
reply_decoder: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
