"""What a shop would do without a model: what the user buys most often, then what everybody buys most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.data.journey import Purchases
from models.data.sequences import DAY_MS, NONE, WEEK_MS, Targets

PRIOR_DAYS = 14.0  # of an average household, added to a household's own record of baskets


def frequency_ranks(
    asked: Purchases, expected: Targets, popularity: NDArray[np.float64], *, told: bool
) -> NDArray[np.int64]:
    """(n,) rank (0 = first) of the next category by the household's own counts, ties by popularity.

    Categories of the running basket are not offered. With `told`, the baseline knows when the next event begins a
    basket and excludes nothing then; a stream cannot know that. A category that is not offered ranks last.
    """
    last = len(popularity)
    ranks = np.full(len(asked), last, np.int64)
    tie = popularity / (popularity.sum() + 1)  # below 1, so a single purchase outweighs it
    counts, basket = np.zeros(last), np.zeros(last, bool)
    household, running = -1, -1
    for event, (who, which, category, target, begins) in enumerate(
        zip(
            asked.household.tolist(),
            asked.basket.tolist(),
            asked.category.tolist(),
            expected.category.tolist(),
            expected.new_basket.tolist(),
            strict=True,
        )
    ):
        if who != household:
            household, running = who, -1
            counts[:] = 0
        if which != running:
            running = which
            basket[:] = False
        basket[category] = True
        counts[category] += 1
        if target == NONE:
            continue
        score = counts + tie
        if not (told and begins):
            score[basket] = -1
        if score[target] >= 0:
            ranks[event] = np.count_nonzero(score > score[target])
    return ranks


def product_ranks(asked: Purchases) -> NDArray[np.int64]:
    """(n,) rank of the next product by the household's own counts, ties by the latest; one never bought ranks last.

    Products of categories of the running basket are not offered.
    """
    ranks = np.full(len(asked), np.iinfo(np.int64).max, np.int64)
    starts = np.flatnonzero(np.concatenate([[True], asked.household[1:] != asked.household[:-1]]))
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(asked)], strict=True):
        numbers, code = np.unique(asked.product[start:stop], return_inverse=True)
        category = np.zeros(len(numbers), np.int64)
        category[code] = asked.category[start:stop]
        score, offered = np.zeros(len(numbers)), np.ones(len(numbers), bool)
        for k in range(stop - start - 1):
            if k and asked.basket[start + k] != asked.basket[start + k - 1]:
                offered[:] = True
            offered[category == category[code[k]]] = False
            score[code[k]] = np.floor(score[code[k]]) + 1 + k / (stop - start)
            target = code[k + 1]
            if offered[target] and score[target] > 0:
                ranks[start + k] = np.count_nonzero(score[offered] > score[target])
    return ranks


def own_rate(asked: Purchases, rate: float) -> NDArray[np.float64]:
    """(n,) chance of a basket within a week from the household's baskets so far; `rate` baskets a day is the prior."""
    head = np.concatenate([[True], asked.household[1:] != asked.household[:-1]])
    begins = head | np.concatenate([[True], asked.basket[1:] != asked.basket[:-1]])
    start = np.maximum.accumulate(np.where(head, np.arange(len(asked)), 0))
    baskets = np.cumsum(begins)
    baskets = baskets - baskets[start]  # after the first
    days = (asked.times_ms - asked.times_ms[start]) / DAY_MS
    pace = (baskets + rate * PRIOR_DAYS) / (days + PRIOR_DAYS)
    return np.asarray(1 - np.exp(-pace * WEEK_MS / DAY_MS))


def baskets_a_day(fitted: Purchases) -> float:
    """Baskets of an average household and day."""
    days = (fitted.times_ms.max() - fitted.times_ms.min()) / DAY_MS
    return float(len(np.unique(fitted.basket)) / len(np.unique(fitted.household)) / days)
