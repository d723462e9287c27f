"""Reads untrusted files in a child process, so that a decoder that crashes, hangs or eats memory costs one file."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Final

import msgspec

from core.cancel import CancelToken
from core.child import Child, ChildDied, ChildTimeout, Serve
from core.errors import Cancelled, SkippedError, UnreadableError
from core.extract import worker
from core.extract.messages import (
    AudioDecoded,
    DecodeAudio,
    Extract,
    Extracted,
    Refused,
    Reply,
    Request,
    reply_decoder,
    request_encoder,
)
from core.types import Extraction

logger = logging.getLogger(__name__)

_NICENESS: Final = 10  # whoever sits at the computer goes first
_ATTEMPTS: Final = 2  # a death may have been another's fault: memory was short, or an earlier file broke the heap
_FILES_PER_CHILD: Final = 500  # decoders leak; a new child takes a tenth of a second
_MAX_RSS_BYTES: Final = 1024**3

# Deadlines: generous beside what a slow disk and a busy machine need, short beside a person's patience.
_EXTRACT_BASE_S: Final = 60.0
_EXTRACT_PER_MB_S: Final = 2.0
_EXTRACT_MAX_S: Final = 600.0
_SOUND_BASE_S: Final = 60.0
_SOUND_PER_MB_S: Final = 4.0  # a megabyte of speech can be half an hour long
_SOUND_MAX_S: Final = 3600.0


class Sandbox:
    """``core.extract.base.Reader`` over a child process. Safe to call from several threads: calls take turns.

    ``serve`` is what the child runs; tests put decoders there that misbehave. ``deadline_factor`` scales all deadlines.
    """

    def __init__(self, *, serve: Serve = worker.serve, deadline_factor: float = 1.0) -> None:
        # One thread each: where more cores are to be used, there are more sandboxes (``core.extract.pool``).
        self._child = Child("sandbox", serve, niceness=_NICENESS, threads=1)
        self._turn = threading.Lock()
        self._deadline_factor = deadline_factor
        self._files = 0  # read by the running child
        self._closings = 0

    @property
    def parallel(self) -> int:
        """Calls take turns."""
        return 1

    @property
    def starts(self) -> int:
        """How many children were started so far."""
        return self._child.starts

    def extract(self, path: bytes, cancel: CancelToken | None = None) -> Extraction:
        """Read one file.

        Raises ``UnreadableError`` with a person's reason when it is broken, hangs past its deadline, or kills the
        child twice; ``SkippedError`` when its format is one that is not read; ``Cancelled``.
        """
        seconds = _deadline_s(path, _EXTRACT_BASE_S, _EXTRACT_PER_MB_S, _EXTRACT_MAX_S)
        reply = self._ask(Extract(path), path, seconds, cancel)
        if not isinstance(reply, Extracted):
            raise UnreadableError("could not be read: the reader gave a wrong answer", path=path)
        return reply.extraction

    def decode_audio(self, path: bytes, pcm: Path, cancel: CancelToken | None = None) -> float:
        """Decode the first sound track to raw little-endian float32 mono at 16 kHz in ``pcm``; its length in seconds.

        Raises ``UnreadableError`` as ``extract`` does, also when there is no sound track; then ``pcm`` is not left
        behind.
        """
        seconds = _deadline_s(path, _SOUND_BASE_S, _SOUND_PER_MB_S, _SOUND_MAX_S)
        done = False
        try:
            reply = self._ask(DecodeAudio(path, os.fsencode(pcm)), path, seconds, cancel)
            if not isinstance(reply, AudioDecoded):
                raise UnreadableError("could not be read: the reader gave a wrong answer", path=path)
            done = True
            return reply.duration_s
        finally:
            if not done:
                pcm.unlink(missing_ok=True)

    def close(self) -> None:
        """End the child; a call in progress on another thread raises ``Cancelled``. A later call starts a new one."""
        self._closings += 1
        self._child.close()

    def _ask(self, request: Request, path: bytes, seconds: float, cancel: CancelToken | None) -> Reply:
        message = request_encoder.encode(request)
        closings = self._closings
        with self._turn:
            for attempt in range(1, _ATTEMPTS + 1):
                if cancel is not None:
                    cancel.raise_if_cancelled()
                try:
                    answer = self._child.call(message, seconds * self._deadline_factor, cancel)
                except ChildTimeout as error:
                    raise UnreadableError("the reader took too long and was stopped", path=path) from error
                except ChildDied as error:
                    if self._closings != closings:
                        raise Cancelled from error
                    logger.warning("the sandbox child died (%s), attempt %s", error.message, attempt)
                    if attempt == _ATTEMPTS:
                        raise UnreadableError(f"the reader crashed on it ({error.message})", path=path) from error
                    continue
                return self._accept(answer, path)
        raise AssertionError("every attempt returns or raises")

    def _accept(self, answer: bytes, path: bytes) -> Reply:
        """Check an answer, and let a child go that has served long enough."""
        try:
            reply = reply_decoder.decode(answer)
        except msgspec.DecodeError as error:  # the child may have been taken over: believe nothing more of it
            self._recycle()
            raise UnreadableError("could not be read: the reader gave a wrong answer", path=path) from error
        self._files += 1
        if reply.worn or reply.rss_bytes > _MAX_RSS_BYTES or self._files >= _FILES_PER_CHILD:
            self._recycle()
        if isinstance(reply, Refused):
            if reply.detail:
                logger.info("the sandbox refused a file: %s", reply.detail)
            raise (SkippedError if reply.skipped else UnreadableError)(reply.reason, path=path)
        return reply

    def _recycle(self) -> None:
        self._child.close()
        self._files = 0


def _deadline_s(path: bytes, base_s: float, per_mb_s: float, most_s: float) -> float:
    try:
        size = os.stat(path).st_size  # noqa: PTH116 - a bytes path
    except OSError:
        size = 0  # the child finds out and says why
    return min(base_s + per_mb_s * size / 1_000_000, most_s)
