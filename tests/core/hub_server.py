"""A server on the loopback that speaks the model hub's protocol, and OpenAI's plain one, to the real client.

It lists a repository's files with their digests under ``/api/models``, answers ``/resolve`` with a redirect to the
storage host's path for large files, as the hub does, honours ranges, and can cut or spoil a transfer on order.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 100_000  # bytes from which the hub keeps a file in its large-file storage


@dataclass
class Hub:
    """What the server offers, what it does wrong, and what it was asked."""

    url: str = ""
    repos: dict[str, Path] = field(default_factory=dict)
    plain: dict[str, Path] = field(default_factory=dict)  # path on the server -> file
    cut_after: int | None = None  # bytes of the next large answers, then the connection is closed
    cuts_left: int = 0
    spoil: bool = False  # flip a byte in what is sent
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path, Range
    headers: list[dict[str, str]] = field(default_factory=list)

    def ranges(self) -> list[str]:
        return [ranged for _, _, ranged in self.requests if ranged is not None]


@contextmanager
def running_hub() -> Iterator[Hub]:
    hub = Hub()

    class Handler(_Handler):
        pass

    Handler.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.hub.requests.append((self.command, path, self.headers.get("Range")))
        self.hub.headers.append({name.lower(): value for name, value in self.headers.items()})
        if listed := re.fullmatch(r"/api/models/([^/]+/[^/]+)(/revision/[^/]+)?", path):
            self._list(listed[1])
        elif resolved := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(resolved[1], resolved[2], resolved[3])
        elif stored := re.fullmatch(r"/storage/([^/]+/[^/]+)/(.+)", path):
            self._send_file(self.hub.repos[stored[1]] / stored[2])
        elif path in self.hub.plain:
            self._send_file(self.hub.plain[path])
        else:
            self._refuse(404)

    def log_message(self, format: str, *args: object) -> None:
        """The requests are kept in ``hub.requests`` instead."""

    def _list(self, repo: str) -> None:
        folder = self.hub.repos.get(repo)
        if folder is None:
            return self._refuse(401)  # what the hub says of a repository that is not there or not public
        siblings = []
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            content = file.read_bytes()
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            sibling: dict[str, object] = {
                "rfilename": file.relative_to(folder).as_posix(),
                "size": len(content),
                "blobId": blob,
            }
            if len(content) >= LARGE:
                sha256 = hashlib.sha256(content).hexdigest()
                sibling["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
            siblings.append(sibling)
        body = json.dumps({"_id": "1", "id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings, "tags": []})
        self._send(200, body.encode(), {"Content-Type": "application/json", "X-Repo-Commit": COMMIT})
        return None

    def _resolve(self, repo: str, revision: str, name: str) -> None:
        file = self.hub.repos.get(repo, Path("/nowhere")) / name
        if revision != COMMIT or not file.is_file():
            return self._refuse(404)
        if file.stat().st_size < LARGE:
            self._send_file(file)
            return None
        headers = {
            "Location": f"{self.hub.url}/storage/{repo}/{name}",
            "X-Linked-Size": str(file.stat().st_size),
            "X-Linked-ETag": f'"{hashlib.sha256(file.read_bytes()).hexdigest()}"',
            "X-Repo-Commit": COMMIT,
        }
        self._send(302, b"", headers)
        return None

    def _send_file(self, file: Path) -> None:
        content = bytearray(file.read_bytes())
        if self.hub.spoil and len(content) >= LARGE:
            content[len(content) // 2] ^= 1
        total, start, status = len(content), 0, 200
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "Accept-Ranges": "bytes"}
        if ranged := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or ""):
            start, status = int(ranged[1]), 206
            if start >= total:
                return self._refuse(416)
            headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        cut = None
        if self.hub.cuts_left and total >= LARGE:
            self.hub.cuts_left -= 1
            cut = self.hub.cut_after
        self._send(status, bytes(content[start:]), headers, cut)
        return None

    def _send(self, status: int, body: bytes, headers: dict[str, str], cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        with suppress(ConnectionError):  # a client whose disk is full goes
            self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True

    def _refuse(self, status: int) -> None:
        self._send(status, b"", {})
