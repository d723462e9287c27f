"""Encoding in batches, where one input that kills the encoder must not take the others of its batch along."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from core.errors import ChildError, ModelError
from core.types import Matrix, Vector

logger = logging.getLogger(__name__)

T = TypeVar("T")


def encode_each(
    items: Sequence[T], encode: Callable[[Sequence[T]], Matrix], probe: Callable[[], object]
) -> list[Vector | str]:
    """A vector for each item, or the reason why there is none.

    A batch that the encoder dies on is halved until the culprit is alone. ``probe`` encodes something harmless: if
    that fails too it is not the culprit's fault, and ``ModelError`` is raised. Raises whatever else ``encode`` does.
    """
    if not items:
        return []
    try:
        rows = encode(items)
    except ChildError as error:
        if len(items) == 1:
            expect_working(probe, error)
            return [f"the model's process failed on it ({error.message})"]
        logger.warning("a batch of %d failed (%s); it is divided", len(items), error.message)
        middle = len(items) // 2
        return [*encode_each(items[:middle], encode, probe), *encode_each(items[middle:], encode, probe)]
    return [row if np.isfinite(row).all() else "the model gave no valid vector for it" for row in rows]


def expect_working(probe: Callable[[], object], error: ChildError) -> None:
    """Raise ``ModelError`` if the model fails on something harmless as well."""
    try:
        probe()
    except ChildError as harmless:
        raise ModelError(f"its process does not run ({harmless.message})") from error
