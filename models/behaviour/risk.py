"""What is usual for a user, and what this visit is like: the raw signs that risk_model.py makes a score of.

Forty bytes of the row, little-endian; a visit ends when the user pauses for two hours:

    bytes      field            what
    ---------  ---------------  --------------------------------------------------------------------------------------
    0      2   u2   began       first minute of the visit, minutes since the epoch modulo 65536
    2      2   u2   events      of the visit                                     ┐ sums are whole numbers, so it does
    4      2   u2   fresh       of them with a product not bought before         │ not matter how a stream is cut into
    6      1   u1   baskets     of the visit                                     │ windows
    7      1   u1   visits      before it, at most 255                           │
    8      4   i4   odd         surprise at the categories, in 64ths             │
    12     4   i4   dear        log prices beside their categories', in 64ths    ┘
    16     12  6 f2 usual       means over the visits before: log(1 + events), share of fresh ones, surprise and its
                                variance from visit to visit, price and its variance; changed when a visit ends
    28     6   6 u1 bands       visits by four hours of the day (UTC), this one too; all are halved when one is full
    34     4   2 u2 countries   the two that the user's events come from
    38     2   2 u1 from        how many events from each; both are halved when one is full

The surprise at a category is the logarithm of how much likelier it is that anybody's basket has it than one of this
user's, of which the row's habits tell. Only what moves a habit is asked: a second line of a category in a basket says
nothing.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from math import log, log1p
from struct import Struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.behaviour.habits import HOUR_MS

VISIT, USUAL, COUNTRIES = Struct("<HHHBBii"), Struct("<6e"), Struct("<HHBB")
USUAL_AT, BANDS_AT, COUNTRIES_AT = 16, 28, 34
BLOCK = np.dtype([
    ("began", "<u2"), ("events", "<u2"), ("fresh", "<u2"), ("baskets", "<u1"), ("visits", "<u1"), ("odd", "<i4"),
    ("dear", "<i4"), ("usual", "<f2", (6,)), ("bands", "<u1", (6,)), ("countries", "<u2", (2,)), ("from", "<u1", (2,)),
])  # fmt: skip
PAUSE_MS = 2 * HOUR_MS
BAND_MS = 4 * HOUR_MS
PART = 64  # of a sum
MOST = 60_000  # events of a visit that are counted: a sum of what any of them can be is below 2**31
SLOWEST = 16.0  # visits: the memory of what is usual
TRUST = 3.0  # baskets of anybody, added to the user's own
STRANGE = 12.0  # a price is at most e to this times its category's, or that part of it
SIGNS = (
    "events", "fresh", "baskets", "time_ms", "began", "odd", "dear", "surprise", "held", "beside", "price", "new",
    "abroad",
)  # fmt: skip

# Category, the habit's weight before or -1 where the event says nothing of it, baskets so far, whether the product is
# new, price, country, time, that of the event before (0 = none), whether a basket begins.
Event = tuple[int, float, float, bool, float, int, int, int, bool]
Follower = Generator[tuple[float, ...], Event, None]


def country_number(code: str | None) -> int:
    """Two capital letters (ISO 3166-1) as a number from 1 to 676; 0 stands for none."""
    return 0 if code is None else (ord(code[0]) - 65) * 26 + ord(code[1]) - 64


class Signs(NamedTuple):
    """Of the m events of a window that are answered."""

    blocks: NDArray[Any]  # (m,) BLOCK: `usual` and `bands` of their users; the visit's own fields are in the values
    values: NDArray[np.float64]  # (m, SIGNS) NaN for an event that does not count


class RiskReader:
    """Reads and moves on the block of rows.

    `shares` (categories,) of baskets that have each category, none 0; `prices` (categories + 1,) its mean log price,
    the last for events of no known category.
    """

    def __init__(self, shares: Sequence[float], prices: Sequence[float]) -> None:
        self._shares, self._prices = list(shares), list(prices)
        self._prior = [TRUST * share for share in shares]

    def follow(self, raw: bytearray, at: int) -> Follower:
        """A coroutine for one user's events of a window: each is sent after the row has counted it, and its signs come
        back. Closing it writes the block, which is at byte `at`.
        """
        began, events, fresh, baskets, past, odd, dear = VISIT.unpack_from(raw, at)
        shares, prior, prices = self._shares, self._prior, self._prices
        signs: tuple[float, ...] = ()
        try:
            while True:
                category, held, visits, new, price, country, time_ms, seen_ms, begins = yield signs
                if not events or time_ms - seen_ms > PAUSE_MS:
                    past = _ended(raw, at, events, fresh, past, odd, dear)
                    began, events, fresh, baskets, odd, dear = time_ms // 60_000 & 0xFFFF, 0, 0, 1, 0, 0
                    _count_band(raw, at + BANDS_AT, time_ms)
                elif begins and baskets < 255:
                    baskets += 1
                if events < MOST:
                    events += 1
                elif events == MOST:  # of more, no one counts
                    held, price, new = -1.0, 0.0, False

                surprise, beside = 0.0, 0.0
                if held >= 0:
                    surprise = log(shares[category] * (visits + TRUST) / (held + prior[category]))
                    odd += int(surprise * PART)
                if price > 0:
                    beside = log(price) - prices[category]
                    if not -STRANGE < beside < STRANGE:
                        beside = STRANGE if beside > 0 else -STRANGE
                    dear += int(beside * PART)
                if new:
                    fresh += 1
                abroad = _abroad(raw, at + COUNTRIES_AT, country) if country else 0.0
                signs = (events, fresh, baskets, time_ms, began, odd, dear, surprise, held, beside, price, new, abroad)
        finally:
            VISIT.pack_into(raw, at, began, events, fresh, baskets, past, odd, dear)


def _ended(raw: bytearray, at: int, events: int, fresh: int, past: int, odd: int, dear: int) -> int:
    """Count a visit in what is usual, if it had events; returns the visits so far."""
    if not events:
        return past
    busy, novelty, surprise, surprise_var, price, price_var = USUAL.unpack_from(raw, at + USUAL_AT)
    share = 1 / (past + 1) if past < SLOWEST - 1 else 1 / SLOWEST
    away, dearer = odd / PART / events - surprise, dear / PART / events - price
    if not past:
        surprise, price, away, dearer = away, dearer, 0.0, 0.0
    USUAL.pack_into(
        raw,
        at + USUAL_AT,
        busy + share * (log1p(events) - busy),
        novelty + share * (fresh / events - novelty),
        surprise + share * away,
        surprise_var + share * (away * away - surprise_var),
        price + share * dearer,
        price_var + share * (dearer * dearer - price_var),
    )
    return min(past + 1, 255)


def _count_band(raw: bytearray, at: int, time_ms: int) -> None:
    band = at + time_ms // BAND_MS % 6
    if raw[band] == 255:
        for place in range(at, at + 6):
            raw[place] >>= 1
    raw[band] += 1


def _abroad(raw: bytearray, at: int, country: int) -> float:
    """Logarithm of how much rarer than any the user's events are from this country; 0 for the first. Counts it."""
    first, second, mine, theirs = COUNTRIES.unpack_from(raw, at)
    own = mine if country == first else theirs if country == second else 0
    told = mine + theirs
    if own == 255:
        mine, theirs = mine >> 1, theirs >> 1
    if country == first:
        mine += 1
    elif country == second:
        theirs += 1
    elif mine <= theirs:  # the rarer one makes room
        first, mine = country, 1
    else:
        second, theirs = country, 1
    COUNTRIES.pack_into(raw, at, first, second, mine, theirs)
    return log((told + 1) / (2 * own + 1))
