"""Daily sales as cases: at each origin, a day that begins, the series before it and the seven days that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.demand.columns import HISTORY, HORIZON, DemandColumns, Floats

Units = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cases:
    """m cases, by origin and then by series."""

    columns: DemandColumns  # (m,)
    truth: Floats  # (m, HORIZON)
    series: NDArray[np.int64]  # (m,) which of the n series
    origins: NDArray[np.int64]  # (m,) the first day ahead, as a column
    open: NDArray[np.bool_]  # (m, HORIZON) whether anything at all was sold on that day


def cases(units: Units, revenue: Units, origins: Sequence[int]) -> Cases:
    """(n, d) units and revenue; a series without a sale before an origin is no case of it.

    Errors: ValueError for an origin with too few days before or after it.
    """
    days = units.shape[1]
    wrong = [origin for origin in origins if not HISTORY <= origin <= days - HORIZON]
    if wrong:
        text = f"{days} days; {HISTORY} are needed before an origin and {HORIZON} from it on"
        raise ValueError(f"no case begins on day {wrong[0]} of {text}")
    if not len(origins):
        raise ValueError(f"no day was asked for of {days}")
    some: NDArray[np.bool_] = units > 0
    begins = np.where(some.any(axis=1), some.argmax(axis=1), days)
    sold: NDArray[np.bool_] = np.any(some, axis=0)
    parts = []
    for origin in origins:
        mine = np.flatnonzero(begins < origin)
        ahead = slice(origin, origin + HORIZON)
        parts.append((
            units[mine, origin - HISTORY : origin],
            revenue[mine, origin - HISTORY : origin],
            np.minimum(origin - begins[mine], HISTORY),
            np.full(len(mine), origin, dtype=np.int64),
            units[mine, ahead],
            mine,
            np.broadcast_to(sold[ahead], (len(mine), HORIZON)),
        ))  # fmt: skip
    past, brought, ages, starts, truth, series, opened = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Cases(DemandColumns(past, brought, ages.astype(np.int64)), truth, series, starts, opened)
