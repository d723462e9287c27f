"""From paths to URLs and back, opening files and showing them in their folder.

Paths are bytes. ``QUrl.fromLocalFile`` and everything built on ``QFile`` go through Unicode and lose names that are
not UTF-8; percent-encoding the bytes ourselves keeps them through drag and drop and through the desktop's openers.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtGui import QDesktopServices

from core.types import Hit, Kind

logger = logging.getLogger(__name__)

OPENABLE = frozenset({Kind.PHOTO, Kind.DOCUMENT, Kind.AUDIO, Kind.VIDEO})


def url_of(path: bytes) -> QUrl:
    """A ``file:`` URL that keeps every byte of the path."""
    if os.name == "nt":  # there, paths are Unicode to begin with
        return QUrl.fromLocalFile(os.fsdecode(path))
    return QUrl.fromEncoded(b"file://" + quote_from_bytes(path).encode("ascii"))


def path_of(url: QUrl) -> bytes | None:
    """The path that a local URL names; ``None`` for every other URL."""
    if not url.isLocalFile():
        return None
    if os.name == "nt":
        return os.fsencode(url.toLocalFile())
    return unquote_to_bytes(url.path(QUrl.ComponentFormattingOption.FullyEncoded))


def local_paths(mime: QMimeData) -> list[Path]:
    """The local files and folders that a drop or the clipboard carries."""
    found = (path_of(url) for url in mime.urls()) if mime.hasUrls() else ()
    return [Path(os.fsdecode(path)) for path in found if path]


def can_open(hit: Hit) -> bool:
    """Whether opening the file may be offered: its kind and its name are such. Its content is looked at when it is."""
    from core.extract.opening import why_not_by_name  # here, because the window shows itself first

    return hit.kind in OPENABLE and why_not_by_name(hit.path) is None


def why_not_open(path: bytes) -> str | None:
    """Why a file is not opened now, in a few words; reads its first bytes, so ask away from the main thread."""
    from core.extract.opening import why_not_opened

    return why_not_opened(path)


def open_file(path: bytes) -> bool:
    """Open a file with the application the system has for it; False when the system has none.

    Only what ``why_not_open`` has nothing against: the system would also run programs.
    """
    if is_text(path):
        return QDesktopServices.openUrl(url_of(path))
    # The portals resolve a URL through QFile, which cannot reach such a name.
    return _start([b"xdg-open" if sys.platform.startswith("linux") else b"open", path])


def show_in_folder(path: bytes) -> bool:
    """Show a file, selected, in the system's file manager; False when there is none."""
    if os.name == "nt":
        # explorer.exe parses its command line itself: /select, and the quoted path are one argument.
        return _start(f'explorer.exe /select,"{os.fsdecode(path)}"')
    if sys.platform == "darwin":
        return _start([b"open", b"-R", path])
    return _show_by_bus(path) or open_folder(path.rpartition(b"/")[0] or b"/")


def open_folder(folder: bytes) -> bool:
    """Open a folder in the system's file manager; False when there is none, or no such folder."""
    if not os.path.isdir(folder):  # noqa: PTH112 - a bytes path; a file that took its place could be a program
        return False
    if sys.platform == "darwin":
        return _start([b"open", b"-R", folder])  # selected in its parent: a folder named .app would be run
    if is_text(folder):
        return QDesktopServices.openUrl(url_of(folder))
    return _start([b"xdg-open", folder])


def _show_by_bus(path: bytes) -> bool:
    """Ask the file manager over D-Bus (org.freedesktop.FileManager1); file managers of every big desktop answer."""
    from PySide6.QtDBus import QDBus, QDBusConnection, QDBusMessage

    bus = QDBusConnection.sessionBus()
    if not bus.isConnected():
        return False
    service = "org.freedesktop.FileManager1"
    message = QDBusMessage.createMethodCall(service, "/org/freedesktop/FileManager1", service, "ShowItems")
    message.setArguments([[bytes(url_of(path).toEncoded().data()).decode("ascii")], ""])
    reply = bus.call(message, QDBus.CallMode.Block, 1000)
    return reply.type() != QDBusMessage.MessageType.ErrorMessage


def is_text(path: bytes) -> bool:
    """Whether Qt can take the path, which it holds as UTF-16."""
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _start(command: list[bytes] | str) -> bool:
    try:
        import subprocess  # here, because the window shows itself first

        subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        logger.warning("cannot start the system's opener: %s", error.strerror)
        return False
    return True
