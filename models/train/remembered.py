"""What rows know at every event of a training set, walked once and read in every epoch.

The rows do not depend on the network's weights, only its state does: so the walk through them is done before the first
epoch, and habits are kept end to end, as most users have fewer than a row has places for.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray

from models.behaviour import Sizes
from models.behaviour import habits as habit
from models.behaviour.network import Inputs, Memory
from models.behaviour.row import blank, row_dtype
from models.behaviour.walk import EventLists, Window, walk
from models.data.journey import Purchases
from models.data.sequences import as_events
from models.errors import TrainingError

AT_ONCE = 8_192  # events walked at a time: copies of their rows take 16 MiB

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Remembered:
    """n events, each one a token; p habits in all, those of one event by rising category."""

    categories: int
    category: NDArray[np.int64]  # (n,) of the token
    product: NDArray[np.int64]  # (n,) -1 = unknown
    numeric: Floats  # (n, 10) what the LSTM reads besides
    starts: NDArray[np.int64]  # (n + 1,) where the habits of each event begin
    habit: NDArray[np.uint16]  # (p,) category
    weight: Floats  # (p,)
    age: NDArray[np.uint16]  # (p,) hours since the last purchase
    basket: NDArray[np.uint8]  # (n, bytes) bits of the running basket
    pace: Floats  # (n, 3) visits, span, rhythm

    def inputs(self, which: NDArray[np.int64]) -> Inputs:
        """(m,) events -> their tokens."""
        return Inputs(*(torch.from_numpy(column[which]) for column in (self.category, self.product, self.numeric)))

    def memory(self, which: NDArray[np.int64]) -> Memory:
        """(m,) events -> what the network reads of them, as `models.behaviour.window.remembered` makes it."""
        counts = self.starts[which + 1] - self.starts[which]
        ends = np.cumsum(counts)
        at = np.arange(ends[-1] if len(ends) else 0) + np.repeat(self.starts[which] - (ends - counts), counts)
        cell = np.repeat(np.arange(len(which)), counts) * self.categories + self.habit[at]
        weight, age = np.zeros((2, len(which), self.categories), np.float32)
        weight.reshape(-1)[cell], age.reshape(-1)[cell] = self.weight[at], self.age[at]
        basket = np.unpackbits(self.basket[which], axis=1, count=self.categories, bitorder="little").view(bool)
        visits, span, rhythm = (torch.from_numpy(column) for column in self.pace[which].T.copy())
        return Memory(
            weight=torch.from_numpy(weight),
            age=torch.from_numpy(age),
            basket=torch.from_numpy(basket),
            visits=visits,
            span=span,
            rhythm=rhythm,
        )


def remember(purchases: Purchases, sizes: Sizes, products: dict[int, int] | None = None) -> Remembered:
    """Walk rows of that shape through purchases by (household, time, basket); `products` numbers the known products.

    Errors: TrainingError when a category is twice in a basket: `journey.events` leaves the first line of each.
    """
    kind = row_dtype(sizes.categories, sizes.hidden, sizes.habits)
    names = [crc32(name.encode()) for name in purchases.categories]
    columns = as_events(purchases, products)
    begins = np.concatenate([[True], purchases.household[1:] != purchases.household[:-1]])[: len(purchases)]
    user = np.cumsum(begins) - 1
    cuts = _cuts(np.flatnonzero(begins), len(purchases))
    parts = []
    for start, stop in pairwise(cuts):
        slots = user[start:stop] - user[start]
        lists = EventLists.of(columns.take(slice(start, stop)))
        window = walk(blank(kind, int(slots[-1]) + 1), slots.tolist(), lists, names)
        if len(window.tokens.users) != stop - start:
            raise TrainingError(
                f"{stop - start - len(window.tokens.users)} of {stop - start} purchases repeat a category of their "
                "basket; give one event per household, basket and category, as models.data.journey.events does"
            )
        parts.append(_columns(window))
    category, product, numeric, known, ids, weight, age, basket, pace = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    starts = np.concatenate([[0], np.cumsum(known)])
    return Remembered(sizes.categories, category, product, numeric, starts, ids, weight, age, basket, pace)


def _cuts(begins: NDArray[np.int64], n: int) -> list[int]:
    """Places to cut between households, some AT_ONCE events apart."""
    cuts = [0]
    for begin in [*begins[1:].tolist(), n]:
        if begin - cuts[-1] >= AT_ONCE or begin == n:
            cuts.append(begin)
    return cuts


def _columns(window: Window) -> tuple[np.ndarray, ...]:
    """In event order: slots rise with the events, so the tokens do too."""
    kept, known = window.kept, np.array(window.known)
    used = np.arange(kept["habit_id"].shape[1]) < known[:, None]
    hours = np.array(window.hours, np.uint16)[:, None] - kept["habit_hour"]
    return (
        window.tokens.category,
        window.tokens.product,
        window.tokens.numeric(),
        known,
        kept["habit_id"][used],
        kept["habit_weight"][used].astype(np.float32),
        habit.AGE[hours][used].astype(np.uint16),
        kept["basket"].copy(),
        np.array([pace[1:4] for pace in window.pace], np.float32),
    )
