"""The engine's side of the query child."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from core.child import Child, with_one_retry
from core.errors import FindlingError
from core.models.base import QueryEncoders
from core.models.messages import Vectors
from core.search.messages import (
    Answered,
    Ask,
    FromChild,
    M,
    Models,
    Ready,
    Refused,
    ToChild,
    Warm,
    WordsWanted,
    expect,
    pack,
    unpack_from_child,
)
from core.search.question import Answer, Question
from core.types import ModelRole

# A question takes a tenth of a second, the first one on a million segments and a cold disk several seconds.
DEADLINE_S = 120.0


class AnswerHost:
    """``core.search.question.Answers`` over a child process. Safe to call from several threads: calls take turns.

    The vectors in memory, the towers of the words and the work of ranking are the child's, so that the window's
    process stays small and its event loop is never held up by a query.
    """

    def __init__(self, child: Child, encoders: QueryEncoders, models: Callable[[], Models]) -> None:
        """``child`` is a ``query_child``, which may have been started already.

        ``encoders`` make the vectors that it has no tower for; ``models`` says which models are installed.
        """
        self._encoders = encoders
        self._models = models
        self._child = child
        self._turn = threading.Lock()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._child.pid

    def answer(self, question: Question) -> Answer:
        """Raises what the child's ``Answerer`` raises, ``ChildError`` when it dies twice or hangs, ``Cancelled``."""
        return self._ask(Ask(question, self._models()), Answered).answer

    def warm(self) -> None:
        """Start the child and load what the first question would wait for."""
        self._ask(Warm(self._models()), Ready)

    def close(self) -> None:
        self._closed = True
        self._child.close()

    def _ask(self, request: ToChild, kind: type[M]) -> M:
        with self._turn:
            answer = with_one_retry(partial(self._converse, request), "the search", "question", lambda: self._closed)
        return expect(answer, kind)

    def _converse(self, request: ToChild) -> FromChild:
        """Send a request, make the vectors that are asked for in between, and return the answer."""
        self._child.send(pack(request))
        while True:
            message = unpack_from_child(self._child.receive(DEADLINE_S))
            if not isinstance(message, WordsWanted):
                return message
            self._child.follow_up(pack(self._encode(message)))

    def _encode(self, wanted: WordsWanted) -> Vectors | Refused:
        encode = self._encoders.encode_queries if wanted.role is ModelRole.TEXT else self._encoders.encode_photo_texts
        try:
            return Vectors.of(encode(wanted.texts, wanted.space))
        except FindlingError as error:
            return Refused.of(error)
