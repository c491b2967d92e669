"""Texts of products with their price, one row a product.

gifts         Online Retail (UCI 352, CC BY 4.0): the description, and the middle of the unit prices in pounds at which
              it was sold; cancellations, gifts at no price and adjustments without a description are left out. Grouping
              key: the description in lower case. The file's own key is the customer, but every customer buys the same
              products: split by it, a test price would have been seen in training.
marketplace   Flipkart sample (CC BY-SA 4.0): name and description, retail price in rupees. Grouping key: the name in
              lower case. Its class is the first level of the category tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.data.splits import KEPT_OUT, buckets
from models.data.titles import read_table

MARKETS = ("gifts", "marketplace")


@dataclass(frozen=True, slots=True)
class PricedTexts:
    """n products of one market. Rows of the kept-out bucket are never in it."""

    market: str
    currency: str
    texts: list[str]
    prices: NDArray[np.float64]  # (n,) above 0
    categories: list[str]  # "" where the market has none
    keys: list[str]
    buckets: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.texts)

    def where(self, wanted: Sequence[int]) -> PricedTexts:
        """Only the rows whose bucket is wanted, in the same order."""
        rows = np.flatnonzero(np.isin(self.buckets, list(wanted)))
        return PricedTexts(
            self.market,
            self.currency,
            [self.texts[i] for i in rows],
            self.prices[rows],
            [self.categories[i] for i in rows],
            [self.keys[i] for i in rows],
            self.buckets[rows],
        )


def load(data: Path) -> list[PricedTexts]:
    """Both markets; `data` is the folder of the data sets. Errors: DataError."""
    return [_gifts(data), _marketplace(data)]


def _gifts(data: Path) -> PricedTexts:
    lines = read_table(data / "gifts" / "transactions.csv.gz", ["InvoiceNo", "Description", "Quantity", "UnitPrice"])
    lines["price"] = pd.to_numeric(lines["UnitPrice"], errors="coerce")
    lines["text"] = lines["Description"].str.strip()
    lines["key"] = lines["text"].str.lower()
    sold = ~lines["InvoiceNo"].str.startswith("C") & (pd.to_numeric(lines["Quantity"], errors="coerce") > 0)
    lines = lines[sold & (lines["price"] > 0) & (lines["text"] != "")]
    products = lines.groupby("key", sort=True).agg(text=("text", "first"), price=("price", "median"))
    return _priced(
        "gifts",
        "GBP",
        products["text"].tolist(),
        products["price"].to_numpy(),
        [""] * len(products),
        list(products.index),
    )


def _marketplace(data: Path) -> PricedTexts:
    columns = ["product_name", "description", "retail_price", "product_category_tree"]
    rows = read_table(data / "marketplace" / "products.csv.gz", columns)
    rows["price"] = pd.to_numeric(rows["retail_price"], errors="coerce")
    rows = rows[rows["price"] > 0]
    names = rows["product_name"].tolist()
    texts = [f"{name}. {text}" for name, text in zip(names, rows["description"], strict=True)]
    categories = rows["product_category_tree"].str.extract(r'\["([^>"\]]+)')[0].fillna("").str.strip().tolist()
    return _priced("marketplace", "INR", texts, rows["price"].to_numpy(), categories, [name.lower() for name in names])


def _priced(
    market: str, currency: str, texts: list[str], prices: NDArray[np.float64], categories: list[str], keys: list[str]
) -> PricedTexts:
    whole = PricedTexts(market, currency, texts, prices, categories, keys, buckets(keys))
    return whole.where([b for b in range(10) if b != KEPT_OUT])
