"""Some of the households, where all of them would take too long."""

from __future__ import annotations

import numpy as np

from models.data.journey import Purchases


def some_households(part: Purchases, count: int | None, seed: int | None) -> Purchases:
    """The purchases of so many households: drawn by `seed`, or the first ones; None is all."""
    every = np.unique(part.household)
    order = every if seed is None else np.random.default_rng(seed).permutation(every)
    return part.take(np.isin(part.household, order[:count]))


def held_beside(count: int) -> int:
    """How many held-out households go with so many that teach: a fifth."""
    return max(2, count // 5)
