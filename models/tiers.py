"""The two tiers of the cascade: a fast model answers every product, a slower and better one those it is not sure of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.columns import ModelInfo, ProductBatch, ProductColumns
from models.text.predictor import ProductPredictor, load_products

SURE_ABOVE = 0.9  # where neither the artifact nor a setting says from which confidence the fast tier is believed
_PROBE = ["Men's navy blue cotton shirt", "Wireless keyboard with 2 AAA batteries", "Whole milk, 1 gallon"] * 8


class Refiner(Protocol):
    """The slower tier. Ids in its answers point into its own `categories` and `attributes`."""

    @property
    def info(self) -> ModelInfo:
        """Goes into every prediction of this tier."""

    @property
    def categories(self) -> Sequence[tuple[str, ...]]:
        """The path of each category id."""

    @property
    def attributes(self) -> Sequence[tuple[str, str]]:
        """Name and value of each attribute id."""

    @property
    def reads(self) -> frozenset[str]:
        """The columns that it reads, of title, brand, description, category_hint, image and price."""

    @property
    def titles_per_second(self) -> float:
        """An estimate, to share out time before any is measured."""

    def refine(self, products: ProductColumns) -> ProductBatch:
        """Answer n >= 1 products. An answer does not depend on its neighbours. Errors: BatchError."""


class PredictorRefiner:
    """A products artifact as the slower tier: a larger committee, say. Its speed is measured when it is made."""

    def __init__(self, predictor: ProductPredictor) -> None:
        self.info = predictor.info
        self.categories = predictor.categories
        self.attributes = predictor.attributes
        self.reads = predictor.reads
        self._predictor = predictor
        predictor.run(ProductColumns(_PROBE))  # the first call is slower than all others
        began = perf_counter()
        predictor.run(ProductColumns(_PROBE))
        self.titles_per_second = len(_PROBE) / (perf_counter() - began)

    def refine(self, products: ProductColumns) -> ProductBatch:
        """See `Refiner.refine`."""
        return self._predictor.run(products)


def load_refiner(path: Path, device: str = "cpu") -> Refiner:
    """The slower tier of an artifact folder. Errors: ArtifactError."""
    return PredictorRefiner(load_products(path, device))


def sure(batch: ProductBatch, above: float) -> NDArray[np.bool_]:
    """(n,) whether the likeliest category of each product may be believed."""
    return batch.category_confidence[:, 0] >= above
