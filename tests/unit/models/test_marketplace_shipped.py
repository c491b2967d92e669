"""The shipped marketplace artifact answers plain goods right, and says what it was measured to be."""

from __future__ import annotations

import numpy as np
import pytest

from models.fusion.columns import GoodsColumns
from models.fusion.predictor import GoodsPredictor, load_goods
from models.registry import load, shipped

GOODS = {
    "Printed Ceramic Coffee Mug, 325 ml": "Kitchen & Dining > Coffee Mugs",
    "Chronograph Analog Watch - For Men": "Watches > Wrist Watches",
    "Cotton Floral Double Bedsheet with 2 Pillow Covers": "Home Furnishing > Bed Linen",
    "Baby Girl's Cotton Printed Bodysuit": "Baby Care > Infant Wear",
    "Laptop Battery 6 Cell for Dell Inspiron": "Computers > Laptop Accessories",
    "Eau de Parfum Spray 100 ml for Women": "Beauty and Personal Care > Fragrances",
}


@pytest.fixture(scope="module")
def predictor() -> GoodsPredictor:
    return load_goods()


def test_plain_goods_are_answered_by_their_name_alone(predictor: GoodsPredictor) -> None:
    answer = predictor.run(GoodsColumns(list(GOODS)))
    found = [predictor.categories[i] for i in answer.category_ids[:, 0]]
    assert sum(one == wanted for one, wanted in zip(found, GOODS.values(), strict=True)) >= len(GOODS) - 1, found
    assert (np.diff(answer.category_confidence, axis=1) <= 0).all()


def test_the_less_is_known_the_less_sure_it_is(predictor: GoodsPredictor) -> None:
    names = list(GOODS)
    told: list[str | None] = [f"{name}. Key features: {name}, genuine product, free shipping" for name in names]
    known = predictor.run(GoodsColumns(names, told)).category_confidence[:, 0]
    blank = predictor.run(GoodsColumns([""] * len(names))).category_confidence[:, 0]
    assert blank.max() < 0.5 < known.mean()


def test_its_figures_stand_in_its_manifest() -> None:
    manifest = load(shipped("marketplace")).manifest
    figures = {(row["task"], row["metric"]): row for row in manifest.metrics["figures"]}
    for level in ("first level", "first two levels"):
        whole = figures[f"{level}, text and picture", "accuracy"]
        assert whole["value"] > whole["baselines"]["tf-idf + logistic regression"]
        assert figures[f"{level}, picture alone", "accuracy"]["value"] > 2 * whole["baselines"]["majority"]
    assert 0 not in manifest.training["fitted_buckets"]
    assert 1 not in manifest.training["fitted_buckets"]
