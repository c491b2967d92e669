"""Train the model of items on the gift shop's year: buckets 2-8 teach, 9 stops and calibrates, 0 measures."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from models.data import gifts
from models.data.gifts import Sales
from models.data.splits import TRAIN, VALIDATION
from models.evaluate.items import evaluate
from models.items.follows import counted
from models.items.network import SLOTS, ItemNetwork, Sizes
from models.items.predictor import save_items
from models.items.reader import RAREST, Shop
from models.registry import with_metrics
from models.train.items_fit import NONE, Following, fit
from models.train.seeds import one_thread, seeded

EPOCHS = 5
GRID = np.arange(0.8, 1.41, 0.02)


def train(
    data: Path, output: Path, *, epochs: int | None = None, seed: int = 7, progress: bool = True
) -> dict[str, Any]:
    """Fit, calibrate, store and measure. `output`: the artifact's folder. Errors: DataError.

    Gives the figures, which also go into the manifest, as JSON-able values. About ten minutes of one core.
    """
    began = time.monotonic()
    sales = gifts.load(data)
    taught, held = sales.of_buckets(*TRAIN), sales.of_buckets(VALIDATION)
    with one_thread():
        network, shop, history = fit_network(taught, held, epochs=epochs or EPOCHS, seed=seed, progress=progress)
    training = {
        "data": gifts.NAME,
        "fingerprint": sales.fingerprint(),
        "fitted_buckets": list(TRAIN),
        "validated_buckets": [VALIDATION],
        "events": len(taught),
        "seed": seed,
        **history,
        "seconds": round(time.monotonic() - began),
    }
    save_items(output, network, shop, metrics={}, training=training)
    measured = evaluate(data, output)
    with_metrics(output, measured)
    return measured


def fit_network(
    taught: Sales, held: Sales, *, epochs: int, seed: int, progress: bool, slots: int = SLOTS
) -> tuple[ItemNetwork, Shop, dict[str, Any]]:
    """A calibrated network, its shop, and what happened. Both parts have the same tables of items."""
    random = seeded(seed)
    shop = shop_of(taught)
    sizes = Sizes(len(shop.items), slots)
    network = ItemNetwork(sizes)
    with torch.no_grad():  # start from popularity: the first epoch need not learn it
        network.bias.copy_(torch.from_numpy(np.log(np.maximum(shop.sales, RAREST) / shop.sales.sum())))
    fitted, held_out = Following(taught, shop, slots, own=True), Following(held, shop, slots)
    errors = fit(network, fitted, held_out, epochs, random, progress=progress)
    temperature = _temperature(network, held_out)
    network.get_buffer("temperature").fill_(temperature)
    return network, shop, {"validation_errors": [round(error, 4) for error in errors], "temperature": temperature}


def shop_of(sales: Sales) -> Shop:
    """What training purchases tell of the items."""
    count = len(sales.items)
    paid = sales.price > 0
    usual = pd.Series(sales.price[paid]).groupby(sales.item[paid]).median().reindex(range(count)).fillna(0)
    sold = np.bincount(sales.item, minlength=count).astype(np.float32)
    return Shop(sales.items, sales.descriptions, sold, usual.to_numpy(np.float32), tuple(counted(sales, count)))


def _temperature(network: ItemNetwork, held: Following) -> float:
    """The temperature with the least log loss on held-out customers (Guo et al. 2017, arXiv:1706.04599)."""
    total = np.zeros(len(GRID))
    for number, (which, logits) in enumerate(held.reader.pass_over(network)):
        if number % 4 == 0:  # its minimum is flat: a quarter is enough
            target = held.targets[torch.from_numpy(which)]
            total += [_cross_entropy(logits / float(each), target) for each in GRID]
    return round(float(GRID[int(np.argmin(total))]), 2)


def _cross_entropy(logits: Tensor, target: Tensor) -> float:
    return float(F.cross_entropy(logits, target, ignore_index=NONE, reduction="sum"))
