"""Prices and what can be counted of a text, as numbers of about the same size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.fusion.columns import GoodsColumns

NAMES = (
    "log price",
    "price is given",
    "log list price",
    "list price is given",
    "log of price over list price",
    "log characters of the name",
    "log characters of the description",
    "share of digits in the name",
    "brand is given",
)
MAX_PRICE = 1e9


def numbers(goods: GoodsColumns) -> NDArray[np.float32]:
    """(n, len(NAMES)) float32, every one finite; what is absent is 0, with its own mark beside it."""
    count = len(goods.names)
    price, has_price = _logs(goods.prices, count)
    full, has_full = _logs(goods.list_prices, count)
    texts = goods.descriptions or [None] * count
    brands = goods.brands or [None] * count
    columns = [
        price,
        has_price,
        full,
        has_full,
        np.where(has_price * has_full > 0, price - full, 0),
        np.array([np.log1p(len(name)) for name in goods.names]),
        np.array([np.log1p(len(text or "")) for text in texts]),
        np.array([sum(map(str.isdigit, name)) / max(1, len(name)) for name in goods.names]),
        np.array([float(bool(brand)) for brand in brands]),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _logs(values: NDArray[np.float32] | None, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    given = np.full(count, np.nan) if values is None else values.astype(np.float64)
    there = np.isfinite(given) & (given >= 0)
    return np.log1p(np.where(there, np.minimum(given, MAX_PRICE), 0)), there.astype(np.float64)
