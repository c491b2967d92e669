"""Train the behaviour model on a year of household purchases.

Households of buckets 2-8 are fitted on; bucket 9 decides when to stop, and the temperatures. Events go through
models/behaviour/window.py exactly as in the stream, in lanes of households with truncated back-propagation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.behaviour import BehaviourNetwork, Shelf, Sizes, save_behaviour
from models.data import journey
from models.data.households import held_beside, some_households
from models.data.journey import Purchases
from models.data.splits import TRAIN, VALIDATION
from models.errors import TrainingError
from models.train.behaviour_calibration import calibrate
from models.train.behaviour_fit import Pieces, Recipe, fit, outputs
from models.train.behaviour_weights import fit_prices, go_on, round_weights, start_from_popularity
from models.train.options import BehaviourOptions
from models.train.search import Choice, Floats, Space, Watch, best_of, put
from models.train.search import search as search_on
from models.train.seeds import seeded
from models.train.shelf import best_sellers, fit_shelf
from models.train.team import joined

NAME = "shelfstream-behaviour"  # of a study
# Of Recipe and of Sizes. A row has no place for more than 68 hidden numbers.
SPACE: Space = {
    "rate": Floats(1e-3, 1e-2, log=True),
    "decay": Floats(1e-5, 1e-1, log=True),
    "dropout": Floats(0.0, 0.3),
    "week_share": Floats(0.05, 0.5, log=True),
    "hidden": Choice((32, 48, 64)),
    "embedding": Choice((32, 48, 64)),
    "deep": Choice((64, 128, 256)),
}


def train(
    output: Path,
    options: BehaviourOptions,
    *,
    sizes: Callable[[int], Sizes] = Sizes,
    purchases: Purchases | None = None,
) -> dict[str, Any]:
    """Fit, calibrate and save a behaviour artifact to `output`; returns what happened, as in its manifest.

    `purchases` are raw lines, by default all that may be used; the learning rate falls over the epochs. What an
    artifact to begin with lacks begins where it changes no answer. With several processes, only the first stores; the
    others give nothing. Errors: ArtifactError when that artifact cannot be read, TrainingError.
    """
    began = time.monotonic()
    rng = seeded(options.seed)
    values = best_of(options.study, NAME) if options.study else {}
    lines = journey.lines() if purchases is None else purchases
    world = _world(lines, sizes, options)
    network, recipe = _drawn(world, options, values)
    begun = None if options.begin is None else go_on(network, options.begin)
    with joined() as team:
        losses = fit(
            network.to(options.device),
            *(world.fitted, world.held, recipe, rng),
            gentle=begun is not None,
            precision=options.precision,
            seed=options.seed,
            place=options.place,
            identity={"seed": options.seed, "begun_from": begun},
            team=team,
            progress=options.progress,
        )
    if not team.first:
        return {}
    round_weights(network.cpu())
    calibration = calibrate(network, list(outputs(network, world.held)))

    training = {
        "data": journey.NAME,
        "fingerprint": lines.fingerprint(),
        "fitted_buckets": list(TRAIN),
        "validated_buckets": [VALIDATION],
        "begun_from": begun,
        "events": len(world.fitted.purchases),
        "seed": options.seed,
        "recipe": asdict(recipe),
        "validation_losses": [round(loss, 4) for loss in losses],
        "calibration": calibration,
        "seconds": round(time.monotonic() - began),
    }
    categories = world.fitted.purchases.categories
    manifest = save_behaviour(output, network, categories, *world.shelf, metrics={}, training=training)
    return {"artifact": str(output), "name": manifest.name, "version": manifest.version, **training}


def search(
    trials: int,
    options: BehaviourOptions,
    *,
    sizes: Callable[[int], Sizes] = Sizes,
    purchases: Purchases | None = None,
) -> dict[str, Any]:
    """Search SPACE for the least validation loss; gives what `models.train.search` does. Errors: TrainingError."""
    if options.study is None:
        raise TrainingError("a search needs a file to keep its study in; give one with --study FILE")
    if options.begin is not None:
        raise TrainingError("a search draws the sizes of layers, and an artifact has them already; leave --begin out")
    world = _world(journey.lines() if purchases is None else purchases, sizes, options)

    def loss(values: dict[str, Any], watch: Watch) -> float:
        rng = seeded(options.seed)
        network, recipe = _drawn(world, options, values)
        losses = fit(
            network.to(options.device),
            *(world.fitted, world.held, recipe, rng),
            precision=options.precision,
            watch=watch,
            progress=options.progress,
        )
        return min(losses)

    return search_on(loss, SPACE, trials, options.study, name=NAME, seed=options.seed)


@dataclass(frozen=True, slots=True)
class _World:
    """What is learnt from."""

    fitted: Pieces
    held: Pieces
    sold: NDArray[np.int64]  # numbers of the products with a vector of their own
    shelf: tuple[tuple[str, ...], Shelf]


def _world(lines: Purchases, sizes: Callable[[int], Sizes], options: BehaviourOptions) -> _World:
    events = journey.events(lines)
    end_ms = int(events.times_ms.max())
    shelf = fit_shelf(lines.of_buckets(*TRAIN), lines.of_buckets(VALIDATION))
    numbers = {int(product): number for number, product in enumerate(shelf[0])}
    taught, held = events.of_buckets(*TRAIN), events.of_buckets(VALIDATION)
    if options.households is not None:
        taught = some_households(taught, options.households, options.seed)
        held = some_households(held, held_beside(options.households), options.seed)
    sold = best_sellers(taught, numbers)
    shape = replace(sizes(len(events.categories)), products=len(sold))
    fitted, tried = (Pieces(part, end_ms, shape, numbers) for part in (taught, held))
    return _World(fitted, tried, sold, shelf)


def _drawn(world: _World, options: BehaviourOptions, values: Mapping[str, Any]) -> tuple[BehaviourNetwork, Recipe]:
    """A network with new weights, and its recipe; `values` are those of a search."""
    recipe, sizes = put(values, Recipe() if options.epochs is None else Recipe(epochs=options.epochs))
    shape = replace(world.fitted.sizes, **sizes)
    network = BehaviourNetwork(shape)
    network.get_buffer("sold").copy_(torch.from_numpy(world.sold))
    fit_prices(network, world.fitted.purchases)
    start_from_popularity(network, np.bincount(world.fitted.purchases.category, minlength=shape.categories))
    return network, recipe
