"""Purchases as the model of items reads them, and the numbers that go into its LSTM."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
YEAR_DAYS = 365.25
NUMERIC = 16  # columns of `numeric`

Floats = NDArray[np.float32]


class Lines(Protocol):
    """n purchases by (customer, time, invoice), as models.data.gifts gives them; every customer in one piece."""

    @property
    def customer(self) -> NDArray[np.int32]:
        """(n,)"""

    @property
    def invoice(self) -> NDArray[np.int32]:
        """(n,) what is bought in one go; no two purchases of an invoice are of one item."""

    @property
    def item(self) -> NDArray[np.int32]:
        """(n,) into the items of the model."""

    @property
    def quantity(self) -> Floats:
        """(n,)"""

    @property
    def price(self) -> Floats:
        """(n,) a piece."""

    @property
    def times_ms(self) -> NDArray[np.int64]:
        """(n,) milliseconds since the epoch."""


def heads(lines: Lines) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """-> (n,) whether a customer begins here, and (n,) whether an invoice does."""
    customer = np.concatenate([[True], lines.customer[1:] != lines.customer[:-1]])[: len(lines.customer)]
    invoice = np.concatenate([[True], lines.invoice[1:] != lines.invoice[:-1]])[: len(lines.customer)]
    return customer, customer | invoice


def since(begins: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(n,) marks -> (n,) places since the last mark, 0 at a mark; the first place must be one."""
    place = np.arange(len(begins))
    return place - np.maximum.accumulate(np.where(begins, place, 0))


def numeric(lines: Lines, usual_price: Floats) -> Floats:
    """(n,) purchases and (items,) usual prices -> (n, 16), each about -1 to 2. Nothing of a later purchase is in it.

    New invoice, log hours since the purchase before, hour of day and of week and day of the year as points on circles
    (the year's twice as fast too), place in the invoice, invoices so far, quantity, price, and price to the usual one.
    """
    customer, invoice = heads(lines)
    gap = np.diff(lines.times_ms, prepend=lines.times_ms[:1]) / HOUR_MS
    hours = (lines.times_ms // HOUR_MS + 72) % 168  # the epoch was a Thursday
    days = lines.times_ms / DAY_MS
    turns = [hours / 24, hours / 168, days / YEAR_DAYS, 2 * days / YEAR_DAYS]
    visits = np.cumsum(invoice) - (np.cumsum(invoice) - 1)[np.arange(len(hours)) - since(customer)]
    usual = usual_price[lines.item]
    known = (lines.price > 0) & (usual > 0)
    columns = [
        invoice,
        np.log1p(np.where(customer, 0, np.maximum(gap, 0))) / 5,
        *(f(2 * np.pi * turn) for turn in turns for f in (np.sin, np.cos)),
        np.log1p(since(invoice)) / 3,
        np.log1p(visits) / 3,
        np.log1p(np.maximum(lines.quantity, 0)) / 3,
        np.log1p(lines.price) / 2,
        np.where(known, np.log(np.maximum(lines.price, 0.01) / np.maximum(usual, 0.01)), 0),
        customer,
    ]
    return np.stack(columns, axis=1).astype(np.float32)
