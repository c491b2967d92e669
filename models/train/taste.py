"""Train the model of tastes: `shelfstream train taste`.

Seven numbers, fitted on what users of buckets 2-8 of two shops bought next, in both by one attribute and by price band:
four tasks that count the same. Bucket 9 chooses among fits that began elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from models.behaviour.price_bands import UsualPrices
from models.behaviour.taste import NUMBERS, TasteModel, chances
from models.behaviour.taste_artifact import NAME, save_taste
from models.columns import ModelInfo
from models.data.splits import TRAIN, VALIDATION
from models.data.tastes import Choices, load_choices
from models.data.usual_prices import Doubles
from models.evaluate.taste import evaluate
from models.registry import with_metrics
from models.train.seeds import one_thread
from models.train.taste_cases import Cases, cases, usual_prices

USERS = 500  # of a shop, evenly apart: seven numbers need no more
MOST = 15_000  # cases of a task, likewise
STARTS = ((-0.4, 0.1, -3.0, 0.0, -0.2, 0.5, -0.4), (0.0, 0.0, -1.5, 0.5, 0.0, 0.5, -0.4))
BOUND = 8.0  # of each number; none comes near it
LEAST = 1e-9


def train(data: Path, output: Path, *, shops: Sequence[Choices] | None = None) -> dict[str, Any]:
    """Fit, choose, store and measure. `output`: the artifact's folder. Errors: DataError.

    `shops`: by default both; the usual prices are those of the first, the groceries, whose categories the shipped
    behaviour model has. Gives the figures, which also go into the manifest, as JSON-able values.
    """
    began = time.monotonic()
    shops = load_choices(data) if shops is None else shops
    usual = [usual_prices(shop) for shop in shops]
    taught, held = (_tasks([shop.of_buckets(*part) for shop in shops], usual) for part in (TRAIN, (VALIDATION,)))
    with one_thread():
        fits = [fit(taught, start) for start in STARTS]
    losses = [loss(numbers, held) for numbers in fits]
    best = fits[int(np.argmin(losses))]
    training = {
        "data": [shop.name for shop in shops],
        "fingerprints": [shop.fingerprint() for shop in shops],
        "fitted_buckets": list(TRAIN),
        "validated_buckets": [VALIDATION],
        "cases": [len(task) for task in taught],
        "losses_on_validation": [round(value, 4) for value in losses],
        "numbers": dict(zip(NUMBERS, [round(value, 4) for value in best.tolist()], strict=True)),
        "seconds": round(time.monotonic() - began),
    }
    save_taste(output, TasteModel(ModelInfo(NAME, ""), best, usual[0]), metrics={}, training=training)
    measured = evaluate(data, output, shops=shops)
    with_metrics(output, measured)
    return measured


def fit(tasks: Sequence[Cases], start: Sequence[float]) -> Doubles:
    """(NUMBERS,) with the least loss near `start`."""
    found = minimize(loss, np.array(start), args=(tasks,), method="L-BFGS-B", bounds=[(-BOUND, BOUND)] * len(NUMBERS))
    return np.asarray(found.x, np.float64)


def loss(numbers: Doubles, tasks: Sequence[Cases]) -> float:
    """Mean over tasks of minus log of the chance that was given to what came: a value, or none that the row holds."""
    return float(np.mean([_loss(chances(numbers, task.weights, task.left), task) for task in tasks]))


def _loss(given: Doubles, task: Cases) -> float:
    came = task.held == task.chosen[:, None]
    chance = np.where(came.any(axis=1), (given * came).sum(axis=1), 1 - given.sum(axis=1))
    return float(-np.log(np.maximum(chance, LEAST)).mean())


def _tasks(shops: Sequence[Choices], usual: Sequence[UsualPrices]) -> list[Cases]:
    found = [task for shop, prices in zip(shops, usual, strict=True) for task in cases(_some_users(shop), prices)]
    return [task.take(np.arange(0, len(task), max(len(task) // MOST, 1))) for task in found]


def _some_users(shop: Choices) -> Choices:
    users = np.unique(shop.user)
    return shop.take(np.isin(shop.user, users[:: max(len(users) // USERS, 1)]))
