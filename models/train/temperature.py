"""Temperature scaling: one number per head that makes its confidence honest (arXiv:1706.04599)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LOW, _HIGH = -2.0, 2.0  # natural logarithm of the temperature: 0.14 to 7.4
_STEPS = 60  # each shrinks the interval by 0.62: far below float32's resolution at the end
_GOLDEN = (5**0.5 - 1) / 2


def temperature(logits: NDArray[np.float32], counts: NDArray[np.float32]) -> float:
    """The temperature with the least cross-entropy on held-out titles.

    Shapes: (n, labels) logits, (n, labels) counts of rows with each label. 1.0 when there is nothing to fit on.
    Method: golden-section search; the cross-entropy has one minimum in 1/T.
    """
    if counts.sum() == 0:
        return 1.0

    low, high = _LOW, _HIGH
    for _ in range(_STEPS):
        a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if cross_entropy(logits, counts, float(np.exp(a))) < cross_entropy(logits, counts, float(np.exp(b))):
            high = b
        else:
            low = a
    return float(np.exp((low + high) / 2))


def cross_entropy(logits: NDArray[np.float32], counts: NDArray[np.float32], temperature: float) -> float:
    """Summed over all counted rows, in nats, at this temperature. Shapes: (n, labels) both."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    log_p = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return float(-(counts * log_p).sum())
