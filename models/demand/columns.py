"""What a demand model is given and gives back, column by column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HISTORY = 56  # days that a model sees
HORIZON = 7  # days ahead
WEEK = 7
QUANTILES = (0.1, 0.5, 0.9)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DemandColumns:
    """n series as they are when a day has closed, the last column of `units` being that day."""

    units: Floats  # (n, HISTORY) a day each; 0 where nothing was sold or the item was not yet there
    revenue: Floats  # (n, HISTORY) what the units brought; 0 where prices are not known
    ages: NDArray[np.int64]  # (n,) days since the first sale, that day included: 1 to HISTORY, also for older ones

    def __len__(self) -> int:
        return len(self.units)

    def take(self, rows: NDArray[np.generic]) -> DemandColumns:
        """The series that a mask or an index array names."""
        return DemandColumns(self.units[rows], self.revenue[rows], self.ages[rows])


@dataclass(frozen=True, slots=True)
class DemandBatch:
    """Forecasts of n series, in the order given; day h along axis 1 is h + 1 days after the day that has closed.

    `low` and `high` are the 80 % interval. It is not made of the outer quantiles: where an item does not sell on one
    day in ten or more, the lower one is 0 and takes all those days in, so between the two lie up to 90 %.
    """

    quantiles: Floats  # (n, HORIZON, 3) rising along the last axis, see QUANTILES; the middle one is the forecast
    low: Floats  # (n, HORIZON)
    high: Floats  # (n, HORIZON)
