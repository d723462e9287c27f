"""What any query would score: everyday queries against which a real one is measured.

A cosine means nothing by itself: encoders differ in where their scores live, and segments differ in how alike they are
to everything ("hubs"). So a segment's score for a query is compared with the same segment's scores for a fixed bank of
everyday queries in the same space. That holds for any model and for a library of one file. It is the idea of
query-bank normalisation (Bogolin et al., "Cross Modal Retrieval with Querybank Normalisation", CVPR 2022), used here
to judge scores rather than to rank by them.
"""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Callable, Sequence

import numpy as np

from core.errors import IndexBusyError, NoRoomError, StorageError
from core.store.notes import Notes
from core.types import EmbeddingSpace, Matrix

logger = logging.getLogger(__name__)

# Spread over what people keep, so that one query is like few of them. Changing the list changes every gate.
EVERYDAY_QUERIES: tuple[str, ...] = (
    "a dog running on the grass", "a cat sleeping on a sofa", "birds in the sky", "a horse in a field",
    "fish in the sea", "an elephant at the zoo", "a butterfly on a flower", "cows on a farm", "a red car on the street",
    "a bicycle leaning on a wall", "a train at the station", "an aeroplane at the airport", "a boat on the lake",
    "a bus in the city", "a motorcycle race", "a bridge over the river", "an old house with a garden",
    "a tall building", "a church tower", "a castle on a hill", "a kitchen with an oven", "a bedroom with a lamp",
    "an office desk", "stairs in a hotel", "mountains with snow", "a beach at sunset", "a forest in autumn",
    "a waterfall", "the desert", "rain on a window", "the moon at night", "stars and planets", "a thunderstorm",
    "a garden full of flowers", "an apple tree", "a birthday cake with candles", "pizza and pasta", "a cup of coffee",
    "fruit and vegetables", "bread and cheese", "a glass of wine", "soup recipe", "a man with a beard",
    "a woman in a red dress", "a baby laughing", "children playing in the park", "an old couple", "a wedding",
    "a group of friends", "a crowd at a concert", "a football match", "swimming in a pool", "skiing holidays",
    "a chess game", "dancing", "playing the guitar", "a piano lesson", "a newspaper page", "a handwritten letter",
    "a map of the town", "a screenshot of a program", "a passport and tickets", "an invoice from the electrician",
    "income tax return", "rent contract", "insurance policy", "bank statement", "job application", "medical report",
    "prescription for medicine", "school homework", "university lecture notes", "a mathematics exam",
    "chemistry experiment", "physics of light", "history of the war", "a poem about love", "a novel about a detective",
    "the election results", "stock market prices", "meeting minutes", "project plan and budget", "a computer network",
    "a programming manual", "a broken phone", "how to repair a washing machine", "engine maintenance",
    "building a wooden table", "sewing a shirt", "travel plans for Italy", "hotel booking", "a road trip",
    "shopping list", "a pair of shoes", "a gold ring", "a painting in a museum", "a robot toy", "a film review",
    "a radio interview", "a telephone call with grandmother", "good morning everyone",
)  # fmt: skip


class Banks:
    """The bank's vectors by space, encoded once for each model and kept in the index."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._banks: dict[EmbeddingSpace, Matrix] = {}
        self._guard = threading.Lock()

    def get(self, space: EmbeddingSpace, encode: Callable[[Sequence[str]], Matrix]) -> Matrix:
        """The bank in a space, float32 unit rows of shape (len(EVERYDAY_QUERIES), dim).

        ``encode`` is asked once in a model's life, and raises what it raises.
        """
        with self._guard:
            bank = self._banks.get(space)
            if bank is None:
                bank = self._stored(space)
            if bank is None:
                bank = encode(EVERYDAY_QUERIES)
                self._store(space, bank)
            self._banks[space] = bank
            return bank

    def _stored(self, space: EmbeddingSpace) -> Matrix | None:
        text = self._notes.get(_key(space))
        if text is None:
            return None
        values = np.frombuffer(base64.b85decode(text), dtype="<f2").astype(np.float32)
        if values.size != len(EVERYDAY_QUERIES) * space.dim:
            return None  # written by a version with another list
        return values.reshape(-1, space.dim)

    def _store(self, space: EmbeddingSpace, bank: Matrix) -> None:
        try:
            self._notes.put(_key(space), base64.b85encode(bank.astype("<f2").tobytes()).decode("ascii"))
        except (IndexBusyError, NoRoomError, StorageError) as error:  # searching goes on, on a full disk too
            logger.info("the everyday queries of %s are not kept this time: %s", space.model, error)


def _key(space: EmbeddingSpace) -> str:
    return f"everyday-queries/1/{space.model}/{space.weights_id}/{space.preprocessing}"
