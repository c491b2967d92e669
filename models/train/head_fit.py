"""A head of one hidden layer on features that stay as they are, with any loss and any way to draw rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.train.loop import Settings, run
from models.train.oversampling import Draw
from models.train.rare_losses import Loss
from models.train.rates import Rates
from models.train.seeds import seeded
from models.train.team import Rows

Floats = NDArray[np.float32]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HeadRecipe:
    """How a head is fitted."""

    hidden: int = 128
    epochs: int = 10
    patience: int = 10
    batch: int = 512
    rate: float = 3e-3
    dropout: float = 0.2


class HeadTask:
    """Codes of features. The validation error is of accuracy and macro F1: neither may be bought with the other."""

    def __init__(
        self,
        rows: tuple[Floats, Codes],
        held: tuple[Floats, Codes],
        size: int,
        recipe: HeadRecipe,
        loss: Loss,
        draw: Draw,
    ) -> None:
        self._x, self._y = (torch.from_numpy(each) for each in rows)
        self._held, self._truth = torch.from_numpy(held[0]), held[1]
        self._loss, self._draw, self._batch, self._size = loss, draw, recipe.batch, size
        width = self._x.shape[1]
        self.network = nn.Sequential(
            nn.LayerNorm(width),
            nn.Dropout(recipe.dropout),
            nn.Linear(width, recipe.hidden),
            nn.GELU(),
            nn.Dropout(recipe.dropout),
            nn.Linear(recipe.hidden, size),
        )

    def order(self, random: np.random.Generator) -> list[Rows]:
        """Batches of the rows that are drawn for this epoch."""
        drawn = self._draw(random)
        return [drawn[first : first + self._batch] for first in range(0, len(drawn), self._batch)]

    def loss(self, rows: Rows, random: np.random.Generator) -> Tensor:
        """The given loss."""
        which = torch.from_numpy(rows)
        return self._loss(self.network(self._x[which]), self._y[which])

    def error(self) -> float:
        """1 - (accuracy + macro F1) / 2 on the validation rows."""
        best = probabilities(self.network, self._held.numpy()).argmax(axis=1)
        actual, claimed = (np.bincount(each, minlength=self._size) for each in (self._truth, best))
        hits = np.bincount(best[best == self._truth], minlength=self._size)
        f1 = (2 * hits / np.maximum(actual + claimed, 1))[actual > 0]
        return float(1 - (hits.sum() / len(best) + f1.mean()) / 2)


def fit_head(
    rows: tuple[Floats, Codes],
    held: tuple[Floats, Codes],
    size: int,
    recipe: HeadRecipe,
    *,
    loss: Loss,
    draw: Draw,
    seed: int,
) -> nn.Module:
    """Fit on (n, width) features with (n,) codes below `size`; stop by `held`, which must not be empty."""
    random = seeded(seed)
    task = HeadTask(rows, held, size, recipe, loss, draw)
    optimizer = torch.optim.AdamW(task.network.parameters(), lr=recipe.rate, weight_decay=0.01)
    steps = recipe.epochs * math.ceil(len(rows[1]) / recipe.batch)
    settings = Settings(recipe.epochs, recipe.patience, clip=5.0, seed=seed)
    run(task, optimizer, Rates(optimizer, "cosine", steps), settings, random=random, progress=False)
    return task.network


def probabilities(network: nn.Module, features: Floats) -> Floats:
    """(n, width) -> (n, classes) softmax of a fitted head."""
    network.eval()
    with torch.inference_mode():
        found: Floats = torch.softmax(network(torch.from_numpy(features)), dim=1).numpy()
    return found
