"""Train the demand model: networks of two kinds, of which the one with the lower validation error is to answer.

The last 28 days are the test and are not touched; the 84 before them decide when to stop, which kind is better, and the
factors of the interval; everything before teaches. No forecast of one part reaches into the next.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.columns import ModelInfo
from models.data import daily
from models.data.daily import TEST_DAYS, DailySales
from models.demand.columns import HISTORY, HORIZON, QUANTILES
from models.demand.inputs import inputs
from models.demand.network import DemandNetwork
from models.demand.predictor import KIND, DemandPredictor, Factors
from models.demand.windows import Cases, cases
from models.evaluate.demand import evaluate_sets
from models.registry import Manifest, content_version, save, with_metrics
from models.train.demand_calibration import calibrate
from models.train.demand_fit import Examples, Recipe, fit

NAME = "demand-quantiles"
VALIDATION_DAYS = 84  # 28 had one holiday in them, and intervals of a month without one came out too wide
VALIDATED = 3  # every third of them begins a case
RECIPES = (Recipe(), Recipe(network="lstm", width=48, dropout=0.1, epochs=4, members=2, every=4))


def train(
    output: Path, data: Path | None = None, *, epochs: int | None = None, seed: int = 7, progress: bool = True
) -> dict[str, Any]:
    """Fit, calibrate, store and measure; gives the figures. Errors: DataError.

    Groceries come with a package; with `data`, the folder of the data sets, the gift shop teaches too.
    """
    sets = [*([daily.gifts(data)] if data is not None else []), daily.journey()]
    recipes = [replace(one, epochs=epochs) if epochs else one for one in RECIPES]
    fit_artifact(sets, output, recipes, seed=seed, progress=progress)
    measured = evaluate_sets(sets, output)
    with_metrics(output, measured)
    return measured


def fit_artifact(
    sets: Sequence[DailySales], output: Path, recipes: Sequence[Recipe], *, seed: int, progress: bool = True
) -> Manifest:
    """Fit on what lies before the validation days, and store."""
    began = time.monotonic()
    held = [_cases(one, range(one.test_from - VALIDATION_DAYS, one.test_from - HORIZON + 1, VALIDATED)) for one in sets]
    judged = Examples.of(held)
    tensors: dict[str, np.ndarray] = {}
    networks: dict[str, Any] = {}
    training: dict[str, Any] = {}
    for recipe in recipes:
        last = [one.test_from - VALIDATION_DAYS - HORIZON for one in sets]
        origins = [range(HISTORY, day + 1, recipe.every) for day in last]
        fitted = Examples.of([_cases(one, days) for one, days in zip(sets, origins, strict=True)])
        members, errors = fit(recipe, fitted, judged, seed=seed, progress=progress)
        factors = _calibrated(members, held)
        for number, member in enumerate(members):
            for name, values in member.state_dict().items():
                tensors[f"{recipe.network}.{number}.{name}"] = values.numpy()
        networks[recipe.network] = {
            "width": recipe.width,
            "members": recipe.members,
            "levels": factors.levels.tolist(),
            "spreads": factors.spreads.tolist(),
            "factors": factors.values.tolist(),
        }
        training[recipe.network] = {**asdict(recipe), "cases": len(fitted), "validation_errors": errors}
    best = min(training, key=lambda name: float(np.mean([min(one) for one in training[name]["validation_errors"]])))
    manifest = Manifest(
        name=NAME,
        version=content_version(tensors, "1"),
        kind=KIND,
        inputs={
            "history": HISTORY,
            "horizon": HORIZON,
            "quantiles": list(QUANTILES),
            "best": best,
            "networks": networks,
        },
        training={
            "seed": seed,
            "data": {one.name: one.fingerprint() for one in sets},
            "test_days": TEST_DAYS,
            "validation_days": VALIDATION_DAYS,
            "seconds": round(time.monotonic() - began),
            **training,
        },
    )
    return save(output, manifest, tensors)


def _cases(one: DailySales, origins: range) -> Cases:
    return cases(one.units, one.revenue, origins)


def _calibrated(members: Sequence[DemandNetwork], held: Sequence[Cases]) -> Factors:
    raw = DemandPredictor(ModelInfo(NAME, ""), members, Factors([], [], [[1.0]]))
    quantiles = [raw.run(one.columns).quantiles for one in held]
    return calibrate(quantiles, [inputs(one.columns).level for one in held], held)
