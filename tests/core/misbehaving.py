"""What a sandbox child runs in the tests: a reader that does what the file tells it to, like a decoder with a bug."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import BinaryIO

from core.errors import SkippedError, UnreadableError
from core.extract import worker
from core.extract.messages import (
    AudioDecoded,
    Extracted,
    FileRequest,
    Hello,
    Ready,
    Reply,
    reply_encoder,
    request_decoder,
)
from core.types import Extraction, Kind, Locator, Metadata, Passage

LIMIT_BYTES = 1024**3


def serve(connection: Connection) -> None:
    worker.serve_with(connection, obey)


def serve_in_little_memory(connection: Connection) -> None:
    worker.serve_with(connection, obey, memory_limit_bytes=LIMIT_BYTES)


def serve_garbage(connection: Connection) -> None:
    connection.recv_bytes()
    connection.send_bytes(reply_encoder.encode(Ready(guards=())))
    while connection.recv_bytes():
        connection.send_bytes(b"\x93\x01\x02not what was agreed")


def serve_nothing(connection: Connection) -> None:
    """A broken installation: a library that is loaded at the start is not there."""
    raise ImportError("No module named 'a_library_of_ours'")


def serve_unconfined(connection: Connection) -> None:
    """A child that sets itself no limits, as on a system that has none."""
    while True:
        request = request_decoder.decode(connection.recv_bytes())
        reply = Ready(guards=()) if isinstance(request, Hello) else obey(request, None)
        connection.send_bytes(reply_encoder.encode(reply))


def serve_spinning(connection: Connection) -> None:
    """Tell the process, then work for good."""
    connection.recv_bytes()
    connection.send_bytes(str(os.getpid()).encode())
    while True:
        pass


def serve_holding_the_lock(connection: Connection) -> None:
    """As ``serve_spinning``, inside one call that lets no other thread of the interpreter run."""
    connection.recv_bytes()
    connection.send_bytes(str(os.getpid()).encode())
    re.match("(a+)+b", "a" * 60)


def serve_half_an_answer(connection: Connection) -> None:
    connection.recv_bytes()
    os.write(connection.fileno(), b"\0\0\1\0and then nothing")
    time.sleep(60)


def obey(request: FileRequest, out: BinaryIO | None) -> Reply:
    """The file's first word is an order, its second an argument."""
    path = Path(os.fsdecode(request.path))
    order, _, argument = path.read_text().partition(" ")
    if order == "signal":
        os.kill(os.getpid(), int(argument))
    elif order == "crash-if-process" and int(argument) == os.getpid():
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
    elif order == "eat-slowly":
        hoard = []
        while True:
            hoard.append(b"\1" * (16 * 1024 * 1024))
            time.sleep(0.02)
    elif order == "short-of-memory-if-process" and int(argument) == os.getpid():
        raise MemoryError
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
            Kind.DOCUMENT,
            "text/plain",
            Metadata(title="a\udcffb"),
            (Passage(f"x{argument and chr(0xD800)}", Locator()),),
        )
        return Extracted(extraction=worker.encodable(extraction))
    elif order == "chatter":
        os.write(1, b"native noise on standard output\n")
        os.write(2, b"native noise on standard error\n")
    if out is not None:
        out.write(b"\0" * 8)
        if order == "fail-late":
            raise UnreadableError("its sound cannot be decoded")
        return AudioDecoded(duration_s=2 / 16_000)
    return Extracted(extraction=Extraction(Kind.DOCUMENT, "text/plain", Metadata(title=str(os.getpid()))))


def obey_deeply(depth: int) -> int:
    return obey_deeply(depth + 1) + 1
