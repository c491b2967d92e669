"""Which recurrent network pays: `python -m models.evaluate.recurrent --output recurrent`, or `--fast` to try it.

The behaviour network with four cells, and without any: what its copy term says of habits and the running basket alone.
All read the same tokens and habits, are fitted with the same schedule and seed on the same households of buckets 2-8,
stopped on bucket 9 and asked of bucket 0. Beside them own counts, and the shipped model, which has seen all households
of buckets 2-8 for longer.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from models.behaviour import BehaviourNetwork, load_behaviour
from models.behaviour.cells import State
from models.behaviour.network import Sizes
from models.data import journey
from models.data.households import held_beside, some_households
from models.data.journey import Purchases
from models.data.sequences import NONE, targets
from models.data.splits import TEST, TRAIN, VALIDATION
from models.evaluate.behaviour import TOP, stream
from models.evaluate.fitted import fitted_ranks
from models.evaluate.households import Households
from models.evaluate.journey_baselines import frequency_ranks
from models.evaluate.printing import tell
from models.train.behaviour_fit import Pieces, Recipe, fit
from models.train.behaviour_weights import fit_prices, start_from_popularity
from models.train.shelf import best_sellers

METRICS = ("recall@10", "recall@20", "MRR@20", "recall@10, first of a basket", "recall@10, within a basket")
FREQUENCY, SHIPPED = "own counts", "shipped"
Ranks = NDArray[np.int64]


class Packed(BehaviourNetwork):
    """With a cell that torch runs over packed sequences."""

    def __init__(self, sizes: Sizes, cell: type[nn.LSTM | nn.GRU | nn.RNN]) -> None:
        super().__init__(sizes)
        self.cell = cell(sizes.embedding + sizes.numeric, sizes.hidden)
        del self.lstm

    def recur(self, inputs: Tensor, days: Tensor, widths: Tensor, state: State) -> tuple[Tensor, State]:
        alone = not isinstance(self.cell, nn.LSTM)  # h is all the state there is
        packed, after = self.cell(PackedSequence(inputs, widths), state[0] if alone else state)
        return packed.data, (after, torch.zeros_like(after)) if alone else after


class Stateless(BehaviourNetwork):
    """Without a recurrent network: h is zero."""

    def recur(self, inputs: Tensor, days: Tensor, widths: Tensor, state: State) -> tuple[Tensor, State]:
        return inputs.new_zeros(len(inputs), self.sizes.hidden), state


CELLS = {
    "habits and basket alone": Stateless,
    "plain RNN": lambda sizes: Packed(sizes, nn.RNN),
    "GRU": lambda sizes: Packed(sizes, nn.GRU),
    "LSTM": lambda sizes: Packed(sizes, nn.LSTM),
    "time-aware LSTM": BehaviourNetwork,
}


def evaluate(
    *,
    households: int = 600,
    epochs: int = 3,
    asked: int | None = None,
    seed: int = 7,
    purchases: Purchases | None = None,
    sizes: Sizes | None = None,
    shipped: bool = True,
    progress: bool = True,
) -> dict[str, Any]:
    """Fit every cell on so many training households and ask the first `asked` of the test households (None: all).

    `purchases` (one event per household, basket and category) and `sizes` are those of the shipped model by default;
    without `shipped` it is not asked. Errors: ArtifactError when it cannot be read.
    """
    events = journey.events(journey.lines()) if purchases is None else purchases
    end_ms = int(events.times_ms.max())
    predictor = load_behaviour() if shipped else None
    numbers = {int(product): number for number, product in enumerate(np.unique(events.product))}
    taught = some_households(events.of_buckets(*TRAIN), households, seed)
    held = some_households(events.of_buckets(VALIDATION), held_beside(households), seed)
    test = some_households(events.of_buckets(TEST), asked, None)
    sold = best_sellers(taught, numbers)
    shape = replace(sizes or Sizes(len(events.categories)), products=len(sold))
    parts = [Pieces(part, end_ms, shape, numbers) for part in (taught, held, test)]

    popularity = np.bincount(taught.category, minlength=len(events.categories)).astype(np.float64)
    expected = targets(test, end_ms)
    found: dict[str, tuple[Ranks, dict[str, Any]]] = {
        FREQUENCY: (frequency_ranks(test, expected, popularity, told=False), {})
    }
    for name, cell in CELLS.items():
        torch.manual_seed(seed)
        network = cell(shape)
        network.get_buffer("sold").copy_(torch.from_numpy(sold))
        fit_prices(network, taught)
        start_from_popularity(network, popularity)
        began = time.process_time()
        rng = np.random.default_rng(seed)
        fit(network, parts[0], parts[1], Recipe(epochs=epochs), rng, progress=progress, label=name)
        facts = {"cpu_s": round(time.process_time() - began), "cell_weights": _cell_weights(network)}
        found[name] = fitted_ranks(network, parts[2]), facts
    if predictor is not None:
        answers = stream(predictor, test, label=SHIPPED, progress=progress).categories
        hit = answers == expected.category[:, None]
        found[SHIPPED] = np.where(hit.any(axis=1), hit.argmax(axis=1), TOP), {}

    counted = expected.category != NONE
    people = Households(test.household)
    figures = [
        {"model": name, **facts, **_figures(ranks, people, counted, expected.new_basket)}
        for name, (ranks, facts) in found.items()
    ]
    return {
        "set": journey.NAME,
        "households": {"taught": _count(taught), "held": _count(held), "asked": _count(test)},
        "epochs": epochs,
        "seed": seed,
        "n": int(counted.sum()),
        "figures": figures,
    }


def _count(part: Purchases) -> int:
    return len(np.unique(part.household))


def cell_of(network: BehaviourNetwork) -> nn.Module | None:
    """The recurrent part; None where there is none."""
    if isinstance(network, Stateless):
        return None
    return network.cell if isinstance(network, Packed) else network.lstm


def _cell_weights(network: BehaviourNetwork) -> int:
    cell = cell_of(network)
    return sum(weight.numel() for weight in cell.parameters()) if cell is not None else 0


def _figures(
    ranks: Ranks, people: Households, counted: NDArray[np.bool_], begins: NDArray[np.bool_]
) -> dict[str, dict[str, float]]:
    gain = np.where(ranks < TOP, 1 / (ranks + 1.0), 0)
    cases = (
        (ranks < 10, counted),
        (ranks < 20, counted),
        (gain, counted),
        (ranks < 10, counted & begins),
        (ranks < 10, counted & ~begins),
    )
    return {
        metric: dict(zip(("value", "low", "high"), (round(x, 5) for x in people.mean(*case)[1:]), strict=True))
        for metric, case in zip(METRICS, cases, strict=True)
    }


def table(result: dict[str, Any]) -> str:
    """The result as Markdown: a row per model."""
    lines = [f"| model | {' | '.join(METRICS)} | weights of the cell | processor time, s |", "|---|" + "---:|" * 7]
    for row in result["figures"]:
        cells = [f"{row[m]['value']:.3f} [{row[m]['low']:.3f}, {row[m]['high']:.3f}]" for m in METRICS]
        weights = f"{row['cell_weights']:,}" if "cell_weights" in row else ""
        lines.append(f"| {row['model']} | {' | '.join(cells)} | {weights} | {row.get('cpu_s', '')} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, or with --json the result; with --output write both beside one another."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.recurrent", description=__doc__)
    parser.add_argument("--households", type=int, default=600, help="that each network is fitted on")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--asked", type=int, help="only so many test households; default: all")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--fast", action="store_true", help="60 households, one epoch, 20 asked: a look in a minute")
    parser.add_argument("--output", type=Path, help="write FILE.json and FILE.md")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    given = parser.parse_args()
    size = (60, 1, 20) if given.fast else (given.households, given.epochs, given.asked)
    result = evaluate(households=size[0], epochs=size[1], asked=size[2], seed=given.seed)
    tell(result, table(result), output=given.output, as_json=given.json)


if __name__ == "__main__":
    main()
