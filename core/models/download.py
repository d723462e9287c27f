"""The one door to the network: fetching the files of a catalogue model.

It runs in a process of its own, because the hub's client reads its switches at import and every other process of
Findling is offline. The hub lists a repository's files with their digests (``HfApi.model_info``), its client
transfers each (``http_get``: retries, goes on after a cut), and Whisper checkpoints come from OpenAI's address
through the same function. ``hf_hub_download`` itself is not used, since it starts a cut file from its beginning in
the next process. A file takes its name only once its digest was found right.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from core.cancel import CancelToken
from core.child import Child, ChildDied, ChildTimeout
from core.errors import Cancelled, FetchError, NoRoomError
from core.models.catalogue import CatalogueEntry
from core.models.failures import one_line
from core.models.installed import sha256_of
from core.models.worker import keep_quiet
from core.room import FULL, disk_trouble, require

# A mirror of OpenAI's files, as HF_ENDPOINT names one of the hub.
WHISPER_ENDPOINT_VARIABLE = "FINDLING_WHISPER_ENDPOINT"

_PART = ".part"
_PROGRESS_S = 0.1  # at most ten reports a second
_SILENCE_S = 300.0  # the client gives up sooner by itself; a process silent for longer hangs
_RANGE_NOT_SATISFIABLE = 416
_PLAIN = {"accept-encoding": "identity"}  # a compressed answer cannot be gone on with in the middle

_ONLINE_ENVIRONMENT = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",  # a token on this computer is somebody's name
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_VERBOSITY": "error",
}


class Fetch(msgspec.Struct, frozen=True, tag=True):
    """Fetch an entry's files into a folder."""

    entry: CatalogueEntry
    folder: bytes


class Progressed(msgspec.Struct, frozen=True, tag=True):
    done: int  # bytes
    total: int


class Fetched(msgspec.Struct, frozen=True, tag=True):
    weights: str


class NotFetched(msgspec.Struct, frozen=True, tag=True):
    message: str
    no_room: bool = False


Answer = Progressed | Fetched | NotFetched

_encoder = msgspec.msgpack.Encoder()
_answers: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Answer)
_fetches = msgspec.msgpack.Decoder(Fetch)


def download(
    entry: CatalogueEntry,
    folder: Path,
    on_progress: Callable[[int, int], None] | None = None,
    cancel: CancelToken | None = None,
) -> str:
    """Fetch every file of ``entry`` into ``folder``; the name of its weights file.

    Goes on where an earlier call was cut. Raises ``FetchError`` in one line, ``NoRoomError``, ``Cancelled``.
    """
    child = Child("fetch", serve_fetch)
    try:
        child.send(_encoder.encode(Fetch(entry, os.fsencode(folder))))
        while True:
            answer = _answers.decode(child.receive(_SILENCE_S, cancel))
            if cancel is not None and cancel.cancelled:
                child.kill()  # its reports may come so fast that ``receive`` never waits and looks
                raise Cancelled
            match answer:
                case Progressed():
                    if on_progress is not None:
                        on_progress(answer.done, answer.total)
                case Fetched():
                    return answer.weights
                case NotFetched():
                    if answer.no_room:
                        raise NoRoomError(answer.message, path=folder)
                    raise FetchError(answer.message)
    except (ChildDied, ChildTimeout) as error:
        raise FetchError(f'"{entry.name}" could not be fetched: {error.message}') from error
    finally:
        child.close()


def serve_fetch(connection: Connection) -> None:
    """Answer one request: progress, then ``Fetched`` or ``NotFetched``."""
    os.environ.pop("HF_HUB_OFFLINE", None)
    os.environ.pop("TRANSFORMERS_OFFLINE", None)
    os.environ.update(_ONLINE_ENVIRONMENT)
    keep_quiet()
    request = _fetches.decode(connection.recv_bytes())

    def send(answer: Answer) -> None:
        connection.send_bytes(_encoder.encode(answer))

    folder = Path(os.fsdecode(request.folder))
    try:
        weights = _Transfer(request.entry, folder, send).run()
    except (FetchError, NoRoomError) as error:
        send(NotFetched(error.message, isinstance(error, NoRoomError)))
    except OSError as error:
        doing = f'"{request.entry.name}" could not be fetched, and what came is kept for the next try'
        send(NotFetched(disk_trouble(error, folder, doing).message, error.errno in FULL))
    else:
        send(Fetched(weights))


@dataclass(frozen=True)
class _RemoteFile:
    """One file to fetch. ``digest`` is a sha256, or for small files kept in git the hub's blob id (a sha1)."""

    name: str
    url: str
    size: int | None
    digest: str
    git: bool = False

    @property
    def part(self) -> str:
        """Where it grows; named by its digest, so that no other version is ever added to."""
        return f"{self.name}.{self.digest[:16]}{_PART}"

    def matches(self, path: Path) -> bool:
        if not path.is_file() or (self.size is not None and path.stat().st_size != self.size):
            return False
        return (_git_blob_id(path) if self.git else sha256_of(path)) == self.digest


