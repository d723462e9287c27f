"""What the query child runs: an ``Answerer`` over a store of its own, and the words' towers without torch.

It imports neither torch nor transformers, so that it answers within a
second of its start; words that it has no tower for it asks of the engine, whose encoder child has torch.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from multiprocessing.connection import Connection

from core.config import Folders
from core.errors import FindlingError
from core.models.early import EarlyTowers
from core.models.messages import Vectors
from core.models.worker import OFFLINE_ENVIRONMENT, keep_quiet
from core.search.answerer import Answerer
from core.search.matrices import Matrices
from core.search.messages import (
    Answered,
    Ask,
    FromChild,
    Ready,
    Refused,
    ToChild,
    Warm,
    WordsWanted,
    expect,
    pack,
    unpack_in_child,
)
from core.search.towers import Towers
from core.store.faults import convert
from core.store.store import Store
from core.types import EmbeddingSpace, Matrix, ModelRole

# A person who has not searched for this long does not miss a third of a second; the towers are 100 to 300 MB.
TOWERS_IDLE_S = 600.0


def serve_answers(folders: Folders, early: EarlyTowers, connection: Connection) -> None:
    """Answer questions until the pipe closes (``EOFError``)."""
    os.environ.update(OFFLINE_ENVIRONMENT)
    keep_quiet()
    QueryWorker(folders, early, connection).serve()


class QueryWorker:
    """The child's side of the pipe."""

    def __init__(self, folders: Folders, early: EarlyTowers, connection: Connection) -> None:
        self._folders = folders
        self._connection = connection
        self._towers = Towers(self._ask_engine, early)
        self._store: Store | None = None
        self._answerer: Answerer | None = None
        self._opened: tuple[int, int] | None = None  # which file the store has open

    def serve(self) -> None:
        """Raises ``EOFError`` when the engine has closed the pipe."""
        try:
            self._open_early()
            while True:
                while not self._connection.poll(TOWERS_IDLE_S):
                    self._towers.drop()
                data = self._connection.recv_bytes()
                self._connection.send_bytes(pack(self._reply(data)))
        finally:
            self._close()

    def _open_early(self) -> None:
        """Open the index while nothing is asked yet; what is wrong with it is told to who asks."""
        if self._folders.index.exists():
            with contextlib.suppress(FindlingError):
                self._ready().warm()

    def _reply(self, data: bytes) -> FromChild:
        try:
            return self._handle(unpack_in_child(data))
        except (EOFError, ConnectionError):
            raise
        except Exception as error:  # noqa: BLE001 - the boundary: whatever it is crosses the pipe as a typed reply
            return Refused.of(convert(error, self._folders.index) or error)

    def _handle(self, message: ToChild) -> FromChild:
        if isinstance(message, Ask):
            self._towers.use(message.models)
            return Answered(self._ready().answer(message.question))
        if isinstance(message, Warm):
            self._towers.use(message.models)
            answerer = self._ready()
            answerer.warm()
            spaces = answerer.spaces()
            self._towers.load(spaces.text, spaces.photo)
            return Ready()
        raise AssertionError(f"{type(message).__name__} answers nothing that was asked")

    def _ask_engine(self, role: ModelRole, texts: Sequence[str], space: EmbeddingSpace | None) -> Matrix:
        self._connection.send_bytes(pack(WordsWanted(role, list(texts), space)))
        return expect(unpack_in_child(self._connection.recv_bytes()), Vectors).matrix()

    def _ready(self) -> Answerer:
        there = self._identity()
        if there is not None and there != self._opened:  # a damaged one was set aside, with another in its place
            self._close()
        if self._answerer is None:
            self._store = Store(self._folders, keeps=False)
            self._opened = self._identity()
            matrices = Matrices(self._store, self._folders.vectors)
            self._answerer = Answerer(self._store, self._towers, matrices)
        return self._answerer

    def _identity(self) -> tuple[int, int] | None:
        """The file that is the index now; None for none, as while one takes another's place."""
        try:
            status = self._folders.index.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _close(self) -> None:
        if self._answerer is not None:
            self._answerer.close()
        if self._store is not None:
            self._store.close()
        self._answerer = self._store = None
