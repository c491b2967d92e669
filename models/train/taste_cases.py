"""Purchases through the walk of the stream: what rows know of tastes, and what was chosen next."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.behaviour.price_bands import NAME, NO_BAND, VALUES, PriceBands, UsualPrices
from models.behaviour.row import LIKED, blank, row_dtype
from models.behaviour.walk import EventLists, walk
from models.data.sequences import PURCHASE
from models.data.splits import TRAIN
from models.data.tastes import Choices
from models.data.usual_prices import Doubles, spreads, usual_logs
from schemas.state import attribute_key

AT_ONCE = 40  # users in one window: their rows are copied at every event
TABLES = ("name", "values")  # of Cases, not a column


@dataclass(frozen=True, slots=True)
class Cases:
    """m purchases after which the row holds a value of the name, and the user bought something that has one."""

    name: str
    values: tuple[str, ...]
    held: NDArray[np.int8]  # (m, p) numbers of the values in the row, the heaviest first; -1 = none
    weights: Doubles  # (m, p) of those
    chosen: NDArray[np.int8]  # (m,) the value that was bought next
    user: NDArray[np.int32]  # (m,)

    def __len__(self) -> int:
        return len(self.user)

    @property
    def left(self) -> Doubles:
        """(m,) how many values the row does not hold."""
        return np.asarray(len(self.values) - (self.held >= 0).sum(axis=1), np.float64)

    def take(self, rows: NDArray[np.generic]) -> Cases:
        """The cases that a mask or an index array names."""
        each = {f.name: getattr(self, f.name) for f in fields(self)}
        return Cases(**{name: column if name in TABLES else column[rows] for name, column in each.items()})


def usual_prices(choices: Choices) -> UsualPrices:
    """Of the categories, by the users of the training buckets."""
    taught = choices.of_buckets(*TRAIN)
    usual = usual_logs(taught.category, taught.price, len(choices.categories))
    spread = spreads(taught.category, taught.price, usual)
    return UsualPrices(choices.categories, usual[:-1].astype(np.float32), spread.astype(np.float32))


def events_of(choices: Choices) -> EventLists:
    """The same purchases as the stream has them."""
    n = len(choices)
    keys = [attribute_key(choices.attribute, value) for value in choices.values]
    return EventLists(
        types=[PURCHASE] * n,
        categories=choices.category.tolist(),
        products=[-1] * n,
        attributes=[[keys[value]] if value >= 0 else [] for value in choices.value.tolist()],
        sessions=[0] * n,
        times_ms=choices.times_ms.tolist(),
        prices=choices.price.tolist(),
    )


def popularity(choices: Choices, usual: UsualPrices) -> tuple[Doubles, Doubles]:
    """How often each value of the attribute, and each price band, was bought: shares."""
    bands = np.array(_bands(choices, usual, choices.category.tolist(), choices.price.tolist()))
    both = (choices.value, len(choices.values)), (bands - 1, len(VALUES))
    counts = [np.bincount(value[value >= 0], minlength=size) for value, size in both]
    return counts[0] / counts[0].sum(), counts[1] / counts[1].sum()


def cases(choices: Choices, usual: UsualPrices) -> tuple[Cases, Cases]:
    """Of the attribute, and of the price bands."""
    events = events_of(choices)
    bands = _bands(choices, usual, events.categories, events.prices)
    keys, weights, of_bands = _walked(choices.user, events, bands)
    number = {attribute_key(choices.attribute, value): place for place, value in enumerate(choices.values)}
    known = np.array(sorted(number), np.uint32)
    order = np.array([number[key] for key in known.tolist()], np.int8)
    held = np.where(keys > 0, order[np.searchsorted(known, np.where(keys > 0, keys, known[0]))], -1)
    every = np.tile(np.arange(len(VALUES), dtype=np.int8), (len(choices), 1))
    return (
        _cases(choices, choices.attribute, choices.values, held.astype(np.int8), weights, choices.value),
        _cases(choices, NAME, VALUES, np.where(of_bands > 0, every, -1), of_bands, np.array(bands, np.int8) - 1),
    )


def _bands(choices: Choices, usual: UsualPrices, categories: list[int], prices: list[float] | None) -> list[int]:
    return PriceBands(usual, choices.categories).of(categories, prices) or [NO_BAND] * len(choices)


def _walked(
    user: NDArray[np.int32], events: EventLists, bands: list[int]
) -> tuple[NDArray[np.uint32], Doubles, Doubles]:
    """(n, LIKED) liked keys and their weights, and (n, bands) weights of the bands, after each event."""
    kind = row_dtype(1, 1, 1)  # without categories: they move nothing that is read here
    n = len(user)
    keys, weights, of_bands = np.zeros((n, LIKED), np.uint32), np.zeros((n, LIKED)), np.zeros((n, len(VALUES)))
    starts = np.flatnonzero(np.append(True, user[1:] != user[:-1]))
    for first, end in pairwise([*starts[::AT_ONCE].tolist(), n]):
        slots = np.searchsorted(starts, np.arange(first, end), side="right")
        slots -= slots[0]
        part = EventLists(*(None if column is None else column[first:end] for column in events))  # type: ignore[arg-type]
        part = part._replace(categories=[-1] * (end - first))
        rows = blank(kind, int(slots[-1]) + 1)
        kept = walk(rows, slots.tolist(), part, [0], product_keep=1.0, bands=bands[first:end]).kept
        keys[first:end], weights[first:end] = kept["liked_key"], kept["liked_weight"]
        of_bands[first:end] = kept["price_band"]
    return keys, weights, of_bands


def _cases(
    choices: Choices,
    name: str,
    values: tuple[str, ...],
    held: NDArray[np.int8],
    weights: Doubles,
    value: NDArray[np.int8],
) -> Cases:
    order = np.argsort(-weights, axis=1, kind="stable")
    held, weights = np.take_along_axis(held, order, axis=1), np.take_along_axis(weights, order, axis=1)
    chosen = _next(choices.user, value)
    asked = (chosen >= 0) & (held[:, 0] >= 0)
    return Cases(name, values, held, weights, chosen, choices.user).take(asked)


def _next(user: NDArray[np.int32], value: NDArray[np.int8]) -> NDArray[np.int8]:
    """(n,) the value of the user's next purchase that has one; -1 where none comes."""
    n = len(user)
    place = np.where(value >= 0, np.arange(n), n)
    following = np.append(np.minimum.accumulate(place[::-1])[::-1][1:], n)
    there = np.minimum(following, n - 1)
    return np.where((following < n) & (user[there] == user), value[there], -1).astype(np.int8)
