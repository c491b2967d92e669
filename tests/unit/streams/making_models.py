"""A behaviour model like the shipped one, but small and with weights from a fixed seed."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from models.behaviour import BehaviourNetwork, BehaviourPredictor, Shelf, Sizes, load_behaviour, save_behaviour
from models.columns import ModelInfo

torch.set_num_threads(1)  # one event at a time has nothing to share out

CATEGORIES = ("CHEESE", "MILK", "BREAD", "EGGS", "SOAP", "TEA", "RICE", "APPLES", "PLUMS", "NUTS", "FISH", "OIL")
PER_CATEGORY = 3
PRODUCTS = tuple(f"{name.lower()}-{i}" for name in CATEGORIES for i in range(PER_CATEGORY))


def save_small_behaviour(path: Path) -> None:
    """Write the model of `small_behaviour()` as an artifact."""
    model = small_behaviour()
    save_behaviour(
        path, model._network, CATEGORIES, PRODUCTS, model._shelf, metrics={}, training={"seed": 5, "epochs": 0}
    )


@cache
def stored_small_behaviour() -> BehaviourPredictor:
    """The model of `save_small_behaviour`, with the name and version that its artifact has."""
    with TemporaryDirectory() as folder:
        save_small_behaviour(Path(folder))
        return load_behaviour(Path(folder))


def small_behaviour(version: str = "1", *, hidden: int = 8, seed: int = 5) -> BehaviourPredictor:
    """A model of 12 categories with 3 products each."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = BehaviourNetwork(Sizes(categories=len(CATEGORIES), hidden=hidden, habits=6))
    with torch.no_grad():
        for weights in network.parameters():
            weights.mul_(3)  # wide apart, so that a lost or doubled event shows
    products = np.arange(len(PRODUCTS), dtype=np.int32)
    shelf = Shelf(
        category=products // PER_CATEGORY,
        share=np.full(len(PRODUCTS), 1 / PER_CATEGORY, np.float32),
        place=(products % PER_CATEGORY).astype(np.int16),
        best=products.reshape(-1, PER_CATEGORY),
        best_share=np.full((len(CATEGORIES), PER_CATEGORY), 1 / PER_CATEGORY, np.float32),
        trust=1.0,
        keep=0.8,
    )
    return BehaviourPredictor(ModelInfo("small", version), CATEGORIES, PRODUCTS, network, shelf)
