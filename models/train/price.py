"""Train the price ranges: buckets 2-8 teach, bucket 9 sets the interval, bucket 0 measures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data import prices
from models.data.prices import PricedTexts
from models.data.splits import TRAIN, VALIDATION
from models.evaluate.price import evaluate
from models.price.predictor import KIND, QUANTILES
from models.price.words import BAGS
from models.registry import Manifest, content_version, save, with_metrics
from models.train.price_fit import fit_market

NAME = "shelfstream-prices"


def train(data: Path, output: Path, *, seed: int = 7) -> dict[str, Any]:
    """Fit, store and measure both markets. `output`: the artifact's folder. Errors: DataError.

    Gives the figures, which also go into the manifest, as JSON-able values.
    """
    fit_artifact(prices.load(data), output, seed=seed)
    measured = evaluate(data, output)
    with_metrics(output, measured)
    return measured


def fit_artifact(parts: Sequence[PricedTexts], output: Path, *, seed: int) -> Manifest:
    """Fit on buckets 2-8, set the intervals by bucket 9, store."""
    tensors: dict[str, NDArray[np.generic]] = {}
    inputs: dict[str, Any] = {}
    training: dict[str, Any] = {}
    for part in parts:
        taught = part.where(TRAIN)
        market, chosen = fit_market(taught, part.where([VALIDATION]), seed=seed)
        tensors[f"{part.market}.weights"] = market.weights.astype(np.float16)
        for groups, words in zip(BAGS, market.words, strict=True):
            tensors[f"{part.market}.slots.{groups}"] = words.slots
            tensors[f"{part.market}.rarity.{groups}"] = words.rarity.astype(np.float16)
        inputs[part.market] = {
            "currency": market.currency,
            "base": list(market.base),
            "z": list(market.z),
            "widen": market.widen,
            "limit": market.limit,
        }
        training[part.market] = {"rows": len(taught), **chosen}
    manifest = Manifest(
        name=NAME,
        version=content_version(tensors, "1"),
        kind=KIND,
        inputs={"markets": inputs, "quantiles": list(QUANTILES)},
        training={"seed": seed, "fitted_buckets": list(TRAIN), "calibrated_on_bucket": VALIDATION, **training},
    )
    return save(output, manifest, tensors)
