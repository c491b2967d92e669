"""Unit vectors kept as bytes: centred, turned to their main directions, cut short, one byte a number.

Centring takes away what all texts of an encoder share, which would else hide the differences (arXiv:2103.15316,
sections 3 and 4, without the scaling). The cosine of two shortened vectors stands for that of the long ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
STEPS = 127  # of a signed byte


@dataclass(frozen=True, slots=True)
class Space:
    """How an encoder's vectors (width) become short ones (size)."""

    centre: Floats  # (width,)
    turn: Floats  # (width, size)

    def shorten(self, vectors: Floats) -> Floats:
        """(n, width) -> (n, size) of unit length; a vector that is the centre itself becomes zeros."""
        turned = (vectors - self.centre) @ self.turn
        length = np.linalg.norm(turned, axis=1, keepdims=True)
        return np.asarray(turned / np.maximum(length, 1e-9), dtype=np.float32)


def fit_space(vectors: Floats, size: int) -> Space:
    """The `size` directions in which the vectors differ most (principal components)."""
    centre = vectors.mean(axis=0)
    _, _, directions = np.linalg.svd((vectors - centre).T @ (vectors - centre))
    turn = directions[:size].T
    # Half precision is what is stored: what is fitted must be what is used.
    return Space(_half(centre), _half(turn))


def pack(vectors: Floats) -> NDArray[np.int8]:
    """(n, size) unit vectors -> signed bytes; the length of a row is lost and comes back in `unpack`."""
    largest = np.maximum(np.abs(vectors).max(axis=1, keepdims=True), 1e-9)
    return np.asarray(np.round(vectors / largest * STEPS), dtype=np.int8)


def unpack(packed: NDArray[np.int8]) -> Floats:
    """Signed bytes -> (n, size) float32 of unit length."""
    wide = packed.astype(np.float32)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def _half(values: Floats) -> Floats:
    return values.astype(np.float16).astype(np.float32)