class _Transfer:
    """Fetches one entry's files, in the child."""

    def __init__(self, entry: CatalogueEntry, folder: Path, send: Callable[[Answer], None]) -> None:
        self._entry = entry
        self._folder = folder
        self._send = send
        self._finished_bytes = 0
        self._total_bytes = entry.size_bytes
        self._sent_s = 0.0

    def run(self) -> str:
        """Raises ``FetchError`` and ``NoRoomError``; ``OSError`` of the disk passes through."""
        files, weights = self._plan()
        self._remove_all_but(files)
        missing = [file for file in files if not file.matches(self._folder / file.name)]
        if all(file.size is not None for file in files):
            self._total_bytes = sum(file.size or 0 for file in files)
        self._finished_bytes = sum(file.size or 0 for file in files if file not in missing)
        self._require_space(missing)
        for file in missing:
            self._fetch(file)
        return weights

    def _plan(self) -> tuple[list[_RemoteFile], str]:
        entry = self._entry
        if entry.url is not None and entry.sha256 is not None:
            url = entry.url
            if mirror := os.environ.get(WHISPER_ENDPOINT_VARIABLE):
                url = mirror.rstrip("/") + urlsplit(url).path
            return [_RemoteFile(entry.weights, url, None, entry.sha256)], entry.weights
        if entry.repo is None:
            raise FetchError(f'"{entry.name}" has no source in the catalogue')
        files = list(self._plan_repo(entry.repo, entry.files))
        group = next(group for group in entry.files if entry.weights in group)
        weights = next(file.name for file in files if file.name in group)
        if entry.text_repo is not None:
            have = {file.name for file in files}
            files += [file for file in self._plan_repo(entry.text_repo, entry.text_files) if file.name not in have]
        return files, weights

    def _plan_repo(self, repo: str, groups: tuple[tuple[str, ...], ...]) -> Iterator[_RemoteFile]:
        """Of each group the first file that the repository has, all of one commit."""
        from huggingface_hub import HfApi, hf_hub_url

        try:
            info = HfApi(token=False).model_info(repo, files_metadata=True)
        except Exception as error:
            raise self._network_failure(error, _hub_host(), during="listing") from error
        siblings = {sibling.rfilename: sibling for sibling in info.siblings or ()}
        for group in groups:
            found = next((name.rstrip("?") for name in group if name.rstrip("?") in siblings), None)
            if found is None:
                if any(name.endswith("?") for name in group):
                    continue
                raise FetchError(f'"{self._entry.name}" could not be fetched: {repo} no longer holds {group[0]}')
            sibling = siblings[found]
            digest = sibling.lfs.sha256 if sibling.lfs is not None else sibling.blob_id
            if not digest or info.sha is None:
                raise FetchError(f'"{self._entry.name}" could not be fetched: {_hub_host()} names no digest of {found}')
            url = hf_hub_url(repo, found, revision=info.sha)
            yield _RemoteFile(found, url, sibling.size, digest, git=sibling.lfs is None)

    def _fetch(self, file: _RemoteFile) -> None:
        """Transfer one file into its part, check it, give it its name."""
        part = self._folder / file.part
        part.parent.mkdir(parents=True, exist_ok=True)
        if not file.matches(part):
            self._transfer(file, part)
        if not file.matches(part):
            part.unlink()
            raise FetchError(
                f'"{self._entry.name}" was not installed: what {urlsplit(file.url).netloc} sent as {file.name} '
                "is not the published file (its digest differs)"
            )
        self._finished_bytes += part.stat().st_size
        part.replace(self._folder / file.name)
        self._report(0)

    def _transfer(self, file: _RemoteFile, part: Path) -> None:
        """Add to ``part`` what is missing of it."""
        from huggingface_hub.file_download import http_get

        have = part.stat().st_size if part.exists() else 0
        with _CountingFile(part, self._report) as stream:
            stream.seek(have)
            try:
                http_get(file.url, stream, resume_size=have, expected_size=file.size, headers=_PLAIN)
            except Exception as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise  # the disk's, not the network's
                if _status(error) == _RANGE_NOT_SATISFIABLE:
                    stream.truncate(0)  # longer than the file that is published: the next try starts over
                raise self._network_failure(error, urlsplit(file.url).netloc, during="transfer") from error

    def _report(self, part_bytes: int) -> None:
        now = time.monotonic()
        done = self._finished_bytes + part_bytes
        if now - self._sent_s >= _PROGRESS_S or done >= self._total_bytes:
            self._sent_s = now
            self._send(Progressed(done, max(self._total_bytes, done)))

    def _require_space(self, missing: list[_RemoteFile]) -> None:
        parts = [self._folder / file.part for file in missing]
        wanted = self._total_bytes - self._finished_bytes - sum(part.stat().st_size for part in parts if part.exists())
        require(self._folder, wanted, f'fetching "{self._entry.name}"')

    def _remove_all_but(self, files: list[_RemoteFile]) -> None:
        """Leftovers of an earlier version would be installed with the model."""
        keep = {self._folder / name for file in files for name in (file.name, file.part)}
        for path in self._folder.rglob("*"):
            if path.is_file() and path not in keep:
                path.unlink()

    def _network_failure(self, error: Exception, host: str, *, during: Literal["listing", "transfer"]) -> FetchError:
        """One line for whatever the hub's client raised."""
        if (status := _status(error)) is not None:
            why = f"{host} answered with status {status}"
        elif during == "transfer":
            why = f"the transfer from {host} broke off ({one_line(error)}); what came is kept for the next try"
        else:
            why = f"{host} cannot be reached ({one_line(error)}); is this computer online?"
        return FetchError(f'"{self._entry.name}" could not be fetched: {why}')


class _CountingFile(io.BufferedRandom):
    """A file that tells after every write how long it is now; the client also truncates it to start over."""

    def __init__(self, path: Path, on_length: Callable[[int], None]) -> None:
        super().__init__(io.FileIO(path, "r+" if path.exists() else "w+"))
        self._on_length = on_length

    def write(self, data: Any, /) -> int:
        written = super().write(data)
        self._on_length(self.tell())
        return written


def _status(error: Exception) -> int | None:
    """The HTTP status behind an exception of the hub's client, if an answer came at all."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _hub_host() -> str:
    from huggingface_hub import constants

    return urlsplit(constants.ENDPOINT).netloc


def _git_blob_id(path: Path) -> str:
    """What git calls a file's content: sha1 over a header with its length, and the content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
