"""How alike two pictures look, without a model: a classical descriptor and a perceptual hash.

The descriptor joins three old and well understood measures, each a unit vector weighted by the square root of its
share, so that the cosine of two descriptors is the weighted mean of the three cosines:

* a layout of lightness and colour on an 8 x 8 grid in the Oklab space (Ottosson 2020), its mean taken away: the idea
  of MPEG-7's colour layout descriptor (Kasutani and Yamada, ICIP 2001);
* gradients: histograms of oriented gradients on a 4 x 4 grid (Dalal and Triggs, CVPR 2005), rooted as in RootSIFT
  (Arandjelovic and Zisserman, CVPR 2012), their mean taken away;
* a colour histogram in Oklab, rooted (Hellinger kernel), which cropping hardly changes.

The hash is the usual 64-bit DCT hash (Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions",
2010): the signs, against their median, of the lowest 8 x 8 frequencies of a 32 x 32 greyscale picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.types import Vector

Plane = NDArray[np.float32]

_SIDE = 128  # the descriptor looks at a square of this many pixels a side
_LAYOUT_CELLS = 8
_GRADIENT_CELLS = 4
_ORIENTATIONS = 8
_HISTOGRAM_BINS = (8, 6, 6)  # lightness, green-red, blue-yellow
_HISTOGRAM_STRIDES = np.array([_HISTOGRAM_BINS[1] * _HISTOGRAM_BINS[2], _HISTOGRAM_BINS[2], 1])
_LAB_LOW = np.array([0.0, -0.2, -0.2], np.float32)  # of nearly all colours in photos
_LAB_HIGH = np.array([1.0, 0.2, 0.2], np.float32)
_CELL_OF_PIXEL = np.add.outer(
    np.arange(_SIDE) // (_SIDE // _GRADIENT_CELLS) * _GRADIENT_CELLS, np.arange(_SIDE) // (_SIDE // _GRADIENT_CELLS)
).ravel()
_SHARES = (0.45, 0.35, 0.2)  # layout, gradients, histogram

_HASH_SIDE = 32
_HASH_CELLS = 8

# Linear sRGB to the cone responses of Oklab, and these, cube-rooted, to L, a, b.
_RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
_LINEAR = np.array(
    [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.arange(256) / 255], np.float32
)

DIM = 3 * _LAYOUT_CELLS**2 + _ORIENTATIONS * _GRADIENT_CELLS**2 + int(np.prod(_HISTOGRAM_BINS))


def describe(picture: Image.Image) -> Vector:
    """An upright RGB picture to a float32 unit vector of shape (``DIM``,); cosines lie between about -0.5 and 1."""
    square = picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    lab = _oklab(np.asarray(square))
    parts = (_layout(lab), _gradients(lab[..., 0]), _histogram(lab))
    joined = np.concatenate([np.sqrt(share) * _unit(part) for share, part in zip(_SHARES, parts, strict=True)])
    return _unit(joined)


def perceptual_hash(picture: Image.Image) -> int:
    """An upright picture to an unsigned 64-bit hash; alike pictures differ in few bits."""
    grey = np.asarray(picture.convert("L").resize((_HASH_SIDE, _HASH_SIDE), Image.Resampling.LANCZOS), np.float32)
    n = np.arange(_HASH_SIDE)
    basis = np.cos(np.pi * (2 * n[None, :] + 1) * n[:_HASH_CELLS, None] / (2 * _HASH_SIDE)).astype(np.float32)
    low = (basis @ grey @ basis.T).ravel()
    low[np.abs(low) < 1e-3] = 0.0  # rounding noise of a plain picture would otherwise decide its bits
    # The mean brightness (the first term) says nothing of the content and would move the median.
    bits = low > np.median(low[1:])
    bits[0] = False
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _oklab(pixels: NDArray[np.uint8]) -> Plane:
    responses = _LINEAR[pixels] @ _RGB_TO_LMS.T
    lab = np.power(responses, np.float32(1 / 3)) @ _LMS_TO_LAB.T  # half the time of ``cbrt``; nothing is negative here
    return np.asarray(lab, np.float32)


def _unit(vector: Plane) -> Vector:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length > 1e-6 else np.zeros_like(vector), np.float32)


def _cells(plane: Plane, cells: int) -> Plane:
    """Means over a grid of cells: (h, w, ...) to (cells, cells, ...)."""
    side = plane.shape[0] // cells
    return np.asarray(plane.reshape(cells, side, cells, side, *plane.shape[2:]).mean(axis=(1, 3)), np.float32)


def _layout(lab: Plane) -> Plane:
    grid = _cells(lab, _LAYOUT_CELLS)
    grid -= grid.mean(axis=(0, 1))
    grid[..., 1:] *= 2.0  # colour differences are small numbers in Oklab beside those of lightness
    return grid.ravel()


def _gradients(lightness: Plane) -> Plane:
    dy, dx = np.gradient(lightness)
    strength = np.hypot(dx, dy).ravel()
    angle = (np.arctan2(dy, dx).ravel() % np.float32(np.pi)) * np.float32(_ORIENTATIONS / np.pi)
    lower = angle.astype(np.intp)
    share = angle - lower
    first = _CELL_OF_PIXEL * _ORIENTATIONS
    size = _GRADIENT_CELLS**2 * _ORIENTATIONS
    votes = np.bincount(first + lower % _ORIENTATIONS, strength * (1 - share), size)
    votes += np.bincount(first + (lower + 1) % _ORIENTATIONS, strength * share, size)
    histograms = np.sqrt(votes / (_SIDE // _GRADIENT_CELLS) ** 2)
    return np.asarray(histograms - histograms.mean(), np.float32)


def _histogram(lab: Plane) -> Plane:
    """Colours, each shared between the bins around it, so that a slight change of shade changes little."""
    colours = lab[::2, ::2].reshape(-1, 3)  # every fourth pixel tells as much
    last = np.array(_HISTOGRAM_BINS, np.float32) - 1
    position = np.clip((colours - _LAB_LOW) * (last / (_LAB_HIGH - _LAB_LOW)), 0, last)
    lower = np.minimum(position.astype(np.intp), last.astype(np.intp) - 1)
    above = position - lower
    shares = (1 - above, above)
    first = lower @ _HISTOGRAM_STRIDES
    counts = np.zeros(int(np.prod(_HISTOGRAM_BINS)))
    for corner in np.ndindex(2, 2, 2):
        weights = shares[corner[0]][:, 0] * shares[corner[1]][:, 1] * shares[corner[2]][:, 2]
        counts += np.bincount(first + np.dot(corner, _HISTOGRAM_STRIDES), weights, counts.size)
    return np.asarray(np.sqrt(counts / len(colours)), np.float32)
