"""A small invented catalogue of three kinds, a product model that has learnt it, and the encoder tower beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.data import electronics, fashion, grocery
from models.data.splits import TRAIN, VALIDATION
from models.data.titles import LabelledTitles, labelled
from models.text.network import Size
from models.text.predictor import load_products
from models.train.encoder_artifact import store_encoder
from models.train.encoder_fit import EncoderRecipe, fit_encoder
from models.train.title_artifact import fit_artifact
from models.train.title_examples import examples
from models.train.title_fit import Recipe

RECIPES = [
    Recipe(size=Size(width=16, hidden=8), vote=0.6, epochs=8, batch=64, table_rate=0.03, thinning=0.1, at_least=2),
    Recipe(
        size=Size(width=8, hidden=8), groups=2, vote=0.4, epochs=5, batch=64, table_rate=0.03, thinning=0.1, at_least=2
    ),
]
TOWER_RECIPE = EncoderRecipe(
    rank=4, alpha=8, hidden=16, epochs=2, batch=16, rate=5e-3, dropout=0.0, shares=(0.5, 0.3, 0.3)
)
KINDS = {"shirt": ("Apparel", "Topwear"), "jeans": ("Apparel", "Bottomwear"), "watch": ("Accessories", "Watches")}
COLOURS = ["Red", "Blue", "NA"]


@pytest.fixture(scope="session")
def sets() -> list[LabelledTitles]:
    random = np.random.default_rng(1)
    kinds = random.choice(list(KINDS), 400)
    colours = random.choice(COLOURS, 400)
    titles = [f"Acme {c} {k} {i}" for i, (c, k) in enumerate(zip(colours, kinds, strict=True))]
    labels = {
        "masterCategory": [KINDS[k][0] for k in kinds],
        "subCategory": [KINDS[k][1] for k in kinds],
        "articleType": [str(k) for k in kinds],
        "gender": ["Men"] * 400,
        "baseColour": [str(c) for c in colours],
        "season": [""] * 200 + ["Fall"] * 200,
        "usage": ["Casual"] * 400,
    }
    clothes = labelled(fashion.DOMAIN, titles, [t.lower() for t in titles], labels, fashion.CATEGORY)
    screens = [f"{make} {size} inch tv" for make in ("lg", "sony", "tcl") for size in range(30, 70)]
    offers = labelled(electronics.DOMAIN, screens, screens, {"category": ["TVs"] * len(screens)}, electronics.CATEGORY)
    foods = [f"{kind}, {size} oz" for kind in ("Cheese", "Apple Pie") for size in range(60)]
    shelf = {"department": ["DAIRY"] * 60 + ["BAKERY"] * 60, "category": ["CHEESE"] * 60 + ["PIES"] * 60}
    return [clothes, offers, labelled(grocery.DOMAIN, foods, foods, shelf, grocery.CATEGORY)]


@pytest.fixture(scope="session")
def folder(sets: list[LabelledTitles], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("artifact")
    fit_artifact(sets, path, RECIPES, name="small", seed=3, progress=False)
    return path


@pytest.fixture(scope="session")
def tower(sets: list[LabelledTitles], folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    fast = load_products(folder)
    taught, held_out = (examples([part.where(b) for part in sets], fast.layout) for b in (TRAIN, [VALIDATION]))
    network, errors = fit_encoder(taught, held_out, fast.layout, TOWER_RECIPE, seed=3, progress=False)
    assert len(errors) == TOWER_RECIPE.epochs
    path = tmp_path_factory.mktemp("tower")
    store_encoder(network, TOWER_RECIPE, sets, fast, path, name="small-encoder", seed=3, errors=errors)
    return path
