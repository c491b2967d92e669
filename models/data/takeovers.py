"""Purchases of a split in which some accounts are taken over: who buys is another household than before.

The rules, drawn from a seed:

    1. Every line of a basket is some seconds after the one before (an exponential draw, 20 seconds in the mean): the
       source gives a basket one time. A household lives in one of ten countries, and one basket in fifty is bought in
       another of them. Half of the households tell no country.
    2. A share of the households is taken over, of those with at least 60 lines, once, at a time drawn from their record
       after the first 30 lines. From there on 5 to 20 lines come within one to two hours, in one to three baskets; the
       lines of a basket follow one another as in rule 1. The household's own purchases go on as they were.
    3. These lines are real ones too, with product, category and price, of another household of the same split.

    kind        lines of the other household                 time of day                        country
    ----------  -------------------------------------------  ---------------------------------  ------------------------
    open        from its fifth that is dearest beside the    one of the eight hours in which    another than the
                category's price                             the household shops least          household's
    hidden      as above                                     as above                           the household's, or none
    day         as above                                     drawn from the household's own     the household's, or none
    price       a stretch of its record, as it is            as open                            the household's, or none
    quiet       a stretch of its record, as it is            drawn from the household's own     the household's, or none

Households without country that are drawn for an open takeover get one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.journey import Purchases

KINDS = ("open", "hidden", "day", "price", "quiet")
DEAR, SILENT = {"open", "hidden", "day"}, {"day", "quiet"}  # dear lines; hours of the household's own
LEAST_LINES, KNOWN_LINES = 60, 30
LINES = (5, 20)
SPAN_MS = (3_600_000, 7_200_000)
BASKETS = 3
LINE_MS = 20_000.0
COUNTRIES = (197, 108, 316, 498, 150, 378, 240, 426, 82, 541)  # any ten numbers of risk.country_number
TRAVELS = 0.02
TELLS = 0.5
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
QUIET_HOURS = 8


@dataclass(frozen=True, slots=True)
class Shopping:
    """n purchases by (household, time), some of them of who took the account over."""

    household: NDArray[np.int32]  # (n,)
    session: NDArray[np.int64]  # (n,)
    product: NDArray[np.int64]  # (n,)
    category: NDArray[np.int32]  # (n,)
    price: NDArray[np.float64]  # (n,) 0 = not told
    country: NDArray[np.int64]  # (n,) as models.behaviour.risk.country_number
    times_ms: NDArray[np.int64]  # (n,)
    kind: NDArray[np.int8]  # (n,) -1 = the household itself, else into KINDS
    line: NDArray[np.int64]  # (n,) the line it is; of a takeover, that of the other household it was taken from

    def __len__(self) -> int:
        return len(self.household)


def with_takeovers(
    lines: Purchases,
    prices: NDArray[np.float64],
    beside: NDArray[np.float64],
    *,
    share: float,
    kinds: tuple[str, ...] = KINDS,
    seed: int,
) -> Shopping:
    """The households of `lines` with that share of them taken over, in equal parts by the `kinds`.

    `prices` (n,) of one piece; `beside` (n,) their logarithm less that of the category's mean.
    """
    rng = np.random.default_rng(seed)
    starts = np.flatnonzero(np.concatenate([[True], lines.household[1:] != lines.household[:-1]]))
    ends = np.append(starts[1:], len(lines))
    times = spread(lines, rng)
    home = rng.choice(COUNTRIES, len(starts))
    tells = rng.random(len(starts)) < TELLS
    eligible = np.flatnonzero(ends - starts >= LEAST_LINES)
    victims = rng.permutation(eligible)[: round(share * len(starts))]
    kind_of = {int(victim): KINDS.index(kinds[i % len(kinds)]) for i, victim in enumerate(victims)}
    for victim, kind in kind_of.items():
        tells[victim] |= KINDS[kind] == "open"

    countries = _countries(lines, starts, home, tells, rng)
    columns = [[lines.household, lines.basket, lines.product, lines.category, prices, countries, times,
                np.full(len(lines), -1, np.int8), np.arange(len(lines))]]  # fmt: skip
    session = int(lines.basket.max()) + 1
    for victim, kind in kind_of.items():
        mine = slice(starts[victim], ends[victim])
        donor = int(rng.choice(eligible[eligible != victim]))
        rows = _rows(slice(starts[donor], ends[donor]), beside, KINDS[kind] in DEAR, rng)
        begin = _begin(times[mine], KINDS[kind] in SILENT, rng)
        baskets, when = _burst(len(rows), begin, rng)
        abroad = int(rng.choice([one for one in COUNTRIES if one != home[victim]]))
        country = (abroad if KINDS[kind] == "open" else home[victim]) if tells[victim] else 0
        n = len(rows)
        columns.append([
            np.full(n, lines.household[starts[victim]], np.int32), session + baskets, lines.product[rows],
            lines.category[rows], prices[rows], np.full(n, country, np.int64), when, np.full(n, kind, np.int8),
            rows,
        ])  # fmt: skip
        session += BASKETS
    joined = [np.concatenate(parts) for parts in zip(*columns, strict=True)]
    order = np.lexsort((np.arange(len(joined[0])), joined[6], joined[0]))
    return Shopping(*(column[order] for column in joined))


def spread(lines: Purchases, rng: np.random.Generator) -> NDArray[np.int64]:
    """(n,) times of the lines, those of a basket one after the other."""
    head = np.concatenate([[True], lines.basket[1:] != lines.basket[:-1]])
    pause = np.where(head, 0, rng.exponential(LINE_MS, len(lines))).astype(np.int64)
    total = np.cumsum(pause)
    first = np.maximum.accumulate(np.where(head, np.arange(len(lines)), 0))
    return lines.times_ms + total - total[first]


def _countries(
    lines: Purchases, starts: NDArray[np.int64], home: NDArray[np.int64], tells: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.int64]:  # fmt: skip
    head = np.concatenate([[True], lines.basket[1:] != lines.basket[:-1]])
    basket = np.cumsum(head) - 1
    away = rng.random(int(basket[-1]) + 1) < TRAVELS
    where = rng.choice(COUNTRIES, len(away))
    who = np.searchsorted(starts, np.arange(len(lines)), side="right") - 1
    country = np.where(away[basket], where[basket], home[who])
    return np.where(tells[who], country, 0)


def _rows(donor: slice, beside: NDArray[np.float64], dear: bool, rng: np.random.Generator) -> NDArray[np.int64]:
    """Lines of the other household: some of its dearest, in their order, or a stretch."""
    lines = np.arange(donor.start, donor.stop)
    count = min(int(rng.integers(LINES[0], LINES[1] + 1)), len(lines))
    if dear:
        dearest = lines[beside[lines] >= np.quantile(beside[lines], 0.8)]
        return np.sort(rng.choice(dearest, min(count, len(dearest)), replace=False))
    start = int(rng.integers(0, len(lines) - count + 1))
    return lines[start : start + count]


def _begin(times: NDArray[np.int64], silent: bool, rng: np.random.Generator) -> int:
    """When a takeover begins, given the household's own times."""
    first, last = times[KNOWN_LINES], times[-1]  # one of a long basket may be later than one of the next
    day = int(rng.integers(first, max(first, last) + 1)) // DAY_MS * DAY_MS
    hours = times // HOUR_MS % 24
    if silent:
        hour = int(rng.choice(hours))
    else:
        count = np.bincount(hours, minlength=24).astype(np.float64)
        count += 0.5 * (np.roll(count, 1) + np.roll(count, -1)) + rng.random(24) * 1e-3
        hour = int(rng.choice(np.argsort(count)[:QUIET_HOURS]))
    return day + hour * HOUR_MS + int(rng.integers(0, HOUR_MS))


def _burst(count: int, begin: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(count,) basket and time of each line."""
    baskets = min(int(rng.integers(1, BASKETS + 1)), count)
    cuts = np.sort(rng.choice(np.arange(1, count), baskets - 1, replace=False)) if baskets > 1 else np.zeros(0, int)
    basket = np.searchsorted(cuts, np.arange(count), side="right")
    span = rng.integers(*SPAN_MS)
    first = np.sort(rng.integers(0, span, baskets))
    first -= first[0]
    pause = rng.exponential(LINE_MS, count).astype(np.int64)
    head = np.concatenate([[True], basket[1:] != basket[:-1]])
    total = np.cumsum(np.where(head, 0, pause))
    at = np.maximum.accumulate(np.where(head, np.arange(count), 0))
    return basket.astype(np.int64), begin + first[basket] + total - total[at]
