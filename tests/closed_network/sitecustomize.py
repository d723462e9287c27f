"""Closes the network to a Python process. Found through ``PYTHONPATH``, so that every process a test starts runs it.

An audit hook cannot be taken off again, is not passed by a reloaded ``socket``, and is there before anything is
imported. What is refused is also written down: a library may swallow the error, and the test must fail all the same.
What libraries do below Python is watched by ``tests/integration/test_network.py``.
"""

from __future__ import annotations

import os
import sys

MODE = "FINDLING_TEST_NETWORK"  # closed, or loopback for tests of the one door
REFUSED = "FINDLING_TEST_NETWORK_REFUSED"  # a file that takes a line for each try

_LOOPBACK = ("127.", "::1", "localhost")
_WITH_ADDRESS = {"socket.connect": 1, "socket.bind": 1, "socket.sendto": 1, "socket.sendmsg": 1}
_WITH_NAME = {"socket.getaddrinfo": 0, "socket.gethostbyname": 0, "socket.gethostbyaddr": 0}


def _host(event: str, arguments: tuple[object, ...]) -> str | None:
    """The host that an event is about; None for what stays in this computer, such as a socket with a path."""
    if event in _WITH_ADDRESS:
        address = arguments[_WITH_ADDRESS[event]] if len(arguments) > _WITH_ADDRESS[event] else None
        return str(address[0]) if isinstance(address, tuple) and address else None
    if event in _WITH_NAME:
        host = arguments[0]
        return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    return None


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """The hook. Raises ``PermissionError``."""
    if not event.startswith("socket."):
        return
    host = _host(event, arguments)
    mode = os.environ.get(MODE)
    if host is None or mode is None:
        return
    is_here = host.startswith(_LOOPBACK) or host in ("", "None")
    if mode == "loopback" and is_here:
        return
    # Importing urllib3 binds to ::1 to see whether there is IPv6: refused, and no offence.
    if not (event == "socket.bind" and is_here) and (path := os.environ.get(REFUSED)):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        command = " ".join(" ".join(sys.orig_argv).split())[:200]
        os.write(descriptor, f"{event} {host} by {command}\n".encode("utf-8", "replace"))
        os.close(descriptor)
    raise PermissionError(f"the network is closed to tests: {event} {host}")


if os.environ.get(MODE):
    sys.addaudithook(watch)
