"""How often an item followed another, over all customers: what a Markov chain of first order knows, as sparse rows.

Three kinds of pairs, each asked for an item of the customer's last two:

    next    a purchase and the one right after it      asked for the last purchase
    skip    a purchase and the second after it         asked for the last but one
    back    a purchase and the one right before it     asked for the last: lists of a shop are read in both directions
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.items.lines import Lines
from models.items.ragged import Ints, spread

KINDS = ("next", "skip", "back")

Pairs = tuple[Ints, Ints, NDArray[np.float32]]  # (q,) place among those asked for, (q,) item, (q,) count


@dataclass(frozen=True, slots=True)
class Follows:
    """Counts of the pairs of one kind, sorted by them."""

    keys: Ints  # (p,) before * items + after, rising
    counts: NDArray[np.float32]  # (p,)
    starts: Ints  # (items + 1,) where the pairs of each `before` begin

    @classmethod
    def of_keys(cls, keys: Ints, counts: NDArray[np.generic], items: int) -> Follows:
        """Rising keys and their counts -> the same with an index."""
        return cls(keys, counts.astype(np.float32), np.searchsorted(keys, np.arange(items + 1) * items))

    def turned(self) -> Follows:
        """The same pairs the other way round."""
        keys = self.keys % self.items * self.items + self.keys // self.items
        order = np.argsort(keys)
        return Follows.of_keys(keys[order], self.counts[order], self.items)

    @property
    def items(self) -> int:
        """How many items there are."""
        return len(self.starts) - 1

    def of(self, before: Ints) -> Pairs:
        """What followed (m,) items; -1 asks for nothing."""
        rows, entries = spread(*self._ranges(before))
        return rows, self.keys[entries] % self.items, self.counts[entries]

    def without(self, before: Ints, rows: Ints, after: Ints) -> Pairs:
        """As `of`, less one for each (place in `before`, item after); these must be among what was counted."""
        begins, ends = self._ranges(before)
        first = np.cumsum(ends - begins) - (ends - begins)
        found, columns, counts = self.of(before)
        entry = np.searchsorted(self.keys, before[rows] * self.items + after)
        np.subtract.at(counts, first[rows] + entry - begins[rows], 1)
        left = counts > 0
        return found[left], columns[left], counts[left]

    def _ranges(self, before: Ints) -> tuple[Ints, Ints]:
        known = np.maximum(before, 0)
        begins = self.starts[known]
        return begins, np.where(before >= 0, self.starts[known + 1], begins)


class Own:
    """The pairs that each customer of the counted purchases gave: a customer must not be told of their own future."""

    def __init__(self, lines: Lines, items: int) -> None:
        self._lines, self._items = lines, items
        self._kinds = []
        for first, second in _places(lines):
            keys = lines.customer[first].astype(np.int64) * items + lines.item[first]
            order = np.argsort(keys, kind="stable")
            self._kinds.append((keys[order], lines.item[second][order].astype(np.int64)))

    def of(self, kind: int, which: Ints, before: Ints) -> tuple[Ints, Ints]:
        """For purchases `which`, asked for `before` -> (q,) place in `which`, (q,) item after, once for each pair."""
        keys, after = self._kinds[kind]
        wanted = self._lines.customer[which].astype(np.int64) * self._items + before
        begins, ends = np.searchsorted(keys, wanted), np.searchsorted(keys, wanted, side="right")
        rows, entries = spread(begins, np.where(before >= 0, ends, begins))
        return rows, after[entries]


def counted(lines: Lines, items: int) -> list[Follows]:
    """All pairs of all customers, kind by kind."""
    found = []
    for first, second in _places(lines):
        keys = lines.item[first].astype(np.int64) * items + lines.item[second]
        pairs, counts = np.unique(keys, return_counts=True)
        found.append(Follows.of_keys(pairs, counts, items))
    return found


def asked(lines: Lines) -> NDArray[np.int64]:
    """(3, n) the item that each kind is asked for after each purchase, -1 = none."""
    last = lines.item.astype(np.int64)
    before = np.full(len(last), -1, np.int64)
    first, second = _steps(lines, 1)
    before[second] = last[first]
    return np.stack([last, before, last])


def _places(lines: Lines) -> Sequence[tuple[Ints, Ints]]:
    near, far = _steps(lines, 1), _steps(lines, 2)
    return near, far, (near[1], near[0])


def _steps(lines: Lines, distance: int) -> tuple[Ints, Ints]:
    """The purchases of one customer that are `distance` apart -> (t,) places of the first and the second."""
    second = np.arange(distance, len(lines.item))
    second = second[lines.customer[second] == lines.customer[second - distance]]
    return second - distance, second
