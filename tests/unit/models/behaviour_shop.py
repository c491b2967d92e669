"""A made-up shop whose households always buy the same, for the tests of training."""

from __future__ import annotations

from functools import partial

import numpy as np

from models.behaviour import Sizes
from models.data.journey import Purchases
from models.data.sequences import DAY_MS
from models.data.splits import buckets

CATEGORIES = 12
SMALL = partial(Sizes, hidden=8, embedding=6, basket=4, profile=4, deep=8, mixer=4, habits=8)


def shop(households: int = 40, baskets: int = 12) -> Purchases:
    """Every household has three categories of its own and buys them in every basket, a week apart."""
    rng = np.random.default_rng(0)
    rows = []
    for household in range(households):
        own = rng.choice(CATEGORIES, 3, replace=False)
        for number in range(baskets):
            day = number * 5 + rng.random()
            rows += [(household, household * 1000 + number, int(c), day) for c in np.sort(own)]
    household, basket, category, days = (np.array(column) for column in zip(*rows, strict=True))
    return Purchases(
        household=household.astype(np.int32),
        basket=basket.astype(np.int64),
        product=category.astype(np.int64) * 10 + household % 2,
        category=category.astype(np.int32),
        times_ms=(days * DAY_MS).astype(np.int64),
        bucket=buckets(str(number) for number in household),
        categories=tuple(f"category {i}" for i in range(CATEGORIES)),
        price=rng.choice([0, 0.99, 2.5, 7], len(household)),
        quantity=rng.choice([0, 1, 1, 3], len(household)).astype(np.float64),
    )
