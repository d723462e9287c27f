"""What a sandbox child runs in the tests: a reader that does what the file tells it to, like a decoder with a bug."""

from __future__ import annotations

import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from core.errors import SkippedError, UnreadableError
from core.extract import worker
from core.extract.messages import AudioDecoded, DecodeAudio, Extracted, Reply, Request
from core.types import Extraction, Kind, Locator, Metadata, Passage

LIMIT_BYTES = 1024**3


def serve(connection: Connection) -> None:
    worker.serve_with(connection, obey)


def serve_in_little_memory(connection: Connection) -> None:
    worker.serve_with(connection, obey, memory_limit_bytes=LIMIT_BYTES)


def serve_garbage(connection: Connection) -> None:
    while connection.recv_bytes():
        connection.send_bytes(b"\x93\x01\x02not what was agreed")


def serve_half_an_answer(connection: Connection) -> None:
    connection.recv_bytes()
    os.write(connection.fileno(), b"\0\0\1\0and then nothing")
    time.sleep(60)


def obey(request: Request) -> Reply:
    """The file's first word is an order, its second an argument."""
    path = Path(os.fsdecode(request.path))
    order, _, argument = path.read_text().partition(" ")
    if order == "signal":
        os.kill(os.getpid(), int(argument))
    elif order == "crash-once" and not Path(argument).exists():
        Path(argument).touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    elif order == "hang":
        time.sleep(600)
    elif order == "spin":
        while True:
            pass
    elif order == "eat":
        hoard = []
        while True:
            hoard.append(bytearray(64 * 1024 * 1024))
    elif order == "exit":
        os._exit(int(argument))
    elif order == "recurse":
        sys.setrecursionlimit(2000)
        obey_deeply(0)
    elif order == "unreadable":
        raise UnreadableError(argument)
    elif order == "skip":
        raise SkippedError(argument)
    elif order == "bug":
        raise ZeroDivisionError(f"while looking at {argument}")
    elif order == "surrogate":
        extraction = Extraction(
            Kind.DOCUMENT, "text/plain", Metadata(title="a\udcffb"), (Passage("x\ud800", Locator()),)
        )
        return Extracted(extraction=worker.encodable(extraction))
    elif order == "chatter":
        os.write(1, b"native noise on standard output\n")
        os.write(2, b"native noise on standard error\n")
    if isinstance(request, DecodeAudio):
        Path(os.fsdecode(request.pcm)).write_bytes(b"\0" * 8)
        if order == "fail-late":
            raise UnreadableError("its sound cannot be decoded")
        return AudioDecoded(duration_s=2 / 16_000)
    return Extracted(extraction=Extraction(Kind.DOCUMENT, "text/plain", Metadata(title=str(os.getpid()))))


def obey_deeply(depth: int) -> int:
    return obey_deeply(depth + 1) + 1
