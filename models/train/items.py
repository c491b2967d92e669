"""Train the model of items on the gift shop's year: buckets 2-8 teach, 9 stops and calibrates, 0 measures."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from models.data import gifts
from models.data.gifts import Sales
from models.data.splits import TRAIN, VALIDATION
from models.errors import TrainingError
from models.evaluate.items import evaluate
from models.items.follows import counted
from models.items.network import ItemNetwork, Sizes
from models.items.predictor import save_items
from models.items.reader import RAREST, Shop
from models.registry import with_metrics
from models.train.items_fit import NONE, Following, Recipe, fit
from models.train.options import NOWHERE, RunOptions, RunPlace
from models.train.search import Choice, Floats, Space, Watch, best_of, put
from models.train.search import search as search_on
from models.train.seeds import one_thread, seeded
from models.train.team import Team, joined

NAME = "shelfstream-items"  # of a study
# Of Recipe and of Sizes.
SPACE: Space = {
    "rate": Floats(1e-3, 1e-2, log=True),
    "decay": Floats(1e-3, 1e-1, log=True),
    "embedding": Choice((48, 80, 112)),
    "hidden": Choice((64, 128)),
    "deep": Choice((80, 160, 320)),
}
GRID = np.arange(0.8, 1.41, 0.02)


def train(data: Path, output: Path, options: RunOptions) -> dict[str, Any]:
    """Fit, calibrate, store and measure. `output`: the artifact's folder. Errors: DataError, TrainingError.

    Gives the figures, which also go into the manifest, as JSON-able values. About ten minutes of one core. With several
    processes, only the first stores and measures; the others give nothing.
    """
    began = time.monotonic()
    sales = gifts.load(data)
    taught, held = sales.of_buckets(*TRAIN), sales.of_buckets(VALIDATION)
    values = best_of(options.study, NAME) if options.study else {}
    with one_thread(), joined() as team:
        recipe, shape = put(values, _recipe(options))
        network, shop, history = fit_network(
            *(taught, held, recipe),
            shape=shape,
            seed=options.seed,
            place=options.place,
            team=team,
            progress=options.progress,
        )
    if not team.first:
        return {}
    training = {
        "data": gifts.NAME,
        "fingerprint": sales.fingerprint(),
        "fitted_buckets": list(TRAIN),
        "validated_buckets": [VALIDATION],
        "events": len(taught),
        "seed": options.seed,
        "recipe": asdict(recipe),
        **history,
        "seconds": round(time.monotonic() - began),
    }
    save_items(output, network, shop, metrics={}, training=training)
    measured = evaluate(data, output)
    with_metrics(output, measured)
    return measured


def search(data: Path, trials: int, options: RunOptions) -> dict[str, Any]:
    """Search SPACE for the least validation error; gives what `models.train.search` does.

    Errors: DataError, TrainingError.
    """
    if options.study is None:
        raise TrainingError("a search needs a file to keep its study in; give one with --study FILE")
    sales = gifts.load(data)
    taught, held = sales.of_buckets(*TRAIN), sales.of_buckets(VALIDATION)

    def error(values: dict[str, Any], watch: Watch) -> float:
        recipe, shape = put(values, _recipe(options))
        fitted = fit_network(
            *(taught, held, recipe), shape=shape, seed=options.seed, watch=watch, progress=options.progress
        )
        return float(min(fitted[2]["validation_errors"]))

    with one_thread():
        return search_on(error, SPACE, trials, options.study, name=NAME, seed=options.seed)


def fit_network(
    taught: Sales,
    held: Sales,
    recipe: Recipe,
    *,
    seed: int,
    shape: Mapping[str, int] = MappingProxyType({}),
    place: RunPlace = NOWHERE,
    team: Team | None = None,
    watch: Callable[[int, float], None] | None = None,
    progress: bool,
) -> tuple[ItemNetwork, Shop, dict[str, Any]]:
    """A calibrated network, its shop, and what happened. Both parts have the same tables of items.

    `shape`: sizes of the network other than its own. Errors: TrainingError.
    """
    random = seeded(seed)
    shop = shop_of(taught)
    sizes = Sizes(len(shop.items), **shape)
    network = ItemNetwork(sizes)
    with torch.no_grad():  # start from popularity: the first epoch need not learn it
        network.bias.copy_(torch.from_numpy(np.log(np.maximum(shop.sales, RAREST) / shop.sales.sum())))
    fitted, held_out = Following(taught, shop, sizes.slots, own=True), Following(held, shop, sizes.slots)
    errors = fit(
        *(network, fitted, held_out, recipe, random), seed=seed, place=place, team=team, watch=watch, progress=progress
    )
    temperature = _temperature(network, held_out)
    network.get_buffer("temperature").fill_(temperature)
    return network, shop, {"validation_errors": [round(error, 4) for error in errors], "temperature": temperature}


def _recipe(options: RunOptions) -> Recipe:
    return Recipe() if options.epochs is None else Recipe(epochs=options.epochs)


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
