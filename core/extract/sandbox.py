"""Reads untrusted files in a child process, so that a decoder that crashes, hangs or eats memory costs one file."""

from __future__ import annotations

import logging
import os
import threading
from functools import cache
from pathlib import Path
from typing import BinaryIO, Final

from core.cancel import CancelToken
from core.child import Child, ChildDied, ChildTimeout, ChildTooLarge, Serve
from core.errors import Cancelled, ChildError, FindlingError, ReaderError, SkippedError, UnreadableError
from core.extract import worker
from core.extract.answers import unpack_reply
from core.extract.confinement import MEMORY_LIMIT_BYTES
from core.extract.deadlines import decoding_s, reading_s
from core.extract.messages import (
    AudioDecoded,
    DecodeAudio,
    Extract,
    Extracted,
    FileRequest,
    Hello,
    Ready,
    Refused,
    Reply,
    request_encoder,
)
from core.room import disk_trouble, no_room
from core.types import Extraction

logger = logging.getLogger(__name__)

_NICENESS: Final = 10  # whoever sits at the computer goes first
_ATTEMPTS: Final = 2  # a death may have been another's fault: memory was short, or an earlier file broke the heap
_FILES_PER_CHILD: Final = 500  # decoders leak; a new child takes a tenth of a second
_MAX_RSS_BYTES: Final = 1024**3
_START_S: Final = 60.0  # to load the readers, on a machine that does much else

_WRONG_ANSWER: Final = "could not be read: the reader gave a wrong answer"
_TOO_SLOW: Final = "the reader took too long and was stopped"
_TOO_LARGE: Final = "needs too much memory to be read"
_CRASHED: Final = "the reader crashed on it: probably damaged"
_KILLED: Final = "the reader was ended by the system while reading it, perhaps because memory was short"


