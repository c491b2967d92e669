"""Steps on arrays that either numpy or torch does, whichever is faster at that size."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Multiplications. Below, calling torch costs up to four times the work. Above, numpy's library would take all cores,
# which takes milliseconds when others work on them; torch takes as many as the settings say.
SMALL = 1_000_000
FEW = 50_000  # numbers: below, calling torch costs more than numpy's second pass
ZERO = np.zeros(1, np.float32)


class Matrix:
    """Weights, float32."""

    def __init__(self, weights: NDArray[np.floating]) -> None:
        self.weights = np.ascontiguousarray(weights, np.float32)
        self._rows = SMALL // weights.size
        self._tensor = torch.from_numpy(self.weights)

    def of(self, x: Floats) -> Floats:
        """(m, inputs) -> (m, outputs), a new array: x @ weights."""
        if len(x) <= self._rows:
            return np.asarray(np.dot(x, self.weights))
        return np.asarray(torch.mm(torch.from_numpy(x), self._tensor).numpy())

    def add(self, out: Floats, x: Floats) -> None:
        """(m, outputs) += (m, inputs) @ weights; both contiguous."""
        if out.size <= FEW:
            out += np.dot(x, self.weights)
        else:
            torch.from_numpy(out).addmm_(torch.from_numpy(x), self._tensor)


def relu(x: Floats) -> None:
    """In place: nothing below 0; contiguous."""
    if x.size <= FEW:
        np.maximum(x, ZERO, out=x)
    else:
        torch.from_numpy(x).relu_()
