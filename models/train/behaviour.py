"""Train the behaviour model on a year of household purchases.

Households of buckets 2-8 are fitted on; bucket 9 decides when to stop, and the temperatures. Events go through
models/behaviour/window.py exactly as in the stream, in lanes of households with truncated back-propagation.
"""

from __future__ import annotations

import time
from collections.abc import Callable
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
from models.train.shelf import fit_shelf

EPOCHS = 8


def train(
    output: Path,
    *,
    epochs: int | None = None,
    seed: int = 7,
    progress: bool = True,
    sizes: Callable[[int], Sizes] = Sizes,
    purchases: Purchases | None = None,
) -> dict[str, Any]:
    """Fit, calibrate and save a behaviour artifact to `output`; returns what happened, as in its manifest.

    `purchases` are raw lines, by default all that may be used; the learning rate falls over `epochs` (default 8).
    """
    began = time.monotonic()
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    lines = journey.lines() if purchases is None else purchases
    events = journey.events(lines)
    end_ms = int(events.times_ms.max())
    shape = sizes(len(events.categories))
    fitted = Pieces(events.of_buckets(*TRAIN), end_ms, shape)
    held = Pieces(events.of_buckets(VALIDATION), end_ms, shape)

    network = BehaviourNetwork(shape)
    share = np.bincount(fitted.purchases.category, minlength=shape.categories) + 1.0
    with torch.no_grad():  # start from popularity: the first epoch need not learn it
        network.out.bias[:-1] = torch.from_numpy(np.log(share / share.sum())).float()
    history = fit(network, fitted, held, epochs or EPOCHS, rng, progress=progress)
    calibration = calibrate(network, list(outputs(network, held)))
    products, shelf = fit_shelf(lines.of_buckets(*TRAIN), lines.of_buckets(VALIDATION))

    training = {
        "data": journey.NAME,
        "fingerprint": lines.fingerprint(),
        "fitted_buckets": list(TRAIN),
        "validated_buckets": [VALIDATION],
        "events": len(fitted.purchases),
        "seed": seed,
        "epochs": history,
        "calibration": calibration,
        "seconds": round(time.monotonic() - began),
    }
    manifest = save_behaviour(output, network, events.categories, products, shelf, metrics={}, training=training)
    return {"artifact": str(output), "name": manifest.name, "version": manifest.version, **training}
