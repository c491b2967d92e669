"""The two tiers of the cascade: a fast model answers every product, a slower and better one those it is not sure of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.columns import ModelInfo, ProductBatch, ProductColumns
from models.registry import MANIFEST, load, shipped
from models.text.layout import Layout
from models.text.predictor import KIND, TOWER, ProductPredictor, load_products, sureness

SURE_ABOVE = 0.8  # where neither a tower nor a setting says from which confidence the fast tier is believed
SHIPPED = Path("shipped")
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
    """A product model as the slower tier: with its tower, if it has one. Its speed is measured when it is made."""

    def __init__(self, predictor: ProductPredictor) -> None:
        self.info = predictor.tower or predictor.info
        self.categories = predictor.categories
        self.attributes = predictor.attributes
        self.reads = predictor.reads
        self._run = predictor.run if predictor.tower is None else predictor.refine
        self._run(ProductColumns(_PROBE))  # the first call is slower than all others
        began = perf_counter()
        self._run(ProductColumns(_PROBE))
        self.titles_per_second = len(_PROBE) / (perf_counter() - began)

    def refine(self, products: ProductColumns) -> ProductBatch:
        """See `Refiner.refine`."""
        return self._run(products)


def load_tiers(
    products: Path | None = None, encoder: Path | None = None, device: str = "cpu"
) -> tuple[ProductPredictor, Refiner | None]:
    """The fast tier of an artifact folder (None: the shipped one), and the slower one, if a folder of it is given.

    The slower one is a tower that was trained beside the fast one, a product model of its own or, for SHIPPED, all
    product models of the package. A folder of folders is as SHIPPED, with its models in place of those of their kind.
    Errors: ArtifactError, also when the tower was trained beside another one.
    """
    if encoder is None:
        return load_products(products, device), None
    if _is_panel(encoder):
        from models.panel import load_panel  # five models with two encoders: only for those who want them

        return load_panel(products, device, None if encoder == SHIPPED else encoder)
    if load(encoder).manifest.kind == TOWER:
        whole = load_products(products, device, tower=encoder)
        return whole, PredictorRefiner(whole)
    return load_products(products, device), PredictorRefiner(load_products(encoder, device))


def tier_attributes(products: Path | None = None, encoder: Path | None = None) -> list[tuple[str, str]]:
    """Name and value of each attribute that those tiers may give, without their networks. Errors: ArtifactError."""
    artifacts = [load(products or shipped(KIND), KIND)]
    if encoder is not None and not _is_panel(encoder):  # a panel gives the attributes of its fast tier
        artifacts += [one for one in (load(encoder),) if one.manifest.kind == KIND]
    return [named for one in artifacts for named in Layout.from_table(one.tables["layout"]).attributes()]


def _is_panel(encoder: Path) -> bool:
    return encoder == SHIPPED or (encoder.is_dir() and not (encoder / MANIFEST).exists())


def sure(batch: ProductBatch, above: float) -> NDArray[np.bool_]:
    """(n,) whether an answer expects at least this share of its category and attributes to be right."""
    return sureness(batch) >= above
