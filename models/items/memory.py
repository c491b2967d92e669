"""What a customer has in the running invoice, and what they bought before it: the candidates of the copy term.

Candidates of an event are the latest items of earlier invoices, with those that stood near the last purchase in an
earlier invoice, however long ago; none of the running invoice. Customers repeat an order much as they gave it before,
so where an item stood counts as much as how often it was bought.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from models.items.lines import DAY_MS, Lines, heads, since
from models.items.ragged import Ragged

LATEST = 96  # different items: most customers never bought as many
NEAR = 6  # places in an earlier invoice
BASKET = 64  # latest items of the running invoice that the network looks at; all of them are masked
FEATURES = 8  # of a candidate, see `_Customer.candidates`


def baskets(lines: Lines, most: int | None = None) -> Ragged:
    """The items of the running invoice up to each purchase, or the `most` latest of them."""
    _, begins = heads(lines)
    lengths = since(begins) + 1
    if most is not None:
        lengths = np.minimum(lengths, most)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.repeat(np.arange(len(lengths)), lengths)
    place = rows - (lengths[rows] - 1) + np.arange(len(rows)) - starts[rows]
    return Ragged(starts, lines.item[place], np.zeros((len(rows), 0), np.float16))


def histories(lines: Lines, items: int) -> Ragged:
    """The candidates after each of n purchases, with FEATURES numbers each. Nothing of a later purchase is in it."""
    customer, invoice = heads(lines)
    edges = np.flatnonzero(np.concatenate([invoice, [True]])).tolist()
    one = _Customer(items)
    lengths = [0]
    columns, values = [np.zeros(0, np.int64)], [np.zeros((0, FEATURES), np.float16)]
    for begin, end in itertools.pairwise(edges):
        if customer[begin]:
            one = _Customer(items)
        bought, time_ms = lines.item[begin:end].astype(np.int64), int(lines.times_ms[begin])
        for found, numbers in one.candidates(bought, time_ms):
            lengths.append(len(found))
            columns.append(found)
            values.append(numbers)
        one.add(bought, time_ms)
    return Ragged(np.cumsum(lengths), np.concatenate(columns).astype(np.int32), np.concatenate(values))


class _Customer:
    """What is known of a customer before the running invoice; tables by item."""

    def __init__(self, items: int) -> None:
        self._recent = np.zeros(0, np.int64)  # different items, the latest first
        self._visits = 0  # invoices
        self._purchases = 0
        self._count = np.zeros(items, np.float32)
        self._place = np.full(items, -1, np.int64)  # the last purchase of each item, counted from the first of all
        self._visit = np.full(items, -1, np.int64)  # and its invoice
        self._times_ms = np.zeros(items, np.int64)
        self._index = np.zeros(items, np.int64)  # place in `_recent`
        self._after: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))

    def candidates(
        self, bought: NDArray[np.int64], time_ms: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float16]]]:
        """After each purchase of an invoice: (q,) candidates and (q, FEATURES) of

        log of how often, its share of the invoices, log days since, how often right after the last purchase, one by how
        far after and before the last purchase it stood, the same after the last but one, and whether it was in the last
        invoice.
        """
        known = self._recent
        if len(known) == 0:
            yield from ((known, np.zeros((0, FEATURES), np.float16)) for _ in bought)
            return
        steady = np.zeros((len(known), FEATURES), np.float32)
        steady[:, 0] = np.log1p(self._count[known])
        steady[:, 1] = self._count[known] / self._visits
        steady[:, 2] = np.log1p((time_ms - self._times_ms[known]) / DAY_MS) / 3
        steady[:, 7] = self._visit[known] == self._visits - 1
        place, visit = self._place[known], self._visit[known]
        self._index[known] = np.arange(len(known))
        offered, latest = np.ones(len(known), bool), np.arange(len(known)) < LATEST
        previous = -1
        for item in bought.tolist():
            if self._place[item] >= 0:
                offered[self._index[item]] = False
            after = self._after.get(item, {})
            followers = self._index[np.fromiter(after, np.int64, len(after))]  # of earlier invoices: all are known
            near = self._nearness(item, place, visit)
            kept = latest | (np.abs(near) >= 1 / NEAR)
            kept[followers] = True
            chosen = np.flatnonzero(kept & offered)
            followed = np.zeros(len(known), np.float32)
            followed[followers] = np.log1p(np.fromiter(after.values(), np.float32, len(after)))
            numbers = steady[chosen]
            numbers[:, 3] = followed[chosen]
            numbers[:, 4], numbers[:, 5] = np.maximum(near[chosen], 0), np.maximum(-near[chosen], 0)
            if previous >= 0:
                numbers[:, 6] = np.maximum(self._nearness(previous, place[chosen], visit[chosen]), 0)
            yield known[chosen], numbers.astype(np.float16)
            previous = item

    def add(self, bought: NDArray[np.int64], time_ms: int) -> None:
        """The running invoice is over."""
        self._count[bought] += 1
        self._place[bought] = self._purchases + np.arange(len(bought))
        self._visit[bought] = self._visits
        self._times_ms[bought] = time_ms
        for item, other in zip(bought[:-1].tolist(), bought[1:].tolist(), strict=True):
            self._after[item][other] += 1
        self._recent = np.concatenate([bought[::-1], self._recent[self._visit[self._recent] != self._visits]])
        self._visits += 1
        self._purchases += len(bought)

    def _nearness(self, item: int, place: NDArray[np.int64], visit: NDArray[np.int64]) -> NDArray[np.float32]:
        """1 / how many places after `item` each stood when both were bought last, below 0 before it; 0 elsewhere."""
        apart = place - self._place[item]
        together = (self._place[item] >= 0) & (visit == self._visit[item]) & (apart != 0)
        return np.where(together, 1 / np.where(apart == 0, 1, apart), 0).astype(np.float32)
