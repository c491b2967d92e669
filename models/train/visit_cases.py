"""Household purchases through the walk of the stream: what rows know of visits, and when the next one came."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.behaviour.row import blank, row_dtype
from models.behaviour.visit import Doubles, features
from models.behaviour.walk import EventLists, walk
from models.data.journey import Purchases
from models.data.sequences import DAY_MS, as_events

AT_ONCE = 40  # households in one window: their rows are copied at every event


@dataclass(frozen=True, slots=True)
class Visits:
    """n events by household and time."""

    x: Doubles  # (n, FEATURES)
    days: Doubles  # (n,) until the next basket began or, where none came, until the data end
    came: NDArray[np.bool_]  # (n,) whether one came
    watched: Doubles  # (n,) days until the data end
    last: NDArray[np.bool_]  # (n,) the last event of its basket
    household: NDArray[np.int32]  # (n,)
    times_ms: NDArray[np.int64]  # (n,)

    def take(self, rows: NDArray[np.generic]) -> Visits:
        """The events that a mask or an index array names."""
        return Visits(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def visits(purchases: Purchases, end_ms: int) -> Visits:
    """Of every event; `end_ms` is the time of the last purchase of all, after which nothing is known."""
    n = len(purchases)
    same = purchases.household[1:] == purchases.household[:-1]
    last = np.append(~same | (purchases.basket[1:] != purchases.basket[:-1]), True)
    ends = np.minimum.accumulate(np.where(last, np.arange(n), n)[::-1])[::-1]  # the last event of the event's basket
    came = np.append(same, False)[ends]
    following = np.where(came, purchases.times_ms[np.minimum(ends + 1, n - 1)], end_ms)
    watched = (end_ms - purchases.times_ms) / DAY_MS
    days = (following - purchases.times_ms) / DAY_MS
    return Visits(_walked(purchases), days, came, watched, last, purchases.household, purchases.times_ms)


def _walked(purchases: Purchases) -> Doubles:
    kind = row_dtype(len(purchases.categories), 1, 1)  # rows know visits and basket whatever else they hold
    names = list(range(len(purchases.categories)))
    columns = as_events(purchases)
    starts = np.flatnonzero(np.append(True, purchases.household[1:] != purchases.household[:-1]))
    cuts = [*starts[::AT_ONCE].tolist(), len(purchases)]
    found: list[list[float]] = []
    for first, end in pairwise(cuts):
        users = np.searchsorted(starts, np.arange(first, end), side="right") - 1
        slots = users - users[0]
        lists = EventLists.of(columns.take(slice(first, end)))
        window = walk(blank(kind, int(slots[-1]) + 1), slots.tolist(), lists, names)
        found += [features(pace)[0] for pace in window.pace]
    return np.array(found)
