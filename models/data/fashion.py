"""The fashion catalogue: titles with article type (and its path), gender, colour, season and usage.

Source: Kaggle "Fashion Product Images" (Myntra), `fashion/products.csv.gz`. Grouping key: the lower-cased title.
"""

from __future__ import annotations

from pathlib import Path

from models.data.titles import LabelledTitles, labelled, read_table

DOMAIN = "fashion"
CATEGORY = "articleType"
ATTRIBUTES = ("gender", "baseColour", "season", "usage")
PATH = ("masterCategory", "subCategory", "articleType")


def load(data: Path) -> LabelledTitles:
    """Rows of the catalogue, without the kept-out bucket; heads: PATH and ATTRIBUTES."""
    heads = (*PATH, *ATTRIBUTES)
    frame = read_table(data / "fashion" / "products.csv.gz", ["productDisplayName", *heads])
    titles = frame["productDisplayName"].tolist()
    labels = {head: frame[head].tolist() for head in heads}
    return labelled(DOMAIN, titles, [title.lower() for title in titles], labels, CATEGORY)