class Sandbox:
    """``core.extract.base.Reader`` over a child process. Safe to call from several threads: calls take turns.

    ``serve`` is what the child runs; tests put decoders there that misbehave. ``deadline_factor`` scales all deadlines.
    """

    def __init__(
        self,
        *,
        serve: Serve = worker.serve,
        deadline_factor: float = 1.0,
        memory_limit_bytes: int | None = None,
        niceness: int = _NICENESS,
    ) -> None:
        """``niceness`` as ``core.cpu.step_back`` takes it: 0 where a person waits for the file.

        ``memory_limit_bytes`` is watched from here, beside the limit that the child sets itself.

        By default that limit, and no more than half of this computer's memory.
        """
        if memory_limit_bytes is None:
            memory_limit_bytes = min(MEMORY_LIMIT_BYTES, _half_of_memory())
        # One thread each: where more cores are to be used, there are more sandboxes (``core.extract.pool``).
        self._child = Child("sandbox", serve, niceness=niceness, threads=1, memory_limit_bytes=memory_limit_bytes)
        self._turn = threading.Lock()
        self._deadline_factor = deadline_factor
        self._ready: Ready | None = None  # the running child's
        self._greeted = 0  # which start of the child was greeted
        self._files = 0  # read by the running child
        self._closings = 0
        self._losses = 0

    @property
    def parallel(self) -> int:
        """Calls take turns."""
        return 1

    @property
    def starts(self) -> int:
        """How many children were started so far."""
        return self._child.starts

    @property
    def losses(self) -> int:
        """How many children a file cost: by a crash, its deadline, or memory."""
        return self._losses

    @property
    def pid(self) -> int | None:
        """The child that runs now, None where there is none."""
        return self._child.pid

    def guards(self) -> tuple[str, ...]:
        """What the child is held to on this machine (``core.extract.confinement.GUARDS``).

        Raises ``ReaderError`` where no child can be started, ``Cancelled`` when this sandbox is closed meanwhile.
        """
        with self._turn:
            return self._greet(self._closings, None).guards

    def extract(self, path: bytes, cancel: CancelToken | None = None) -> Extraction:
        """Read one file.

        Raises ``UnreadableError`` with a person's reason when it is broken, hangs past its deadline, takes too much
        memory, or kills the child twice; ``SkippedError`` when its format is one that is not read; ``ReaderError``
        when no child can be started, which is no file's fault; ``Cancelled``.
        """
        reply = self._ask(Extract(path), path, reading_s(path), cancel)
        if not isinstance(reply, Extracted):
            raise UnreadableError(_WRONG_ANSWER, path=path)
        return reply.extraction

    def decode_audio(self, path: bytes, pcm: Path, cancel: CancelToken | None = None) -> float:
        """Decode the first sound track to raw little-endian float32 mono at 16 kHz in ``pcm``; its length in seconds.

        Raises as ``extract`` does, also ``UnreadableError`` when there is no sound track, ``NoRoomError`` and
        ``StorageError`` where ``pcm`` cannot be written; it is not left behind.
        """
        done = False
        try:
            with open(pcm, "wb", opener=_private) as out:
                reply = self._ask(DecodeAudio(path), path, decoding_s(path), cancel, out)
            if not isinstance(reply, AudioDecoded):
                raise UnreadableError(_WRONG_ANSWER, path=path)
            done = True
            return reply.duration_s
        except OSError as error:
            raise disk_trouble(error, pcm, "sound could not be decoded") from error
        finally:
            if not done:
                pcm.unlink(missing_ok=True)

    def close(self) -> None:
        """End the child; a call in progress on another thread raises ``Cancelled``. A later call starts a new one."""
        self._closings += 1
        self._child.close()

    def _ask(
        self,
        request: FileRequest,
        path: bytes,
        seconds: float,
        cancel: CancelToken | None,
        out: BinaryIO | None = None,
    ) -> Reply:
        message = request_encoder.encode(request)
        closings = self._closings
        with self._turn:
            for attempt in range(1, _ATTEMPTS + 1):
                if cancel is not None:
                    cancel.raise_if_cancelled()
                self._greet(closings, cancel)
                fresh = self._files == 0
                if out is not None:
                    out.truncate(0)  # of a first attempt
                    out.seek(0)
                try:
                    answer = self._child.call(message, seconds * self._deadline_factor, cancel, out)
                except ChildTimeout as error:
                    self._losses += 1
                    raise UnreadableError(_TOO_SLOW, path=path) from error
                except ChildTooLarge as error:
                    self._losses += 1
                    raise UnreadableError(_TOO_LARGE, path=path) from error
                except ChildDied as error:
                    if self._closings != closings:
                        raise Cancelled from error
                    self._losses += 1
                    logger.warning("the sandbox child died (%s), attempt %s", error.message, attempt)
                    if attempt == _ATTEMPTS:
                        raise UnreadableError(_KILLED if error.killed else _CRASHED, path=path) from error
                    continue
                reply = self._accept(answer, path)
                if isinstance(reply, Refused) and reply.worn and not fresh and attempt < _ATTEMPTS:
                    continue  # what earlier files left behind may have been too much for this one
                if isinstance(reply, Refused):
                    raise _refusal(reply, path, out)
                return reply
        raise AssertionError("every attempt returns or raises")

    def _greet(self, closings: int, cancel: CancelToken | None) -> Ready:
        """Start the child if need be, and make sure that it can read before it is given a file.

        An installation that cannot is thereby one fault, and not one of every file.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            if self._ready is not None and self._greeted == self._child.starts and self._child.running:
                return self._ready
            self._ready, self._files = None, 0
            try:
                answer = self._child.call(request_encoder.encode(Hello()), _START_S, cancel)
                reply = unpack_reply(answer)
            except ChildError as error:
                if self._closings != closings:
                    raise Cancelled from error
                logger.warning("the sandbox child did not start (%s), attempt %s", error, attempt)
            else:
                if isinstance(reply, Ready):
                    self._ready, self._greeted = reply, self._child.starts
                    return reply
            self._child.kill()
        raise ReaderError("the part of Findling that reads files does not start; installing Findling again may help")

    def _accept(self, answer: bytes, path: bytes) -> Reply:
        """Check an answer, and let a child go that has served long enough."""
        try:
            reply = unpack_reply(answer)
        except ChildError as error:  # the child may have been taken over: believe nothing more of it
            self._recycle()
            raise UnreadableError(_WRONG_ANSWER, path=path) from error
        self._files += 1
        self._losses += reply.worn
        if reply.worn or reply.rss_bytes > _MAX_RSS_BYTES or self._files >= _FILES_PER_CHILD:
            self._recycle()
        return reply

    def _recycle(self) -> None:
        self._child.close()
        self._files = 0


def _refusal(reply: Refused, path: bytes, out: BinaryIO | None) -> FindlingError:
    if reply.detail:
        logger.info("the sandbox refused a file: %s", reply.detail)
    if reply.no_room and out is not None:  # the disk ended it, and no fault of the file
        return no_room(Path(out.name), "sound could not be decoded", reply.no_room)
    return (SkippedError if reply.skipped else UnreadableError)(reply.reason, path=path)


@cache
def _half_of_memory() -> int:
    """Bytes; at least what decoding any ordinary file takes."""
    import psutil  # here, because a search starts without it

    return max(_MAX_RSS_BYTES, int(psutil.virtual_memory().total) // 2)


def _private(path: str, flags: int) -> int:
    """An ``opener`` for what nobody else on this computer is to hear."""
    return os.open(path, flags, 0o600)
