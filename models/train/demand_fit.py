"""Fit the demand networks: pinball loss relative to each series' level, from many series and many days at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.demand.columns import QUANTILES, Floats
from models.demand.inputs import Inputs, inputs
from models.demand.network import DemandNetwork, build
from models.demand.windows import Cases
from models.train.loop import Settings, run
from models.train.rates import Rates
from models.train.team import Rows

WEIGHT = 0.5  # power of the level that a case weighs: 1 would be WAPE, of a few items; 0 the mean of all items


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is fitted."""

    network: str = "dnn"
    width: int = 96
    dropout: float = 0.2
    epochs: int = 6
    batch: int = 512
    rate: float = 3e-3
    decay: float = 1e-4
    members: int = 4
    every: int = 2  # of the days that a case could begin on; not a multiple of 7


@dataclass(frozen=True, slots=True)
class Examples:
    """Cases of one or more sets, ready for the network."""

    given: Inputs
    truth: Floats  # (m, HORIZON) / level
    weight: Floats  # (m,) mean 1 in each set

    @staticmethod
    def of(sets: Sequence[Cases]) -> Examples:
        """Each set counts as its number of cases says."""
        given = [inputs(one.columns) for one in sets]
        weights = [(one.level + 0.1) ** WEIGHT for one in given]
        return Examples(
            given=Inputs(*(np.concatenate(parts) for parts in zip(*given, strict=True))),
            truth=np.concatenate([one.truth / part.level[:, None] for one, part in zip(sets, given, strict=True)]),
            weight=np.concatenate([weight / weight.mean() for weight in weights]).astype(np.float32),
        )

    def __len__(self) -> int:
        return len(self.weight)


class DemandTask:
    """See models.train.loop.Task. The error is the weighted pinball loss on the held-out cases."""

    def __init__(self, network: DemandNetwork, fitted: Examples, held: Examples, batch: int) -> None:
        self._network = network
        self._fitted, self._held, self._batch = fitted, held, batch

    @property
    def network(self) -> nn.Module:
        """See `Task.network`."""
        return self._network

    def order(self, random: np.random.Generator) -> Sequence[Rows]:
        """See `Task.order`."""
        drawn = random.permutation(len(self._fitted))
        count = max(1, len(drawn) // self._batch)
        return [np.sort(part) for part in np.array_split(drawn, count)]

    def loss(self, rows: Rows, random: np.random.Generator) -> Tensor:
        """See `Task.loss`."""
        return self._loss(self._fitted, rows)

    def error(self) -> float:
        """See `Task.error`."""
        self._network.eval()
        with torch.inference_mode():
            parts = np.array_split(np.arange(len(self._held)), max(1, len(self._held) // 4096))
            found = sum(float(self._loss(self._held, part)) * len(part) for part in parts) / len(self._held)
        self._network.train()
        return found

    def _loss(self, examples: Examples, rows: NDArray[np.int64]) -> Tensor:
        history, summary, ahead, _ = (torch.from_numpy(part) for part in examples.given.take(rows))
        quantiles = self._network(history, summary, ahead)
        apart = torch.from_numpy(examples.truth[rows]).unsqueeze(2) - quantiles  # (rows, HORIZON, 3)
        levels = torch.tensor(QUANTILES)
        pinball = torch.maximum(levels * apart, (levels - 1) * apart).mean(dim=(1, 2))
        return (pinball * torch.from_numpy(examples.weight[rows])).mean()


def fit(
    recipe: Recipe, fitted: Examples, held: Examples, *, seed: int, progress: bool = True
) -> tuple[list[DemandNetwork], list[list[float]]]:
    """The members, each from a seed of its own, and the held-out error after each epoch of each."""
    networks, history = [], []
    for number in range(recipe.members):
        torch.manual_seed(seed + number)
        network = build(recipe.network, recipe.width, recipe.dropout)
        optimizer = torch.optim.AdamW(network.parameters(), recipe.rate, weight_decay=recipe.decay)
        steps = recipe.epochs * max(1, len(fitted) // recipe.batch)
        errors = run(
            DemandTask(network, fitted, held, recipe.batch),
            optimizer,
            Rates(optimizer, "cosine", steps),
            Settings(epochs=recipe.epochs, patience=recipe.epochs, clip=1.0, seed=seed + number),
            random=np.random.default_rng(seed + number),
            progress=progress,
        )
        networks.append(network)
        history.append([round(error, 5) for error in errors])
    return networks, history
