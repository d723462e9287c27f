"""One child that holds models: whose turn it is, its one retry, and when it ends.

The hosts in ``core.models.host`` say what it is asked.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from functools import partial

from core.cancel import CancelToken
from core.child import Child, Serve, with_one_retry
from core.models.messages import R, Request, pack, unpack_reply

logger = logging.getLogger(__name__)

# Loading again costs 5 s of imports; the child holds about 1 GB. Two minutes let a person who searches, reads and
# searches again keep it, and give the memory back when they turn to something else.
IDLE_S = 120.0

# One batch takes about a second and a first load from a cold disk a minute; a child silent for longer hangs.
DEADLINE_S = 600.0

# How long a cancelled request may finish by itself, which keeps the loaded model, before its child is ended.
GRACE_S = 2.0

# What a child may grow beyond its size once its models have settled, and the answers that it owes for having been
# loaded: torch's allocator creeps with every new shape of a batch, and a new child takes five seconds.
GROWTH_BYTES = 256 * 1024 * 1024
SETTLED_ANSWERS = 8
LEAST_ANSWERS = 200


class _Gate:
    """A lock for which the indexer steps back as long as a query waits."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._busy = False
        self._queries_waiting = 0

    @contextlib.contextmanager
    def hold(self, *, query: bool, cancel: CancelToken | None = None) -> Iterator[None]:
        """Raises ``Cancelled`` while waiting."""
        with self._condition:
            self._queries_waiting += query
            try:
                while self._busy or (self._queries_waiting and not query):
                    if cancel is not None:
                        cancel.raise_if_cancelled()
                    self._condition.wait(0.1)
            finally:
                self._queries_waiting -= query
            self._busy = True
        try:
            yield
        finally:
            with self._condition:
                self._busy = False
                self._condition.notify_all()

    @contextlib.contextmanager
    def hold_if_free(self) -> Iterator[bool]:
        """Hold it only if nobody does or waits; says whether."""
        with self._condition:
            free = not self._busy and not self._queries_waiting
            if free:
                self._busy = True
        try:
            yield free
        finally:
            if free:
                with self._condition:
                    self._busy = False
                    self._condition.notify_all()


class _GraceToken(CancelToken):
    """Cancelled ``GRACE_S`` after the token it follows."""

    def __init__(self, followed: CancelToken) -> None:
        super().__init__()
        self._followed = followed
        self._since_s: float | None = None

    @property
    def cancelled(self) -> bool:
        if not self._followed.cancelled:
            return False
        now = time.monotonic()
        if self._since_s is None:
            self._since_s = now
        return now - self._since_s >= GRACE_S


class ModelChild:
    """One model child with its gate, its one retry, and its ends: when idle, when grown, when one model of it is idle.

    A child that ends between two requests loses nothing: each request names its model, and the next starts it again.
    """

    def __init__(self, name: str, serve: Serve, niceness: int, idle_s: float) -> None:
        self._child = Child(name, serve, niceness=niceness)
        self._gate = _Gate()
        self._idle_s = idle_s
        self._closed = False
        self._used_s: dict[str, float] = {}  # when each loaded model was last asked, by its weights
        self._born = 0  # the start of the child that the figures below are of
        self._answers = 0
        self._settling = 0  # answers until its size counts as settled
        self._settled_bytes = 0
        self._threads_changed = False

    @property
    def pid(self) -> int | None:
        return self._child.pid

    @property
    def starts(self) -> int:
        return self._child.starts

    def use_threads(self, count: int) -> None:
        """How many threads to work with; a child that runs is started again before its next request."""
        if count != self._child.threads:
            self._threads_changed = self._child.running
            self._child.threads = count

    def ask(
        self,
        request: Request,
        reply: type[R],
        weights_id: str,
        *,
        query: bool = False,
        cancel: CancelToken | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> R:
        """Send one request and wait for its answer, starting a dead child once more.

        ``weights_id`` names the model that answers it.

        Raises what the child answers, ``ChildError`` when it dies twice or hangs, ``Cancelled``.
        """
        message = pack(request)
        with self._gate.hold(query=query, cancel=cancel):
            self._renew_for(weights_id)
            answer = self._call(message, cancel, deadline_s)
            self._weigh(weights_id)
        if cancel is not None:
            cancel.raise_if_cancelled()
        return unpack_reply(answer, reply)

    def _renew_for(self, weights_id: str) -> None:
        """End the child first if it is to be another, or holds a model that has long had nothing to do."""
        if not self._child.running:
            self._forget()
            return
        now = time.monotonic()
        idle = [other for other, used_s in self._used_s.items() if other != weights_id and now - used_s >= self._idle_s]
        if self._threads_changed or idle:
            logger.debug("starting the child %s afresh", self._child.name)
            self._end()

    def _weigh(self, weights_id: str) -> None:
        """Take note of an answer, and end a child that has grown."""
        if self._child.starts != self._born:  # it has died over the request, and another one answered
            self._forget()
            self._born = self._child.starts
        if weights_id not in self._used_s:
            self._settling = SETTLED_ANSWERS
        self._used_s[weights_id] = time.monotonic()
        self._answers += 1
        size = _resident_bytes(self._child.pid)
        if self._settling:
            self._settling -= 1
            self._settled_bytes = size
        elif self._answers >= LEAST_ANSWERS and size - self._settled_bytes > GROWTH_BYTES:
            logger.info("the child %s has grown to %d MB and is started afresh", self._child.name, size // 2**20)
            self._end()

    def _end(self) -> None:
        self._child.close()
        self._forget()

    def _forget(self) -> None:
        self._used_s.clear()
        self._answers = 0
        self._threads_changed = False

    def _call(self, message: bytes, cancel: CancelToken | None, deadline_s: float) -> bytes:
        grace = None if cancel is None else _GraceToken(cancel)
        call = partial(self._child.call, message, deadline_s, grace)
        return with_one_retry(call, "the model", "input", lambda: self._closed)

    def drop_idle(self) -> None:
        with self._gate.hold_if_free() as free:
            if free and self._child.running and time.monotonic() - self._child.last_used_s >= self._idle_s:
                logger.debug("ending the idle child %s", self._child.name)
                self._end()

    def close(self) -> None:
        self._closed = True
        self._child.close()


def _resident_bytes(pid: int | None) -> int:
    """The memory of a process; 0 when it has just ended."""
    import psutil  # here, because importing the engine must not wait for it

    try:
        return 0 if pid is None else int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
