"""Purchases as the columns a behaviour model reads, and what was to be predicted after each event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.columns import EventColumns
from models.data.journey import Purchases
from schemas.events import EVENT_TYPES

PURCHASE = EVENT_TYPES.index("purchase")
DAY_MS = 24 * 3600 * 1000
WEEK_MS = 7 * DAY_MS
NONE = -1  # no target: the last event of a household, or a week that the data does not cover


def as_events(purchases: Purchases, products: dict[int, int] | None = None) -> EventColumns:
    """(n,) purchases -> the same as events; `products` gives the predictor's number of a product."""
    n = len(purchases)
    numbers = [(products or {}).get(product, -1) for product in purchases.product.tolist()] if products else -1
    return EventColumns(
        types=np.full(n, PURCHASE, np.uint8),
        categories=purchases.category,
        products=np.full(n, numbers, np.int32),
        attributes=np.zeros((n, 0), np.uint32),
        sessions=purchases.basket.astype(np.uint64),
        times_ms=purchases.times_ms,
        prices=purchases.price,
        quantities=purchases.quantity,
    )


@dataclass(frozen=True, slots=True)
class Targets:
    """What comes after each of n events, NONE where nothing can be said."""

    category: NDArray[np.int64]  # (n,) of the next event of the household
    new_basket: NDArray[np.bool_]  # (n,) that event begins another basket
    week: NDArray[np.int64]  # (n,) 1 when another basket begins within 7 days


def targets(purchases: Purchases, end_ms: int) -> Targets:
    """For purchases by (household, time, basket). Weeks that reach beyond `end_ms` are left out (censored)."""
    same = np.concatenate([purchases.household[1:] == purchases.household[:-1], [False]])
    category = np.where(same, np.roll(purchases.category, -1), NONE).astype(np.int64)
    new_basket = same & (np.roll(purchases.basket, -1) != purchases.basket)
    later = np.where(new_basket, np.roll(purchases.times_ms, -1), np.iinfo(np.int64).max)
    later[~new_basket & same] = -1
    # The start of the next basket, carried back to all events of the basket before it.
    source = np.where(later >= 0, np.arange(len(later)), len(later))
    source = np.minimum.accumulate(source[::-1])[::-1]
    gap = later[np.minimum(source, len(later) - 1)] - purchases.times_ms
    week = np.where(purchases.times_ms + WEEK_MS > end_ms, NONE, gap <= WEEK_MS).astype(np.int64)
    return Targets(category, new_basket, week)


def lanes(
    household: NDArray[np.int32],
    count: int,
    length: int,
    rng: np.random.Generator | None,
    *,
    long_first: int | None = None,
) -> Iterator[tuple[list[NDArray[np.int64]], NDArray[np.bool_]]]:
    """Cut households into pieces for truncated back-propagation: `count` lanes side by side, `length` events a piece.

    Yields for each lane the events of its next piece (empty at the end), and whether a household begins there. `rng`
    shuffles the households; None keeps them in order. With `long_first` the longest come first, by multiples of so many
    events: a long one that is begun late would go on alone.
    """
    starts = np.nonzero(np.concatenate([[True], household[1:] != household[:-1]]))[0]
    ends = np.concatenate([starts[1:], [len(household)]])
    order = list(range(len(starts))) if rng is None else rng.permutation(len(starts)).tolist()
    if long_first is not None:
        order.sort(key=lambda number: -((ends[number] - starts[number]) // long_first))
    order.reverse()
    at, end = np.zeros(count, np.int64), np.zeros(count, np.int64)
    while order or (at < end).any():
        begins = np.zeros(count, bool)
        pieces = []
        for lane in range(count):
            if at[lane] == end[lane] and order:
                number = order.pop()
                at[lane], end[lane], begins[lane] = starts[number], ends[number], True
            stop = min(at[lane] + length, end[lane])
            pieces.append(np.arange(at[lane], stop))
            at[lane] = stop
        yield pieces, begins
