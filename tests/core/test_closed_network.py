"""That the network is closed to this suite: here, in what it starts, and in what that starts."""

from __future__ import annotations

import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from core.child import Child

# Reserved for documentation (RFC 5737): even a broken hook reaches nobody.
NOWHERE = ("192.0.2.1", 9)

TRY = """
import socket, subprocess, sys
try:
    socket.create_connection(("192.0.2.1", 9), 1)
except PermissionError as error:
    print(error)
if len(sys.argv) > 1:
    subprocess.run([sys.executable, "-c", sys.argv[1]])
"""


def refused_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "network-refused"


def serve_a_try(connection: Connection) -> None:
    """A child of ours that asks for the network."""
    connection.recv_bytes()
    try:
        socket.create_connection(NOWHERE, 1)
    except OSError as error:
        connection.send_bytes(str(error).encode())


@pytest.mark.network_tried
def test_this_process_reaches_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    for attempt in (
        lambda: socket.create_connection(NOWHERE, 1),
        lambda: socket.create_connection(("127.0.0.1", 9), 1),
        lambda: socket.getaddrinfo("example.org", 443),
        lambda: socket.gethostbyname("example.org"),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", NOWHERE),
        lambda: socket.socket().bind(("0.0.0.0", 0)),
    ):
        with pytest.raises(PermissionError, match="the network is closed to tests"):
            attempt()
    assert len(refused_file(tmp_path_factory).read_text("utf-8").splitlines()) == 6


@pytest.mark.network_tried
def test_no_process_that_is_started_reaches_anybody(tmp_path_factory: pytest.TempPathFactory) -> None:
    done = subprocess.run([sys.executable, "-c", TRY, TRY], capture_output=True, text=True, check=True)
    assert done.stdout.count("the network is closed to tests") == 2
    child = Child("try", serve_a_try)
    try:
        assert b"the network is closed to tests" in child.call(b"", 60.0)
    finally:
        child.close()
    assert len(refused_file(tmp_path_factory).read_text("utf-8").splitlines()) == 3


@pytest.mark.network_door
def test_a_test_of_the_door_reaches_this_computer_and_nobody_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 5):
        pass


@pytest.mark.network_door
@pytest.mark.network_tried
def test_a_test_of_the_door_reaches_nobody_else() -> None:
    with pytest.raises(PermissionError):
        socket.create_connection(NOWHERE, 1)


def test_sockets_within_this_computer_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("no such sockets here")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("s")
        server.listen()
        client.connect("s")
