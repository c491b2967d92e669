"""The factors that make an interval of the outer quantiles hold 80 % of the validation days.

The intervals of rising factors lie inside one another, so the smallest factor that covers enough is split conformal
prediction (Gupta et al. 2022, arXiv:1910.10562). It is looked for in bands: of what sells rarely, days of 0 are most of
what there is, and what sells by the bulk order is not what sells by the bottle. Days on which nothing at all was sold
count for nothing: they are covered anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.demand.columns import Floats
from models.demand.predictor import Factors, bands, covered, interval, spread
from models.demand.windows import Cases

COVERAGE = 0.8
BANDS = 3  # of the level and of the spread each
WIDEST = 16.0
STEPS = 24  # of halving: a factor to six digits


class _Part(NamedTuple):
    """Cases of one set in one band."""

    quantiles: Floats
    truth: Floats
    open: NDArray[np.bool_]
    weight: float  # of one day: every set weighs the same in all


def calibrate(quantiles: Sequence[Floats], levels: Sequence[Floats], sets: Sequence[Cases]) -> Factors:
    """Of each set its (m, HORIZON, 3) quantiles and (m,) levels."""
    spreads = [spread(one) for one in quantiles]
    by_level, by_spread = _edges(levels), _edges(spreads)
    values: list[list[float]] = []
    for row in range(BANDS):
        values.append([])
        for column in range(BANDS):
            parts = []
            for found, level, apart, one in zip(quantiles, levels, spreads, sets, strict=True):
                mine = (bands(by_level, level) == row) & (bands(by_spread, apart) == column)
                parts.append(_Part(found[mine], one.truth[mine], one.open[mine], 1 / max(1, int(one.open.sum()))))
            values[-1].append(_factor(parts))
    return Factors(by_level.tolist(), by_spread.tolist(), values)


def _edges(values: Sequence[Floats]) -> NDArray[np.float64]:
    return np.quantile(np.concatenate(list(values)).astype(np.float64), np.arange(1, BANDS) / BANDS)


def _factor(parts: Sequence[_Part]) -> float:
    if not any(part.open.any() for part in parts):
        return 1.0  # nothing is known of this band
    low, high = 0.0, WIDEST
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _share(middle, parts) >= COVERAGE:
            high = middle
        else:
            low = middle
    return round(high, 6)


def _share(factor: float, parts: Sequence[_Part]) -> float:
    """Of the days, and of one more in each set, which is the one to come."""
    inside = days = 0.0
    for part in parts:
        low, high = interval(part.quantiles, np.full((1, 1), factor))
        inside += part.weight * int(covered(low, high, part.truth)[part.open].sum())
        days += part.weight * (int(part.open.sum()) + 1)
    return inside / days
