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

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.behaviour.row import NO_HABIT
from models.behaviour.schedule import Schedule
from schemas.events import EVENT_TYPES

HALF_DAYS = 180.0
HOUR_MS = 3600 * 1000
LATEST_AGE = 65_535 - 90 * 24  # hours; more than that is an event up to 90 days in the past of the user's last one
WEIGHT = np.array([{"purchase": 0.0, "cart": 0.5, "wishlist": 0.3, "view": 0.1, "uncart": -0.5}.get(name, 0.0)
                   for name in EVENT_TYPES], np.float32)  # fmt: skip  # a purchase counts only as a token
FADE = (0.5 ** (np.arange(65_536) / (24 * HALF_DAYS))).astype(np.float32)
FADE[LATEST_AGE + 1 :] = 1.0


@dataclass(frozen=True, slots=True)
class Touches:
    """What the events of a window do to habits and baskets, in event order."""

    category: NDArray[np.int64]  # (n,) the number of categories when there is none
    token: NDArray[np.bool_]  # (n,)
    new_basket: NDArray[np.bool_]  # (n,) only where token
    weight: NDArray[np.float32]  # (n,) 1 for a token, WEIGHT for other types
    hour: NDArray[np.uint16]  # (n,) hours since the epoch modulo 65536


@dataclass(slots=True)
class Habits:
    """Habits and running baskets of r users, one column per category and one more for "none"."""

    weight: NDArray[np.float32]  # (r, categories + 1) 0 = no habit
    hour: NDArray[np.uint16]  # (r, categories + 1)
    basket: NDArray[np.bool_]  # (r, categories + 1)


def ages(now: NDArray[np.uint16], hour: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Whole hours since a purchase; 0 when the clock of the events ran backwards."""
    age = now - hour  # modulo 65536, as both are
    age[age > LATEST_AGE] = 0
    return age


def unpack(rows: np.ndarray, categories: int) -> Habits:
    """(r,) rows -> their habits and baskets, spread over all categories."""
    used = rows["habit_id"] != NO_HABIT
    user, place = np.nonzero(used)
    column = rows["habit_id"][user, place]
    weight = np.zeros((len(rows), categories + 1), np.float32)
    hour = np.zeros((len(rows), categories + 1), np.uint16)
    weight[user, column] = rows["habit_weight"][user, place]
    hour[user, column] = rows["habit_hour"][user, place]
    basket = np.zeros((len(rows), categories + 1), bool)
    basket[:, :categories] = np.unpackbits(rows["basket"], axis=1, count=categories, bitorder="little")
    return Habits(weight, hour, basket)


def pack(habits: Habits, rows: np.ndarray) -> None:
    """Write habits and baskets into their (r,) rows."""
    categories = habits.weight.shape[1] - 1
    user, column = np.nonzero(habits.weight[:, :categories] > 0)
    count = np.bincount(user, minlength=len(rows))
    place = np.arange(len(user)) - np.repeat(np.cumsum(count) - count, count)
    ids = np.full(rows["habit_id"].shape, NO_HABIT, np.uint16)
    hours, weights = np.zeros(ids.shape, np.uint16), np.zeros(ids.shape, np.float16)
    ids[user, place] = column
    hours[user, place] = habits.hour[user, column]
    weights[user, place] = habits.weight[user, column]
    rows["habit_id"], rows["habit_hour"], rows["habit_weight"] = ids, hours, weights
    rows["basket"] = np.packbits(habits.basket[:, :categories], axis=1, bitorder="little")


def walk(habits: Habits, steps: Schedule, touches: Touches, places: int, kept: NDArray[np.bool_]) -> Habits:
    """Apply a window's events to the habits of its users, by rank, in place.

    Returns the habits and baskets right after each event that `kept` (n,) names, in the order of the steps: two
    kilobytes each, so only those that are to be answered.
    """
    weight, hour, basket = habits.weight, habits.hour, habits.basket
    n, columns = len(steps.order), weight.shape[1]
    keep = kept[steps.order]
    ends = np.concatenate([[0], np.cumsum(keep)])[np.append(steps.starts, n)].tolist()
    shape = (ends[-1], columns)
    after = Habits(np.empty(shape, np.float32), np.empty(shape, np.uint16), np.empty(shape, bool))
    flat_weight, flat_hour, flat_basket = weight.reshape(-1), hour.reshape(-1), basket.reshape(-1)
    taken = np.count_nonzero(weight, axis=1)

    cell = steps.rank * columns + touches.category[steps.order]
    token, begins = touches.token[steps.order], touches.new_basket[steps.order]
    gain, now = touches.weight[steps.order], touches.hour[steps.order]
    any_begins = np.logical_or.reduceat(begins, steps.starts) if n else begins

    for step, (start, width) in enumerate(zip(steps.starts.tolist(), steps.widths.tolist(), strict=True)):
        cut = slice(start, start + width)
        cells, bought = cell[cut], token[cut]
        old = flat_weight[cells]
        faded = np.where(bought, old * FADE[ages(now[cut], flat_hour[cells])], old)
        new = np.maximum(faded + gain[cut], 0).astype(np.float16).astype(np.float32)
        flat_weight[cells] = new
        flat_hour[cells] = np.where(bought | (old == 0), now[cut], flat_hour[cells])
        weight[:width, -1] = 0  # the column for "none" takes what is not a habit
        if any_begins[step]:
            basket[:width][begins[cut]] = False
        flat_basket[cells] |= bought
        taken[:width] += np.where(_is_none(cells, columns), 0, (new > 0).astype(np.int64) - (old > 0))
        for rank in np.nonzero(taken[:width] > places)[0]:
            _make_room(weight[rank], hour[rank], now[start + rank], int(cells[rank] - rank * columns))
            taken[rank] -= 1
        begin, end = ends[step], ends[step + 1]
        if end > begin:
            which: slice | NDArray[np.bool_] = slice(width) if end - begin == width else keep[cut]
            after.weight[begin:end] = weight[:width][which]
            after.hour[begin:end] = hour[:width][which]
            after.basket[begin:end] = basket[:width][which]
    return after


def _is_none(cells: NDArray[np.int64], columns: int) -> NDArray[np.bool_]:
    """True where a cell is in the column for "none"."""
    return np.asarray(cells % columns == columns - 1)


def _make_room(weight: NDArray[np.float32], hour: NDArray[np.uint16], now: np.uint16, keep: int) -> None:
    """Forget the habit of one user that has faded most, never the one just touched."""
    strength = np.where(weight > 0, weight * FADE[ages(np.full(len(hour), now, np.uint16), hour)], np.inf)
    strength[keep] = np.inf
    weight[np.argmin(strength)] = 0
