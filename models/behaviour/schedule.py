"""The order in which a window is worked off: step k holds the k-th event of every user that has one.

Users are ranked by falling number of events, so the users of a step are always the first `width` ranks. Arrays over
users can then be cut with a slice, and the same layout is what a packed sequence of torch wants.

    events of a window   a b a c a b        (letters are users)
    ranks                a=0 b=1 c=2
    steps                [a b c] [a b] [a]  widths 3 2 1
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Schedule:
    """Where each event of a window goes."""

    users: NDArray[np.int64]  # (r,) row of each rank
    order: NDArray[np.int64]  # (n,) events in the order of the steps
    rank: NDArray[np.int64]  # (n,) rank of the user of each event in `order`
    widths: NDArray[np.int64]  # (steps,) users in each step, falling
    starts: NDArray[np.int64]  # (steps,) where each step begins in `order`

    def place(self) -> NDArray[np.int64]:
        """(n,) where each event is in `order`."""
        place = np.empty(len(self.order), np.int64)
        place[self.order] = np.arange(len(self.order))
        return place


def schedule(slots: NDArray[np.integer]) -> Schedule:
    """(n,) row of each event, in event order -> the steps."""
    n = len(slots)
    counts = np.bincount(slots) if n else np.zeros(0, np.int64)
    users = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    ranks = np.empty(len(counts), np.int64)
    ranks[users] = np.arange(len(users))
    grouped = np.argsort(slots, kind="stable")
    position = np.empty(n, np.int64)
    position[grouped] = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    order = np.lexsort((ranks[slots], position))
    widths = np.bincount(position) if n else np.zeros(0, np.int64)
    return Schedule(users, order, ranks[slots[order]], widths, np.cumsum(widths) - widths)
