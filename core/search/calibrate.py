"""Gates: from a channel's own score to a probability of relevance, so that nothing is found where nothing matches.

The raw score decides the order inside a channel; the gate only says whether it is worth showing. Every gate measures a
score against the background of this very query, this very segment, or both, and never against a constant cosine: the
same cosine is a match in one model's space and noise in another's. docs/measurements.md has the rates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.types import Matrix

Floats = NDArray[np.float32]

MAD_TO_STD = 1.4826  # of a normal distribution
_LEAST_STD = 1e-4  # cosines that are all equal: copies of one file


@dataclass(frozen=True)
class Gate:
    """A logistic curve over a standardised score; ``centre`` is let through with probability one half."""

    centre: float
    width: float

    def probability(self, standardised: Floats) -> Floats:
        """Scores of any shape to probabilities in (0, 1), rising with the score."""
        # Clipped where float32 would round to 0 or 1 and equal scores would hide an order.
        steps = np.clip((standardised - self.centre) / self.width, -12.0, 12.0)
        return np.asarray(1.0 / (1.0 + np.exp(-steps)), np.float32)


@dataclass(frozen=True)
class Background:
    """Mean and standard deviation of the cosines that mean nothing."""

    mean: float
    std: float
    count: int

    def standardise(self, cosines: Floats) -> Floats:
        return np.asarray((cosines - self.mean) / self.std, np.float32)

    def with_prior(self, prior: Background) -> Background:
        """This one, joined by ``prior`` as if that had been ``prior.count`` more observations."""
        count = self.count + prior.count
        if count == 0:
            return prior
        share = self.count / count
        return Background(
            share * self.mean + (1 - share) * prior.mean, share * self.std + (1 - share) * prior.std, count
        )


def robust_background(cosines: Floats) -> Background:
    """Median and scaled median deviation: the matches among ``cosines`` hardly move them."""
    if cosines.size == 0:
        return Background(0.0, 1.0, 0)
    median = float(np.median(cosines))
    deviation = float(np.median(np.abs(cosines - median))) * MAD_TO_STD
    return Background(median, max(deviation, _LEAST_STD), int(cosines.size))


def against_rows(segments: Matrix, rows: Matrix, cosines: Floats) -> Floats:
    """How far each segment's cosine stands out among that segment's cosines to ``rows``, in standard deviations.

    ``segments`` (n, dim) are the found ones, ``rows`` (m, dim) the fixed bank, both of unit rows; ``cosines`` (n,).
    """
    others = segments @ rows.T
    mean, std = others.mean(axis=1), others.std(axis=1)
    return np.asarray((cosines - mean) / np.maximum(std, _LEAST_STD), np.float32)


def against_each_other(
    segments: Matrix, sample: Matrix, cosines: Floats, background: Background, prior: Background
) -> Floats:
    """How far pictures stand out for a picture, seen from the library and from each of them, in standard deviations.

    ``cosines`` (n,) are those of ``segments`` (n, dim) to the example, ``background`` all of the library's, already
    joined by ``prior``; ``sample`` (m, dim) are pictures of the library, with which each segment is compared in turn.
    """
    others = segments @ sample.T
    share = len(sample) / (len(sample) + prior.count)
    mean = share * others.mean(axis=1) + (1 - share) * prior.mean
    std = share * others.std(axis=1) + (1 - share) * prior.std
    seen_from_each = (cosines - mean) / np.maximum(std, _LEAST_STD)
    return np.asarray((background.standardise(cosines) + seen_from_each) / 2, np.float32)


# A text's score for a query against the same text's scores for everyday queries. Of many texts that mean nothing the
# best one stands out by more: see ``dense_text_gate``.
_TEXT_GATE_RISE, _TEXT_GATE_BASE, _TEXT_GATE_WIDTH = 1.2, 0.6, 0.6
_FEWEST_TEXTS = 30  # the smallest library that the line was measured on

# Words against pictures: a picture's score for the words against the same picture's for everyday queries, and a little
# of how it stands out in the library. The second is noise where much of the library shows what is asked for.
WORDS_PHOTO_GATE = Gate(centre=4.0, width=0.4)
_LIBRARY_SAY = 0.25

# Several parts at once: the sum of independent normal scores over the root of their number is a normal score again.
JOINT_GATE = Gate(centre=2.5, width=0.25)
_JOINT_LEAST = 0.75  # standard deviations that every part must give
_JOINT_MOST = 4.0  # and the most that one counts for

# A picture against pictures: the mean of how it stands out among the library's and among each picture's own. What
# merely has like colours stands out by 2 to 2.6 under the descriptor, the same picture cut or brightened by over 3.
CLIP_LIKE_GATE = Gate(centre=1.8, width=0.3)
LOOK_ALIKE_GATE = Gate(centre=2.8, width=0.2)

# What a picture's cosine to an unrelated one is where the library is too small to tell: CLIP ViT-B/32 over 101 photos,
# and the look-alike descriptor over 517. Ten photos of the user's own outvote it.
CLIP_PAIRS = Background(0.52, 0.12, 10)
LOOK_ALIKE_PAIRS = Background(0.18, 0.145, 10)

# The share of a query's weight in words (by inverse document frequency) that a text must hold.
COVERAGE_GATE = Gate(centre=0.55, width=0.08)


def dense_text_gate(texts: int) -> Gate:
    """The gate for the best of ``texts`` texts.

    The greatest of n independent normal scores grows as sqrt(2 ln n) (extreme value theory; David and Nagaraja, "Order
    Statistics", 2003). Queries about nothing in the library follow that line: their best text stood out by 1.7 at the
    median among 30 texts and by 3.1 among 1,857.
    """
    greatest = float(np.sqrt(2.0 * np.log(max(texts, _FEWEST_TEXTS))))
    return Gate(_TEXT_GATE_BASE + _TEXT_GATE_RISE * greatest, _TEXT_GATE_WIDTH)


def photo_probability(against_bank: Floats, against_library: Floats) -> Floats:
    """Relevance of pictures to words from both standardised scores, each of shape (n,)."""
    return WORDS_PHOTO_GATE.probability(np.asarray(against_bank + _LIBRARY_SAY * against_library, np.float32))


def joint_probability(standardised: Floats) -> tuple[Floats, Floats]:
    """How far segments stand out for several parts at once, and the probability that they answer them all.

    ``standardised`` (parts, n) holds each part's scores against the library: words and pictures score pictures on
    different scales. What one part adds is limited, so that being very near to one does not stand for the others; being
    unlike one takes nothing from what is like another, but it does not answer both.
    """
    total = np.clip(standardised, 0.0, _JOINT_MOST).sum(axis=0) / np.sqrt(len(standardised))
    probability = JOINT_GATE.probability(np.asarray(total, np.float32))
    answers_all = standardised.min(axis=0) >= _JOINT_LEAST
    return np.asarray(total, np.float32), np.asarray(np.where(answers_all, probability, 0.0), np.float32)


def inverse_document_frequency(matches: NDArray[np.int64], total: int) -> NDArray[np.float64]:
    """How much each word tells, by how many of ``total`` texts hold it; a word that none holds tells most."""
    return np.asarray(np.log1p((total - matches + 0.5) / (matches + 0.5)), np.float64)
