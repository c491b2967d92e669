"""What each user buys, how often and when last: the memory that the LSTM's hidden state is too small for.

A habit is a category with a weight (purchases, halved every 180 days, as of the hour of the last purchase) and that
hour. Fading is applied when a habit is read or touched, from a table by whole hours, with single float32 operations
only: rounding then never depends on how the stream was cut into windows, which exp() over arrays would not promise.

    event      purchase (token)   cart   wishlist   view   uncart                   search
    weight     + 1, hour = now    + .5   + .3       + .1   - .5, not below 0        0

Only purchases have been trained on; the other weights are settings, small enough never to outweigh a purchase.
A user has a fixed number of places. When all are taken, the habit that has faded most makes room.
"""

from __future__ import annotations

from bisect import bisect_left
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from models.behaviour.row import NO_HABIT
from schemas.events import EVENT_TYPES

HALF_DAYS = 180.0
HOUR_MS = 3600 * 1000
LATEST_AGE = 65_535 - 90 * 24  # hours; more than that is an event up to 90 days in the past of the user's last one
AGE = np.arange(65_536, dtype=np.float32)  # hours now - hours then, modulo 65536 -> hours since
AGE[LATEST_AGE + 1 :] = 0  # the clock of the events ran backwards
FADE = (0.5 ** (AGE.astype(np.float64) / (24 * HALF_DAYS))).astype(np.float32)  # by the same difference
WEIGHT = np.array([{"purchase": 0.0, "cart": 0.5, "wishlist": 0.3, "view": 0.1, "uncart": -0.5}.get(name, 0.0)
                   for name in EVENT_TYPES], np.float32)  # fmt: skip  # a purchase counts only as a token
PURCHASED = np.float32(1)

VALUE = np.zeros(65_536, np.float32)  # by the bits of a float16; 0 for what no weight can be: below 0, infinite, none
VALUE[:0x7C00] = np.arange(0x7C00, dtype=np.uint16).view(np.float16)
_HALF, _BITS = Struct("<e"), Struct("<H")  # the nearest float16 and its bits


def touch(cells: memoryview, places: int, category: int, hour: int, gain: np.float32, purchase: bool) -> float:
    """Add `gain` to a category's weight, which is given back as it was; a purchase fades it first and is of this hour.

    `cells` (3 * places,) are 16-bit numbers: the ids of a user's habits by rising number, NO_HABIT after them, then
    their hours, then the bits of their weights.
    """
    at, held = bisect_left(cells, category, 0, places), 0.0
    if at < places and cells[at] == category:
        weight = VALUE[cells[at + 2 * places]]
        if purchase:
            weight = weight * FADE[(hour - cells[at + places]) & 0xFFFF]
            cells[at + places] = hour
        held = float(weight)
        weight = weight + gain
        bits = _BITS.unpack(_HALF.pack(weight))[0] if weight > 0 else 0
        if bits:
            cells[at + 2 * places] = bits
        else:
            _forget(cells, places, at)
    elif gain > 0:
        at = _make_room(cells, places, at, hour)
        cells[at], cells[at + places], cells[at + 2 * places] = category, hour, _BITS.unpack(_HALF.pack(gain))[0]
    return held


def spread(ids: NDArray[np.uint16], values: np.ndarray, categories: int) -> np.ndarray:
    """(m, places) ids and what belongs to them -> (m, categories), 0 for a category that is no habit."""
    dense = np.zeros((len(ids), categories + 1), values.dtype)
    cell = np.minimum(ids, categories) + np.arange(len(ids))[:, None] * (categories + 1)
    dense.reshape(-1)[cell] = values
    return dense[:, :categories]


def _make_room(cells: memoryview, places: int, at: int, hour: int) -> int:
    """Free the place before `at`'s habit; where all are taken, what has faded most is forgotten. Returns the place."""
    free = bisect_left(cells, NO_HABIT, at, places)
    if free == places:
        _, hours, weights = np.frombuffer(cells, np.uint16).reshape(3, places)
        free = int((VALUE.take(weights) * FADE.take(np.uint16(hour) - hours)).argmin())
    if free < at:
        _shift(cells, places, free + 1, at, -1)
        return at - 1
    _shift(cells, places, at, free, 1)
    return at


def _forget(cells: memoryview, places: int, at: int) -> None:
    last = bisect_left(cells, NO_HABIT, at, places) - 1
    _shift(cells, places, at + 1, last + 1, -1)
    cells[last], cells[last + places], cells[last + 2 * places] = NO_HABIT, 0, 0


def _shift(cells: memoryview, places: int, begin: int, end: int, by: int) -> None:
    """Move the habits in the places from `begin` up to `end`."""
    for block in (0, places, 2 * places):
        cells[block + begin + by : block + end + by] = cells[block + begin : block + end]
