"""Values far from the others: by quartiles and by standard deviations, prices on a log scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FENCE = 1.5  # quartile ranges beyond the quartiles (J. Tukey, "Exploratory Data Analysis", 1977)
MOST_Z = 3.0  # standard deviations
LEAST_ROWS = 20  # of a group; smaller ones are judged among all rows
FLAGS = np.array(["", "iqr", "z", "iqr z"], dtype=object)


def by_iqr(values: NDArray[np.float64], fence: float = FENCE) -> NDArray[np.bool_]:
    """(n,) which values lie more than `fence` quartile ranges outside the quartiles; NaN never does."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros(len(values), bool)
    low, high = np.quantile(known, (0.25, 0.75))
    reach = fence * (high - low)
    return np.asarray((values < low - reach) | (values > high + reach))


def by_z(values: NDArray[np.float64], most: float = MOST_Z) -> NDArray[np.bool_]:
    """(n,) which values lie more than `most` standard deviations from the mean; NaN never does."""
    known = values[~np.isnan(values)]
    spread = float(known.std()) if len(known) else 0.0
    if spread == 0:
        return np.zeros(len(values), bool)
    return np.asarray(np.abs(values - known.mean()) > most * spread)


def price_flags(prices: NDArray[np.float64], groups: Sequence[str]) -> NDArray[np.object_]:
    """(n,) prices, (n,) groups such as category and currency -> (n,) "", "iqr", "z" or "iqr z".

    Judged within the group where it has LEAST_ROWS known prices, else among all. Prices are taken as logarithms: they
    spread by factors, and a plain scale would call every costly product an outlier. Prices are above 0 or NaN.
    """
    logs = np.log(prices)
    flags = by_iqr(logs) + 2 * by_z(logs)
    table = pd.DataFrame({"log": logs, "group": list(groups)})
    for rows in table[table["log"].notna()].groupby("group", sort=False).indices.values():
        if len(rows) >= LEAST_ROWS:
            at = np.flatnonzero(~np.isnan(logs))[rows]
            flags[at] = by_iqr(logs[at]) + 2 * by_z(logs[at])
    return np.asarray(FLAGS[flags], dtype=object)
