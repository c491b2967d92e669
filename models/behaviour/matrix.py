"""Products of arrays with fixed weights, kept to one core."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Multiplications at once. From a little more on numpy's library uses all cores and waits for them: milliseconds, where
# others are at work on them. torch takes as many cores as it is told, but several times as long to begin.
AT_ONCE = 1_000_000


class Matrix:
    """Weights, float32."""

    def __init__(self, weights: NDArray[np.floating]) -> None:
        self.weights = np.ascontiguousarray(weights, np.float32)
        self._rows = max(1, AT_ONCE // weights.size)

    def of(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(m, inputs) -> (m, outputs), a new array: x @ weights."""
        if len(x) <= self._rows:
            return np.asarray(np.dot(x, self.weights))
        out = np.empty((len(x), self.weights.shape[1]), np.float32)
        for start in range(0, len(x), self._rows):
            cut = slice(start, start + self._rows)
            np.dot(x[cut], self.weights, out=out[cut])
        return out
