"""A small product model for tests of explanations: real grocery titles of completejourney, fitted in seconds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from models.data import grocery
from models.data.titles import LabelledTitles
from models.registry import load
from models.text.network import Size
from models.text.predictor import ProductPredictor
from models.train.title_artifact import fit_artifact
from models.train.title_fit import Recipe

CATEGORIES = ("CHEESE", "BAG SNACKS", "BAKED BREAD/BUNS/ROLLS", "SOFT DRINKS", "YOGURT", "TROPICAL FRUIT")
RECIPES = [
    Recipe(size=Size(width=24, hidden=16), vote=0.6, epochs=6, batch=64, table_rate=0.03, thinning=0.1, at_least=2),
    Recipe(
        size=Size(width=8, hidden=8), groups=2, vote=0.4, epochs=4, batch=64, table_rate=0.03, thinning=0.1, at_least=2
    ),
]


@cache
def groceries() -> LabelledTitles:
    """The distinct titles of six categories."""
    whole = grocery.load()
    first = {title: row for row, title in reversed(list(enumerate(whole.titles)))}
    rows = sorted(row for row in first.values() if whole.labels["category"][row] in CATEGORIES)
    return LabelledTitles(
        domain=whole.domain,
        titles=[whole.titles[row] for row in rows],
        keys=[whole.keys[row] for row in rows],
        buckets=whole.buckets[np.array(rows)],
        labels={head: [labels[row] for row in rows] for head, labels in whole.labels.items()},
        category=whole.category,
    )


@cache
def small_products() -> ProductPredictor:
    """A committee of two members, stored and read back."""
    with TemporaryDirectory() as folder:
        save_small_products(Path(folder))
        return ProductPredictor(load(Path(folder)))


def save_small_products(path: Path) -> None:
    """Write the model of `small_products()` as an artifact."""
    fit_artifact([groceries()], path, RECIPES, name="small", seed=3, progress=False)
