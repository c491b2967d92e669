"""Invented shops: items that sell by the weekday, at levels far apart, and a model that has learnt them in seconds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from models.data.daily import DailySales
from models.demand.columns import DemandColumns
from models.demand.predictor import DemandPredictor, load_demand
from models.demand.windows import cases
from models.train.demand import fit_artifact
from models.train.demand_fit import Recipe

WEEK_PROFILE = np.array([0.5, 0.8, 1.0, 1.2, 2.0, 0.0, 1.5])  # closed on one day
SMALL = (
    Recipe(width=16, epochs=15, batch=32, rate=1e-2, members=2, every=3),
    Recipe(network="lstm", width=8, epochs=6, batch=32, rate=1e-2, members=1, every=4),
)


def shop(items: int = 24, days: int = 250, seed: int = 1) -> DailySales:
    """Poisson sales of items that sell from less than one to some hundred units a day."""
    random = np.random.default_rng(seed)
    level = np.exp(random.uniform(-0.5, 4.5, items))
    units = random.poisson(level[:, None] * WEEK_PROFILE[np.arange(days) % 7]).astype(np.float32)
    price = np.exp(random.normal(1, 0.5, items)).astype(np.float32)
    return DailySales("shop", tuple(f"item {i}" for i in range(items)), 17_000, units, units * price[:, None])


def some_columns(world: DailySales | None = None) -> DemandColumns:
    """The series of a shop as they are when its test begins."""
    world = world or shop()
    return cases(world.units, world.revenue, [world.test_from]).columns


@cache
def small_demand() -> DemandPredictor:
    """A fitted predictor of both networks, loaded from its artifact."""
    with TemporaryDirectory() as folder:
        path = Path(folder)
        fit_artifact([shop()], path, SMALL, seed=3, progress=False)
        return load_demand(path)
