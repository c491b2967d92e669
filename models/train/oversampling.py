"""How often a row is shown in an epoch, by the size of its class."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Draw = Callable[[np.random.Generator], Rows]  # the rows of one epoch, in their order
THRESHOLD = 0.01  # a class with a smaller share of the rows is repeated


def each_once(codes: NDArray[np.int64]) -> Draw:
    """Every row once, mixed."""
    return lambda random: random.permutation(len(codes))


def square_root(codes: NDArray[np.int64]) -> Draw:
    """As many rows as there are, a class being drawn with the root of its size.

    Source: Mahajan et al. 2018 (arXiv:1805.00932).
    """
    chances = 1 / np.sqrt(np.bincount(codes)[codes])
    chances /= chances.sum()
    return lambda random: random.choice(len(codes), len(codes), p=chances)


def repeat_factor(codes: NDArray[np.int64], threshold: float = THRESHOLD) -> Draw:
    """Each row max(1, sqrt(threshold / share of its class)) times, fractions by chance.

    Source: Gupta et al. 2019, "LVIS" (arXiv:1908.03195).
    """
    shares = np.bincount(codes)[codes] / len(codes)
    factors = np.maximum(1.0, np.sqrt(threshold / shares))

    def draw(random: np.random.Generator) -> Rows:
        whole = np.floor(factors)
        times = whole + (random.random(len(codes)) < factors - whole)
        return random.permutation(np.repeat(np.arange(len(codes)), times.astype(np.int64)))

    return draw
