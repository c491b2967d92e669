"""The factors that make an interval of the outer quantiles hold 80 % of the validation days.

The intervals of rising factors lie inside one another, so the smallest factor that covers enough is split conformal
prediction (Gupta et al. 2022, arXiv:1910.10562). It is looked for in bands of the series' level: of what sells rarely,
days of 0 are most of what there is. Days on which nothing at all was sold count for nothing: they are covered anyway.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.demand.columns import Floats
from models.demand.predictor import Factors, covered, interval
from models.demand.windows import Cases

COVERAGE = 0.8
BANDS = 6
WIDEST = 16.0
STEPS = 24  # of halving: a factor to six digits


def calibrate(quantiles: Sequence[Floats], levels: Sequence[Floats], sets: Sequence[Cases]) -> Factors:
    """Of each set its (m, HORIZON, 3) quantiles and (m,) levels; every set weighs the same."""
    level = np.concatenate(list(levels))
    edges = np.unique(np.quantile(level, np.arange(1, BANDS) / BANDS))
    values = []
    for band in range(len(edges) + 1):
        mine = [np.searchsorted(edges, one, side="right") == band for one in levels]
        values.append(_factor([
            (found[rows], one.truth[rows], one.open[rows])
            for found, rows, one in zip(quantiles, mine, sets, strict=True)
            if one.open[rows].any()
        ]))  # fmt: skip
    return Factors([float(edge) for edge in edges], values)


def _factor(sets: Sequence[tuple[Floats, Floats, NDArray[np.bool_]]]) -> float:
    low, high = 0.0, WIDEST
    if not sets:
        return 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if np.mean([_share(middle, *one) for one in sets]) >= COVERAGE:
            high = middle
        else:
            low = middle
    return round(high, 6)


def _share(factor: float, quantiles: Floats, truth: Floats, opened: NDArray[np.bool_]) -> float:
    low, high = interval(quantiles, np.full((1, 1), factor))
    inside = int(covered(low, high, truth)[opened].sum())
    return inside / (int(opened.sum()) + 1)  # one more day than were seen: what is to come
