"""One window for one home: a second one hands its files to the first, and ends.

Who holds ``window.lock`` in the data folder is the first; the lock ends with its process, however that ends, so that a
socket that a killed window left behind is known to be nobody's. The socket lies beside the lock, in a folder that only
its owner can enter: another home, such as the demo's, and another user have their own, and nobody else can ask. What is
sent is a list of paths, bounded in size and checked on arrival.
"""

from __future__ import annotations

import getpass
import hashlib
import logging
import os
import struct
import sys
import tempfile
import time
from collections.abc import Sequence
from enum import Enum, auto
from pathlib import Path

from filelock import FileLock, Timeout
from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from core.config import Folders
from desktop.places import is_text

logger = logging.getLogger(__name__)

MAX_BYTES = 1 << 20  # of one message: more than a command line holds on Windows, and than anyone selects by hand
PATIENCE_MS = 2_000  # for everything that is asked of the first window together
_APART_S = 0.05  # between two tries to reach a first window that is only starting
_MOST_AT_ONCE = 8  # of windows that ask
_LONGEST_SOCKET = 88  # bytes; the limit is 104 on macOS and 108 on Linux, and Qt makes it in a folder beside it first
_LENGTH = struct.Struct(">I")
_DONE = b"\x06"

_BETWEEN = b"\0"  # the one byte that no path holds


class Handover(Enum):
    """What became of the files of a second window."""

    DONE = auto()
    NO_ANSWER = auto()  # the first window hangs
    TOO_MANY = auto()  # more than one message holds


class FirstWindow(QObject):
    """The place of the first window of a home. ``asked`` brings what later ones were started with."""

    asked = Signal(list)  # list[Path], absolute; empty when one was started without files

    def __init__(self, folders: Folders, lock: FileLock, parent: QObject | None = None) -> None:
        """Listen. Use ``take_place``."""
        super().__init__(parent)
        self._lock = lock
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.setMaxPendingConnections(_MOST_AT_ONCE)
        self._server.newConnection.connect(self._on_connection)
        name = socket_name(folders)
        QLocalServer.removeServer(name)  # we hold the lock: whoever made it is gone
        if not self._server.listen(name):
            logger.warning("a second window cannot reach this one: %s", self._server.serverError().name)

    def close(self) -> None:
        """Give the place up; a second call does nothing."""
        self._server.close()
        self._lock.release()

    @Slot()
    def _on_connection(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            _Visitor(socket).asked.connect(self.asked)


class _Visitor(QObject):
    """One connection: reads one message, answers it, and goes after the patience of the other end at the latest."""

    asked = Signal(list)

    def __init__(self, socket: QLocalSocket) -> None:
        super().__init__(socket)  # it goes with the socket, and keeps nothing else alive
        self._socket = socket
        socket.setReadBufferSize(MAX_BYTES + _LENGTH.size)
        socket.readyRead.connect(self._read)
        socket.disconnected.connect(socket.deleteLater)
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(socket.abort)
        timer.start(PATIENCE_MS)
        QTimer.singleShot(0, self._read)  # what came with the connection is not told again

    @Slot()
    def _read(self) -> None:
        if self._socket.bytesAvailable() < _LENGTH.size:
            return
        (length,) = _LENGTH.unpack(bytes(self._socket.peek(_LENGTH.size).data()))
        if length > MAX_BYTES:
            self._socket.abort()
            return
        if self._socket.bytesAvailable() < _LENGTH.size + length:
            return
        message = bytes(self._socket.read(_LENGTH.size + length).data())[_LENGTH.size :]
        paths = [Path(os.fsdecode(path)) for path in message.split(_BETWEEN)] if message else []
        if not all(path.is_absolute() for path in paths):
            logger.warning("something that is no window of Findling asked for something")
            self._socket.abort()
            return
        self._socket.write(_DONE)
        self._socket.flush()
        self._socket.disconnectFromServer()
        self.asked.emit(paths)


def take_place(folders: Folders, parent: QObject | None = None) -> FirstWindow | None:
    """Become the first window of this home; None where there is one. ``OSError`` passes through."""
    folders.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(str(folders.data / "window.lock"), mode=0o600)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return FirstWindow(folders, lock, parent)


def hand_over(folders: Folders, paths: Sequence[Path], patience_ms: int = PATIENCE_MS) -> Handover:
    """Ask the first window of this home to show itself and to search by ``paths``."""
    message = _BETWEEN.join(os.fsencode(path.absolute()) for path in paths)
    if len(message) > MAX_BYTES:
        return Handover.TOO_MANY
    deadline_s = time.monotonic() + patience_ms / 1000
    socket = QLocalSocket()
    while not _connected(socket, folders, deadline_s):
        if _left_ms(deadline_s) <= 0:
            return Handover.NO_ANSWER
        time.sleep(_APART_S)  # the first window holds its lock a moment before it listens
    socket.write(_LENGTH.pack(len(message)) + message)
    while socket.bytesToWrite() and _left_ms(deadline_s) > 0:
        if not socket.waitForBytesWritten(_left_ms(deadline_s)):
            break
    while not socket.bytesAvailable() and socket.waitForReadyRead(_left_ms(deadline_s)):
        continue
    answer = bytes(socket.read(1).data())
    socket.abort()
    return Handover.DONE if answer == _DONE else Handover.NO_ANSWER


def socket_name(folders: Folders) -> str:
    """Where the first window of this home listens: a socket's path, or a pipe's name on Windows."""
    data = folders.data.resolve()
    if sys.platform == "win32":
        return f"findling-{_digest(f'{getpass.getuser()}|{str(data).casefold()}'.encode('utf-8', 'surrogatepass'))}"
    path = os.fsencode(data / "window.socket")
    if len(path) <= _LONGEST_SOCKET and is_text(path):
        return os.fsdecode(path)
    return str(_own_folder() / _digest(path))


def _connected(socket: QLocalSocket, folders: Folders, deadline_s: float) -> bool:
    socket.connectToServer(socket_name(folders))
    return socket.waitForConnected(max(1, _left_ms(deadline_s)))


def _left_ms(deadline_s: float) -> int:
    return max(0, round((deadline_s - time.monotonic()) * 1000))


def _own_folder() -> Path:
    """A folder for sockets of homes with long or odd names, in the system's place for what passes.

    Raises ``PermissionError`` when somebody else was there before: who owns the folder can listen in.
    """
    folder = Path(tempfile.gettempdir()) / f"findling-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(1, "somebody else can enter this folder", str(folder))
    return folder


def _digest(identity: bytes) -> str:
    return hashlib.sha256(identity).hexdigest()[:24]
