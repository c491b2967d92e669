"""A series as numbers for a network: everything relative to the series' own level, so that one network serves all.

    history    (n, HISTORY)        ln(1 + units / level), oldest first; 0 before the first sale
    summary    (n, SUMMARY)        means, medians and decayed means / level, shares of zero days, ln level, age, price
    ahead      (n, HORIZON, AHEAD) of each day ahead: how far ahead, what its weekday sold / level
    level      (n,)                mean of the days since the first sale, large days cut

Weekdays have no names here: a network that learnt them from a shop that closes on Saturdays would not follow one that
closes on Wednesdays. What a weekday is to a series is what it sold on it.

The level is of days cut at five times the mean: one order of thousands must not make the rest of eight weeks vanish.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.demand.columns import HISTORY, HORIZON, WEEK, DemandColumns, Floats

SPANS = (7, 14, 28, 56)  # days of rolling means
DECAYS = (0.05, 0.15, 0.35)  # of decayed means
CUT = 5.0  # times the mean
LEAST = 1 / HISTORY  # level of what sold less than one unit in all those days
WEEKS = HISTORY // WEEK
SUMMARY = 4 * len(SPANS) + len(DECAYS) + 4
AHEAD = 5 + HORIZON


class Inputs(NamedTuple):
    """See above; float32."""

    history: Floats
    summary: Floats
    ahead: Floats
    level: Floats

    def take(self, rows: NDArray[np.generic]) -> Inputs:
        """The series that a mask or an index array names."""
        return Inputs(*(part[rows] for part in self))


def inputs(columns: DemandColumns) -> Inputs:
    """Of n series."""
    units = np.maximum(columns.units, 0).astype(np.float32)
    known = np.arange(HISTORY)[None] >= HISTORY - columns.ages[:, None]  # (n, HISTORY)
    level = _level(units, known)
    share = units / level[:, None]
    return Inputs(
        history=np.log1p(share),
        summary=_summary(columns, share, known, level),
        ahead=_ahead(columns, share, known),
        level=level,
    )


def _level(units: Floats, known: NDArray[np.bool_]) -> Floats:
    ages = known.sum(axis=1)
    mean = units.sum(axis=1) / ages
    cut = np.minimum(units, CUT * mean[:, None]).sum(axis=1) / ages
    level: Floats = np.maximum(cut, LEAST).astype(np.float32)
    return level


def _summary(columns: DemandColumns, share: Floats, known: NDArray[np.bool_], level: Floats) -> Floats:
    parts = []
    cut = np.minimum(share, CUT)
    for span in SPANS:
        mine = known[:, -span:]
        days = mine.sum(axis=1)
        parts += [
            np.log1p(cut[:, -span:].sum(axis=1) / days),
            np.log1p(np.median(share[:, -span:], axis=1)),
            ((share[:, -span:] == 0) & mine).sum(axis=1) / days,
            np.log1p(share[:, -span:].max(axis=1)),
        ]
    for decay in DECAYS:
        weight = known * (1 - decay) ** np.arange(HISTORY - 1, -1, -1)
        parts.append(np.log1p((cut * weight).sum(axis=1) / weight.sum(axis=1)))
    recent, whole = _price(columns, 2 * WEEK), _price(columns, HISTORY)
    change = np.where((recent > 0) & (whole > 0), np.log(np.maximum(recent, 1e-6) / np.maximum(whole, 1e-6)), 0)
    parts += [np.log(level), columns.ages / HISTORY, np.clip(change, -1, 1), known[:, 0]]
    return np.stack(parts, axis=1).astype(np.float32)


def _price(columns: DemandColumns, span: int) -> Floats:
    units = columns.units[:, -span:].sum(axis=1)
    price: Floats = columns.revenue[:, -span:].sum(axis=1) / np.maximum(units, 1e-6)
    return price


def _ahead(columns: DemandColumns, share: Floats, known: NDArray[np.bool_]) -> Floats:
    """A week's last column is the weekday of the closed day, so day h ahead has the weekday of column h."""
    n = len(columns)
    weeks = share.reshape(n, WEEKS, WEEK)  # (n, WEEKS, weekday of day h ahead)
    mine = known.reshape(n, WEEKS, WEEK)
    count = np.maximum(mine.sum(axis=1), 1)
    weight = mine * (0.7 ** np.arange(WEEKS - 1, -1, -1))[None, :, None]
    decayed = (np.minimum(weeks, CUT) * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-6)
    parts = [
        np.log1p(np.minimum(weeks, CUT).sum(axis=1) / count),
        np.log1p(np.median(weeks, axis=1)),
        np.log1p(decayed),
        np.log1p(weeks[:, -1]),
        ((weeks == 0) & mine).sum(axis=1) / count,
    ]
    far = np.broadcast_to(np.eye(HORIZON, dtype=np.float32), (n, HORIZON, HORIZON))
    return np.concatenate([np.stack(parts, axis=2), far], axis=2).astype(np.float32)
