"""The sandbox's child: answers one request after another and turns every exception into a typed answer."""

from __future__ import annotations

import errno
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import fields, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from core.errors import SkippedError, UnreadableError
from core.extract.messages import (
    AudioDecoded,
    DecodeAudio,
    Extracted,
    Refused,
    Reply,
    Request,
    reply_encoder,
    request_decoder,
)
from core.types import Extraction

# Address space, not memory in use: libraries and thread stacks reserve far more than they touch. A picture at the
# pixel limit needs 2 GB of it.
MEMORY_LIMIT_BYTES: Final = 4 * 1024**3

_ENVIRONMENT_REASONS: Final = {
    errno.ENOENT: "it is no longer there",
    errno.EACCES: "no permission to read it",
    errno.EPERM: "no permission to read it",
    errno.EIO: "the disk cannot read it",
    errno.ENOSPC: "no space left on the disk for what was decoded",
    errno.EDQUOT: "no space left on the disk for what was decoded",
    errno.ENAMETOOLONG: "its path is too long",
    errno.ELOOP: "it is a link that leads to itself",
    errno.ENOTDIR: "it is no longer there",
    errno.ESTALE: "its disk has gone away",
    errno.ENXIO: "not an ordinary file",
    errno.EISDIR: "not an ordinary file",
}


def serve(connection: Connection) -> None:
    """Serve the readers of ``core.extract.registry``."""
    serve_with(connection, _handle)


def serve_with(
    connection: Connection, handle: Callable[[Request], Reply], *, memory_limit_bytes: int = MEMORY_LIMIT_BYTES
) -> None:
    """Confine this process, then answer requests with ``handle`` until the pipe closes."""
    confine(memory_limit_bytes)
    while True:
        request = request_decoder.decode(connection.recv_bytes())
        try:
            reply = handle(request)
        except Exception as error:  # noqa: BLE001 - the boundary: whatever a decoder raises is an answer
            reply = refusal(error)
        connection.send_bytes(reply_encoder.encode(_weighed(reply)))


def confine(memory_limit_bytes: int) -> None:
    """Limit what this process can take, and keep decoders' chatter off the terminal."""
    warnings.simplefilter("ignore")
    quiet = os.open(os.devnull, os.O_WRONLY)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    os.close(quiet)
    if sys.platform != "win32":
        import resource

        for which, limit in ((resource.RLIMIT_AS, memory_limit_bytes), (resource.RLIMIT_CORE, 0)):
            _, hard = resource.getrlimit(which)
            most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            try:
                resource.setrlimit(which, (most, hard))
            except (ValueError, OSError):  # macOS has the names without the means
                continue
    if sys.platform == "linux":
        try:  # where memory runs out, this process is the one to go, not the window
            Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
        except OSError:
            return


def _handle(request: Request) -> Reply:
    # Here and not above: the sandbox imports this module in the window's process, where no decoder belongs.
    path = Path(os.fsdecode(request.path))
    if isinstance(request, DecodeAudio):
        from core.extract.audio import decode_sound
        from core.extract.filetype import open_regular

        open_regular(path).close()
        return AudioDecoded(duration_s=decode_sound(path, Path(os.fsdecode(request.pcm))))
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
    if isinstance(error, OSError) and error.errno in _ENVIRONMENT_REASONS:
        return Refused(reason=_ENVIRONMENT_REASONS[error.errno])
    if isinstance(error, RecursionError):
        return Refused(reason="damaged: it is nested too deeply", detail=_origin(error))
    return Refused(reason="could not be read: damaged, or of an unexpected form", detail=_origin(error))


def encodable(extraction: Extraction) -> Extraction:
    """Without lone surrogates, which damaged mail headers and the like decode to and no encoding can carry."""
    metadata = extraction.metadata
    changed: dict[str, Any] = {
        field.name: _clean(value)
        for field in fields(metadata)
        if isinstance(value := getattr(metadata, field.name), str)
    }
    return replace(
        extraction,
        metadata=replace(metadata, **changed),
        passages=tuple(
            replace(
                passage,
                text=_clean(passage.text),
                locator=replace(
                    passage.locator, label=_clean(passage.locator.label) if passage.locator.label else None
                ),
            )
            if not _is_clean(passage.text) or not _is_clean(passage.locator.label or "")
            else passage
            for passage in extraction.passages
        ),
    )


def _is_clean(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text) if not text.isascii() else True


def _clean(text: str) -> str:
    return text if _is_clean(text) else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


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
