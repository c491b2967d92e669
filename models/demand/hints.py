"""What the days of a series say besides its forecast, where they say it at all.

Price elasticity      ordinary least squares of ln units on ln price over the days with sales, each weekday with a level
                      of its own; 95 % interval from White's standard errors (HC1, White 1980). Asked for only of series
                      with MIN_DAYS such days whose prices vary by MIN_SPREAD. What stands behind it is what the prices
                      were at: where large orders get a discount, it holds that too, so it is a hint and no experiment.
Stock-out             days without a sale up to the last one, and how likely so many are if the item sells on each
                      weekday as often as it did before: the product over the days of (zero days + 1) / (days + 2),
                      Laplace's rule. Told when it is less than LIKELY: the shelf may be empty, or the season over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from models.demand.columns import HISTORY, WEEK, DemandColumns

MIN_DAYS = 21  # with a sale and a price
MIN_SPREAD = 0.05  # standard deviation of ln price: less is rounding
LIKELY = 0.01
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Elasticity:
    """Change of ln units for one of ln price, its 95 % interval, and the days it was seen on."""

    value: float
    low: float
    high: float
    days: int


@dataclass(frozen=True, slots=True)
class StockOut:
    """So many days without a sale, and how likely they are if nothing has changed."""

    days: int
    chance: float


def elasticities(columns: DemandColumns) -> list[Elasticity | None]:
    """Of n series; None where the prices do not carry one."""
    units, revenue = columns.units.astype(np.float64), columns.revenue.astype(np.float64)
    sold = (units > 0) & (revenue > 0)
    spread = np.zeros(len(columns))
    logs = np.log(np.where(sold, revenue, 1) / np.where(sold, units, 1))
    enough = sold.sum(axis=1) >= MIN_DAYS
    if enough.any():
        spread[enough] = np.std(logs[enough], axis=1, where=sold[enough])
    found: list[Elasticity | None] = [None] * len(columns)
    for i in np.flatnonzero(spread >= MIN_SPREAD):
        days = np.flatnonzero(sold[i])
        found[i] = _elasticity(np.log(units[i, days]), logs[i, days], days % WEEK)
    return found


def _elasticity(
    demand: NDArray[np.float64], price: NDArray[np.float64], weekdays: NDArray[np.int64]
) -> Elasticity | None:
    n, groups = len(demand), len(np.unique(weekdays))
    free = n - groups - 1
    x, y = _within(price, weekdays), _within(demand, weekdays)
    square = float(x @ x)
    if free < 1 or square < n * MIN_SPREAD**2 / 4:
        return None  # prices went with the weekdays
    value = float(x @ y) / square
    left = y - value * x
    error = float(np.sqrt((x**2 @ left**2) * n / free)) / square
    way = float(stdtrit(free, (1 + CONFIDENCE) / 2)) * error
    return Elasticity(value, value - way, value + way, n)


def _within(values: NDArray[np.float64], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each value less the mean of its group."""
    count = np.maximum(np.bincount(groups, minlength=WEEK), 1)
    found: NDArray[np.float64] = values - (np.bincount(groups, values, WEEK) / count)[groups]
    return found


def stock_outs(columns: DemandColumns) -> list[StockOut | None]:
    """Of n series; None where the days without a sale are nothing unusual."""
    found: list[StockOut | None] = []
    for units, age in zip(columns.units, columns.ages, strict=True):
        sold = np.flatnonzero(units > 0)
        run = HISTORY - 1 - int(sold[-1]) if len(sold) else 0
        before = np.arange(HISTORY - int(age), HISTORY - run)
        if run < 2 or len(before) < 2 * WEEK:
            found.append(None)
            continue
        zeros = np.bincount(before[units[before] == 0] % WEEK, minlength=WEEK)
        days = np.bincount(before % WEEK, minlength=WEEK)
        rate = (zeros + 1) / (days + 2)
        chance = float(np.prod(rate[np.arange(HISTORY - run, HISTORY) % WEEK]))
        found.append(StockOut(run, chance) if chance < LIKELY else None)
    return found
