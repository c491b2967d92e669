"""Accounts that are taken over while the demo runs: whose, when, and the year with their events in it.

The rules are those of models/data/takeovers.py, every kind as often as the others. They need a household that is known:
some test households are brought forward, one after the other. In its turn, EVERY lines of the year long, a household's
first months are sent between the lines of the others, with the takeover in them, in the order and at the times of the
household's own clock. What it buys later stays where it was in the year.

These households are judged by their risk only, and nothing is wanted of them next: some of it would be what a stranger
wants, and a few households would weigh more in the recall than they do in the year.
"""

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.data.journey import Purchases
from models.data.splits import TEST
from models.data.takeovers import DAY_MS, KNOWN_LINES, Shopping, with_takeovers
from models.data.usual_prices import beside, usual_logs
from streams.demo.purchases import NONE, Year, first_of

TAKEOVERS = 20  # of 230 test households
EVERY = 1_250  # lines of the year: two and a half seconds at the default rate
LEAST, MOST = 120, 200  # lines of a household that are brought forward; they end at a pause
PAUSE_MS = 2 * DAY_MS  # a takeover that begins on the last of these days is over by then
SEED = 0
Number = TypeVar("Number", bound=np.generic)


def take_over(year: Year, count: int = TAKEOVERS, every: int = EVERY) -> Year:
    """The year as it is sent, with that many households taken over, or as many as can be.

    Errors: ValueError when fewer than two households can be: one buys in the name of the other.
    """
    lines = _bring_forward(year, count, every)
    shopping = _shopping(year, lines)
    rest = np.setdiff1d(np.arange(len(year)), lines)
    order = np.argsort(np.concatenate([rest, _places(shopping, every)]), kind="stable")
    source = np.concatenate([rest, lines[shopping.line]])[order]

    def mixed(own: NDArray[Number], forward: NDArray[np.generic]) -> NDArray[Number]:
        """A column of the lines that stay where they were and of those that are brought forward."""
        return np.concatenate([own[rest], forward.astype(own.dtype)])[order]

    household = mixed(year.household, shopping.household)
    asked = ~np.isin(household, shopping.household)
    return replace(
        year,
        household=household,
        basket=mixed(year.basket, shopping.session),
        product=year.product[source],
        category=year.category[source],
        times_ms=mixed(year.times_ms, shopping.times_ms),
        quantity=year.quantity[source],
        price=year.price[source],
        in_test=year.in_test[source],
        wanted=np.where(asked, year.wanted[source], np.int32(NONE)),
        wanted_product=np.where(asked, year.wanted_product[source], NONE),
        new_product=first_of(year.product[source]),
        country=mixed(year.country, shopping.country),
        takeover=mixed(year.takeover, shopping.kind),
    )


def _bring_forward(year: Year, count: int, every: int) -> NDArray[np.int64]:
    """(m,) lines of test households drawn from a seed, each up to the first pause after LEAST; by (household, time)."""
    mine = np.flatnonzero(year.in_test)
    mine = mine[np.argsort(year.household[mine], kind="stable")]
    able = []
    for lines in np.split(mine, np.flatnonzero(np.diff(year.household[mine])) + 1):
        stop = _first_pause(year.times_ms[lines])
        if stop and lines[stop] >= count * every:  # its other lines come after its turn, whichever that is
            able.append(lines[:stop])
    if len(able) < 2:
        raise ValueError(f"{len(able)} test households have {LEAST} lines or more before a pause; two are needed")
    chosen = np.sort(np.random.default_rng(SEED).permutation(len(able))[:count])
    return np.concatenate([able[number] for number in chosen.tolist()])


def _first_pause(times_ms: NDArray[np.int64]) -> int:
    """How many of a household's lines come before it; 0 if there is none in bounds, or if all is bought in a day."""
    pauses = LEAST + np.flatnonzero(np.diff(times_ms[LEAST - 1 : MOST + 1]) >= PAUSE_MS)
    if not len(pauses):
        return 0
    stop = int(pauses[0])
    return stop if times_ms[stop - 1] - times_ms[KNOWN_LINES] > DAY_MS else 0


def _shopping(year: Year, lines: NDArray[np.int64]) -> Shopping:
    """These lines with the takeovers."""
    usual = usual_logs(year.category[~year.in_test], year.price[~year.in_test], len(year.categories))
    prices = year.price[lines]
    own = Purchases(
        household=year.household[lines],
        basket=year.basket[lines],
        product=year.product[lines],
        category=year.category[lines],
        times_ms=year.times_ms[lines],
        bucket=np.full(len(lines), TEST, np.int8),
        categories=year.categories,
    )
    return with_takeovers(own, prices, beside(own.category, prices, usual), share=1.0, seed=SEED)


def _places(shopping: Shopping, every: int) -> NDArray[np.float64]:
    """(m,) between which lines of the year each is sent; kinds take turns, so that a short run has several."""
    households, first, of, size = np.unique(
        shopping.household, return_index=True, return_inverse=True, return_counts=True
    )
    kind = np.array([shopping.kind[start : start + n].max() for start, n in zip(first, size, strict=True)])
    rank = np.array([np.count_nonzero(kind[:number] == kind[number]) for number in range(len(households))])
    turn = np.argsort(np.lexsort((kind, rank)))
    within = (np.arange(len(shopping)) - first[of] + 0.5) / size[of]
    return np.asarray(every * (turn[of] + within))
