"""Which events move the LSTM on, and what it reads of them.

A token is a purchase of a known category that is not in the running basket yet. Other lines of that category, other
event types and unknown categories are no tokens: raw purchase lines and one line per category give the same tokens.
A basket ends when the session changes; without sessions, when more than two hours pass between two purchases.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, log, pi, sin

import numpy as np
from numpy.typing import NDArray

from schemas.events import EVENT_TYPES

PURCHASE = EVENT_TYPES.index("purchase")
PAUSE_MS = 2 * 3600 * 1000  # between two purchases without session: from here on it is another visit to the shop
HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS
NUMERIC = 10  # columns of Tokens.numeric
BEFORE_PRICES = 7  # of them that the first models read: those without price and pieces
PRICE, TOLD = 7, 8  # the ones with the log price of a piece, and whether there is one
PIECES_SCALE = 3.0  # of the log of how many were bought: 20 of them are 1, and so are more
GAP, GAP_SCALE = 1, 5  # the one with the time since the last token, and what its log is divided by
RHYTHM_SHARE = float(np.float32(0.2))  # of the latest gap in the running mean of the days between baskets
VISIT_HALF_DAYS = 180.0  # as habits.HALF_DAYS: visits and purchases must fade alike for their ratio to be a rate

# By the hour of the week, Monday, midnight first: the hour of the day and that of the week as points on circles.
CLOCK = [tuple(f(2 * pi * hour / turn) for turn in (24, 168) for f in (sin, cos)) for hour in range(168)]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The t tokens of a window, those of one user after the other, in order. Lists, since most windows have a few."""

    events: list[int] = field(default_factory=list)  # (t,) which event of the window
    users: list[int] = field(default_factory=list)  # (t,) row of the user
    categories: list[int] = field(default_factory=list)  # (t,)
    products: list[int] = field(default_factory=list)  # (t,) -1 = unknown
    numbers: list[float] = field(default_factory=list)  # (t * 10,) see `numeric`

    @property
    def user(self) -> NDArray[np.int64]:
        """(t,)"""
        return np.array(self.users, np.int64)

    @property
    def category(self) -> NDArray[np.int64]:
        """(t,)"""
        return np.array(self.categories, np.int64)

    @property
    def product(self) -> NDArray[np.int64]:
        """(t,)"""
        return np.array(self.products, np.int64)

    def numeric(self) -> NDArray[np.float32]:
        """(t, 10) float32: what the LSTM reads besides the category, each about -1 to 1 but for the price.

        New basket, log hours since the last token, hour of day and of week as points on circles, place in the basket;
        log price of a piece, 0 where none is told, whether one is, and log of how many pieces. The network sets the
        price beside what is usual in the category (network.py).
        """
        return np.array(self.numbers, np.float32).reshape(-1, NUMERIC)


def goods(price: float, pieces: float) -> tuple[float, float, float]:
    """The last three columns of a token; 0 stands for what is not told, and is read as one piece."""
    amount = 0.0
    if pieces > 0 and pieces != 1:
        amount = min(max(log(pieces) / PIECES_SCALE, -1.0), 1.0)
    return (log(price), 1.0, amount) if price > 0 else (0.0, 0.0, amount)
