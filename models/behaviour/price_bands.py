"""The price band of an event: low, mid or high, beside what is usual in its category. It is an attribute like others.

The edges are where a normal distribution has its thirds, on the log price of a piece. A category whose usual price is
not known, or an event without a price, has no band.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

NAME = "price_band"
VALUES = ("low", "mid", "high")
NO_BAND = 0  # otherwise the place in VALUES, from 1
EDGE = 0.43  # standard deviations of the log price


@dataclass(frozen=True, slots=True)
class UsualPrices:
    """Mean and standard deviation of the log price of a piece, in each category."""

    categories: tuple[str, ...]
    usual_price: NDArray[np.float32]  # (categories,)
    price_spread: NDArray[np.float32]  # (categories,) over 0


class PriceBands:
    """Bands of events whose categories are numbers of `categories`."""

    def __init__(self, usual: UsualPrices, categories: Sequence[str]) -> None:
        low = np.exp(usual.usual_price.astype(np.float64) - EDGE * usual.price_spread).tolist()
        high = np.exp(usual.usual_price.astype(np.float64) + EDGE * usual.price_spread).tolist()
        edges = dict(zip(usual.categories, zip(low, high, strict=True), strict=True))
        # One more at the end, where -1, the unknown category, finds it. Nothing is at or above its lower edge.
        self._edges = [edges.get(name, (inf, inf)) for name in categories] + [(inf, inf)]

    def of(self, categories: list[int], prices: list[float] | None) -> list[int] | None:
        """(n,) category numbers, -1 = unknown, and prices of a piece, 0 = none -> (n,); None: no event has a band.

        Plain Python: a price is looked at once, and numpy would cost a lone event more than the walk.
        """
        if prices is None or not any(prices):
            return None
        edges, bands = self._edges, []
        for category, price in zip(categories, prices, strict=True):
            band = NO_BAND
            if price > 0:
                low, high = edges[category]
                if high < inf:
                    band = 1 + (price >= low) + (price > high)
            bands.append(band)
        return bands
