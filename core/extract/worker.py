"""The sandbox's child: answers one request after another and turns every exception into a typed answer."""

from __future__ import annotations

import errno
import os
import traceback
from collections.abc import Callable
from dataclasses import fields, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, BinaryIO, Final

from core.child import receive_file
from core.errors import SkippedError, UnreadableError
from core.extract.confinement import MEMORY_LIMIT_BYTES, confine
from core.extract.messages import (
    AudioDecoded,
    DecodeAudio,
    Extracted,
    FileRequest,
    Hello,
    Ready,
    Refused,
    Reply,
    reply_encoder,
    request_decoder,
)
from core.extract.printable import one_line, printable
from core.room import FULL
from core.types import Extraction, Passage

_ENVIRONMENT_REASONS: Final = {
    errno.ENOENT: "it is no longer there",
    errno.EACCES: "no permission to read it",
    errno.EPERM: "no permission to read it",
    errno.EIO: "the disk cannot read it",
    errno.ENAMETOOLONG: "its path is too long",
    errno.ELOOP: "it is a link that leads to itself",
    errno.ENOTDIR: "it is no longer there",
    errno.ESTALE: "its disk has gone away",
    errno.ENXIO: "not an ordinary file",
    errno.EISDIR: "not an ordinary file",
}


Handle = Callable[[FileRequest, BinaryIO | None], Reply]
"""Answers one request; the file takes the samples of ``DecodeAudio`` and is None for any other."""


def serve(connection: Connection) -> None:
    """Serve the readers of ``core.extract.registry``."""
    # Before the process is confined: a library that is missing is seen at once, and not as a fault of each file.
    import core.extract.registry  # noqa: F401

    serve_with(connection, _handle)


def serve_with(connection: Connection, handle: Handle, *, memory_limit_bytes: int = MEMORY_LIMIT_BYTES) -> None:
    """Confine this process, then answer requests with ``handle`` until the pipe closes."""
    guards = confine(memory_limit_bytes)
    while True:
        request = request_decoder.decode(connection.recv_bytes())
        try:
            reply = Ready(guards=guards) if isinstance(request, Hello) else _answer(connection, request, handle)
            message = reply_encoder.encode(_weighed(reply))
        except Exception as error:  # noqa: BLE001 - the boundary: whatever a decoder raises is an answer
            message = reply_encoder.encode(_weighed(refusal(error)))
        connection.send_bytes(message)


def _answer(connection: Connection, request: FileRequest, handle: Handle) -> Reply:
    if not isinstance(request, DecodeAudio):
        return handle(request, None)
    with receive_file(connection) as out:
        return handle(request, out)


def _handle(request: FileRequest, out: BinaryIO | None) -> Reply:
    # Here and not above: the sandbox imports this module in the window's process, where no decoder belongs.
    path = Path(os.fsdecode(request.path))
    if out is not None:
        from core.extract.audio import decode_sound
        from core.extract.filetype import open_regular

        open_regular(path).close()
        return AudioDecoded(duration_s=decode_sound(path, out))
    from core.extract.registry import read

    return Extracted(extraction=encodable(read(path)))


def refusal(error: Exception) -> Refused:
    """An exception in a person's words."""
    if isinstance(error, SkippedError):
        return Refused(reason=error.message, skipped=True)
    if isinstance(error, UnreadableError):
        return Refused(reason=error.message, detail=_origin(error.__cause__))
    if isinstance(error, MemoryError):
        return Refused(reason="needs too much memory to be read", worn=True)
    if isinstance(error, ImportError):  # a library is missing or broken, or memory was too short to load it
        return Refused(
            reason="a part of Findling that reads this format cannot be loaded; installing Findling again may help",
            worn=True,
            detail=_origin(error),
        )
    if isinstance(error, OSError) and error.errno in FULL:
        return Refused(reason="no space left on the disk for what was decoded", no_room=error.errno or 0)
    if isinstance(error, OSError) and error.errno in _ENVIRONMENT_REASONS:
        return Refused(reason=_ENVIRONMENT_REASONS[error.errno])
    if isinstance(error, RecursionError):
        return Refused(reason="damaged: it is nested too deeply", detail=_origin(error))
    return Refused(reason="could not be read: damaged, or of an unexpected form", detail=_origin(error))


def encodable(extraction: Extraction) -> Extraction:
    """With facts and labels as single lines, and without control characters and lone surrogates anywhere."""
    metadata = extraction.metadata
    changed: dict[str, Any] = {
        field.name: one_line(value)
        for field in fields(metadata)
        if isinstance(value := getattr(metadata, field.name), str)
    }
    return replace(
        extraction,
        metadata=replace(metadata, **changed),
        note=one_line(extraction.note),
        passages=tuple(passage for passage in map(_encodable, extraction.passages) if passage.text),
    )


def _encodable(passage: Passage) -> Passage:
    text, label = printable(passage.text).strip(), one_line(passage.locator.label)
    if text == passage.text and label == passage.locator.label:
        return passage
    return replace(passage, text=text, locator=replace(passage.locator, label=label))


def _origin(error: BaseException | None) -> str:
    """An exception's type and where it arose. Not its message, which may quote the file."""
    if error is None:
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def _weighed(reply: Reply) -> Reply:
    import msgspec
    import psutil

    return msgspec.structs.replace(reply, rss_bytes=psutil.Process().memory_info().rss)
