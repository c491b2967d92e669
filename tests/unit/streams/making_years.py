"""Small years of random purchases."""

import numpy as np

from streams.demo.purchases import NONE, Year, first_of, wanted_next

CATEGORIES = 12


def make_year(seed: int, lines: int = 400) -> Year:
    """Random baskets of a few households, in time order, with repeated categories."""
    random = np.random.default_rng(seed)
    household = np.empty(lines, np.int32)
    basket = np.empty(lines, np.int64)
    start, number = 0, 0
    while start < lines:
        stop = min(lines, start + int(random.integers(1, 9)))
        household[start:stop], basket[start:stop] = random.integers(0, 5), number
        start, number = stop, number + 1
    category = random.integers(0, CATEGORIES, lines).astype(np.int32)
    step = first_of(basket * CATEGORIES + category)
    product = category + CATEGORIES * random.integers(0, 4, lines).astype(np.int64)
    return Year(
        household=household,
        basket=basket,
        product=product,
        category=category,
        times_ms=np.arange(lines, dtype=np.int64),
        quantity=np.ones(lines, np.int64),
        price=np.ones(lines),
        in_test=household < 3,
        wanted=wanted_next(household, category, step),
        wanted_product=wanted_next(household, product, step),
        new_product=first_of(product),
        country=np.zeros(lines, np.int16),
        takeover=np.full(lines, NONE, np.int8),
        categories=tuple(f"C{i}" for i in range(CATEGORIES)),
        popularity=random.permutation(CATEGORIES).astype(np.int64) * 7,
    )
