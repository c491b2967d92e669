"""Train the behaviour model on a year of household purchases.

Households of buckets 2-8 are fitted on; bucket 9 decides when to stop, and the temperatures. Events go through
models/behaviour/window.py exactly as in the stream, in lanes of households with truncated back-propagation.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.behaviour import BehaviourNetwork, Sizes, save_behaviour
from models.data import journey
from models.data.journey import Purchases
from models.data.splits import TRAIN, VALIDATION
from models.train.behaviour_calibration import calibrate
from models.train.behaviour_fit import Pieces, fit, outputs
from models.train.behaviour_weights import fit_prices, go_on, round_weights, start_from_popularity
from models.train.shelf import best_sellers, fit_shelf

EPOCHS = 10


def train(
    output: Path,
    *,
    epochs: int | None = None,
    seed: int = 7,
    progress: bool = True,
    sizes: Callable[[int], Sizes] = Sizes,
    purchases: Purchases | None = None,
    begin: Path | None = None,
) -> dict[str, Any]:
    """Fit, calibrate and save a behaviour artifact to `output`; returns what happened, as in its manifest.

    `purchases` are raw lines, by default all that may be used; the learning rate falls over `epochs` (default 10).
    `begin` is an artifact whose weights are gone on with; what it lacks begins where it changes no answer.
    Errors: ArtifactError when that cannot be read.
    """
    began = time.monotonic()
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    lines = journey.lines() if purchases is None else purchases
    events = journey.events(lines)
    end_ms = int(events.times_ms.max())
    products, shelf = fit_shelf(lines.of_buckets(*TRAIN), lines.of_buckets(VALIDATION))
    numbers = {int(product): number for number, product in enumerate(products)}
    parts = events.of_buckets(*TRAIN), events.of_buckets(VALIDATION)
    sold = best_sellers(parts[0], numbers)
    shape = replace(sizes(len(events.categories)), products=len(sold))
    fitted, held = (Pieces(part, end_ms, shape, numbers) for part in parts)

    network = BehaviourNetwork(shape)
    network.get_buffer("sold").copy_(torch.from_numpy(sold))
    fit_prices(network, fitted.purchases)
    start_from_popularity(network, np.bincount(fitted.purchases.category, minlength=shape.categories))
    begun = None if begin is None else go_on(network, begin)
    history = fit(network, fitted, held, epochs or EPOCHS, rng, progress=progress, gentle=begin is not None)
    round_weights(network)
    calibration = calibrate(network, list(outputs(network, held)))

    training = {
        "data": journey.NAME,
        "fingerprint": lines.fingerprint(),
        "fitted_buckets": list(TRAIN),
        "validated_buckets": [VALIDATION],
        "begun_from": begun,
        "events": len(fitted.purchases),
        "seed": seed,
        "epochs": history,
        "calibration": calibration,
        "seconds": round(time.monotonic() - began),
    }
    manifest = save_behaviour(output, network, events.categories, products, shelf, metrics={}, training=training)
    return {"artifact": str(output), "name": manifest.name, "version": manifest.version, **training}
