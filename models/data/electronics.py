"""Electronics offers of many shops: titles with one of ten categories.

Source: PriceRunner (UCI 837, CC BY 4.0), `electronics/offers.csv.gz`. Grouping key: the label of the offer's cluster
(the same product in several shops), so no product is in two splits.
"""

from __future__ import annotations

from pathlib import Path

from models.data.titles import LabelledTitles, labelled, read_table

DOMAIN = "electronics"
CATEGORY = "category"


def load(data: Path) -> LabelledTitles:
    """Offers without the kept-out bucket; one head, the category."""
    frame = read_table(data / "electronics" / "offers.csv.gz", ["title", "cluster_label", "category_label"])
    labels = {CATEGORY: frame["category_label"].tolist()}
    return labelled(DOMAIN, frame["title"].tolist(), frame["cluster_label"].tolist(), labels, CATEGORY)
