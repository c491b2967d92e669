"""What the products of a category usually cost, and how a price stands beside that. Prices of 0 are not known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
LEAST = 1e-3  # where all prices are the same
PRIOR = 20.0  # lines of any category, added to each category's mean log price


def usual_logs(category: NDArray[np.int32], prices: Doubles, size: int) -> Doubles:
    """(n,) categories below `size` and prices -> (size + 1,) mean log price of each, the last over all."""
    told = prices > 0
    logs, priced = np.log(prices[told]), category[told]
    usual = logs.mean()
    lots = np.bincount(priced, minlength=size)
    means = (np.bincount(priced, logs, size) + PRIOR * usual) / (lots + PRIOR)
    return np.append(means, usual)


def spreads(category: NDArray[np.int32], prices: Doubles, usual: Doubles) -> Doubles:
    """-> (size,) standard deviation of the log price in each category, those of all counting as PRIOR lines; over 0."""
    size = len(usual) - 1
    away = beside(category, prices, usual)[prices > 0] ** 2
    priced = category[prices > 0]
    lots = np.bincount(priced, minlength=size)
    return np.asarray(np.sqrt((np.bincount(priced, away, size) + PRIOR * away.mean()) / (lots + PRIOR)) + LEAST)


def beside(category: NDArray[np.int32], prices: Doubles, usual: Doubles) -> Doubles:
    """(n,) log price less the usual one of the category, 0 where there is none."""
    told = prices > 0
    return np.asarray(np.where(told, np.log(np.where(told, prices, 1)) - usual[category], 0))
