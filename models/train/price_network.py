"""A deep network for prices, fitted beside the ridges of models.train.price_fit on the same weighted n-grams.

    n-grams ──weighted sum──► x (width) ──norm, ReLU, dropout──► h ──linear, norm, ReLU, dropout──► h
    h and the n-grams themselves ──linear──► median, ways down and up of ln price

Batch normalisation as in arXiv:1502.03167. The ways are above 0, so that quantiles never cross. The loss is the mean
pinball loss of the three quantiles (Koenker and Bassett 1978); the outer ones are then moved as those of the ridges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from models.data.prices import PricedTexts
from models.price.predictor import QUANTILES, Floats
from models.price.words import BAGS, Words, matrix, without_prices
from models.train.loop import Settings, run
from models.train.price_fit import INSIDE, level
from models.train.rates import Rates
from models.train.seeds import seeded
from models.train.team import Rows


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one network is fitted."""

    width: int = 64
    hidden: int = 32
    dropout: float = 0.4
    thinning: float = 0.2  # share of a text's n-grams left out in each step
    epochs: int = 60
    patience: int = 12
    batch: int = 128
    table_rate: float = 5e-3
    rate: float = 3e-3
    decay: float = 0.02


class PriceNetwork(nn.Module):
    """Weighted n-grams -> three quantiles of ln price."""

    def __init__(self, grams: int, middle: float, spread: float, recipe: Recipe) -> None:
        """`middle` and `spread` of the training products' ln price: what an empty text is answered with."""
        super().__init__()
        self.table = nn.EmbeddingBag(grams, recipe.width, mode="sum", include_last_offset=True)
        self.wide = nn.EmbeddingBag(grams, 3, mode="sum", include_last_offset=True)
        self.deep = nn.Sequential(
            *(nn.BatchNorm1d(recipe.width), nn.ReLU(), nn.Dropout(recipe.dropout)),
            *(nn.Linear(recipe.width, recipe.hidden), nn.BatchNorm1d(recipe.hidden), nn.ReLU()),
            *(nn.Dropout(recipe.dropout), nn.Linear(recipe.hidden, 3)),
        )
        self.middle, self.spread = middle, spread
        nn.init.normal_(self.table.weight, std=0.1)
        nn.init.zeros_(self.wide.weight)

    def forward(self, bags: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Rows, offsets and weights of n bags -> (n, 3) rising."""
        rows, offsets, weights = bags
        found = self.deep(self.table(rows, offsets, weights)) + self.wide(rows, offsets, weights)
        ways = self.spread * functional.softplus(found[:, 1:] + 1)
        median = self.middle + self.spread * found[:, :1]
        return torch.cat([median - ways[:, :1], median, median + ways[:, 1:]], dim=1)


class PriceTask:
    """See models.train.loop.Task."""

    def __init__(self, taught: PricedTexts, held_out: PricedTexts, recipe: Recipe) -> None:
        texts = [without_prices(text) for text in taught.texts]
        self.words = tuple(Words.seen(texts, groups) for groups in BAGS)
        self._grams = matrix(self.words, texts)
        logs = np.log(taught.prices)
        self.network = PriceNetwork(self._grams.shape[1], float(logs.mean()), float(logs.std()), recipe)
        self._logs = torch.from_numpy(logs).float()
        self._held_out = held_out
        self._recipe = recipe

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return len(self._logs) // self._recipe.batch

    def order(self, random: np.random.Generator) -> list[Rows]:
        """Batches of one size: batch normalisation wants no small ones."""
        drawn = random.permutation(len(self._logs))[: self.steps * self._recipe.batch]
        return list(drawn.reshape(self.steps, -1))

    def loss(self, rows: Rows, random: np.random.Generator) -> Tensor:
        """Mean pinball loss of ln price, some n-grams left out."""
        grams = self._grams[rows]
        kept = sparse.csr_matrix(grams)
        kept.data = kept.data * (random.random(len(kept.data)) >= self._recipe.thinning)
        return _pinball(self.network(_bags(kept)), self._logs[rows])

    def error(self) -> float:
        """The same loss of the held-out products."""
        said = torch.from_numpy(self.quantiles(self._held_out.texts))
        return float(_pinball(said, torch.from_numpy(np.log(self._held_out.prices))))

    def quantiles(self, texts: list[str]) -> Floats:
        """(n, 3) of ln price."""
        grams = matrix(self.words, [without_prices(text) for text in texts])
        self.network.eval()
        with torch.inference_mode():
            found: NDArray[np.float64] = self.network(_bags(grams)).double().numpy()
        return found


def fit_network(taught: PricedTexts, held_out: PricedTexts, recipe: Recipe, *, seed: int) -> tuple[PriceTask, float]:
    """The network with the least validation loss, and by how much its outer quantiles are moved apart (in ln price) so
    that INSIDE of the held-out products lie between them."""
    random = seeded(seed)
    task = PriceTask(taught, held_out, recipe)
    network = task.network
    tables = [network.table.weight, network.wide.weight]
    optimizer = torch.optim.AdamW(
        [
            {"params": tables, "lr": recipe.table_rate, "weight_decay": recipe.decay},
            {"params": list(network.deep.parameters()), "lr": recipe.rate, "weight_decay": recipe.decay},
        ]
    )
    run(
        task,
        optimizer,
        Rates(optimizer, "cosine", task.steps * recipe.epochs),
        Settings(epochs=recipe.epochs, patience=recipe.patience, clip=1.0, seed=seed),
        random=random,
        progress=False,
    )
    logs, ends = np.log(held_out.prices), task.quantiles(held_out.texts)
    return task, level(np.maximum(ends[:, 0] - logs, logs - ends[:, 2]), INSIDE)


def _bags(grams: sparse.csr_matrix) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.from_numpy(grams.indices.astype(np.int64)),
        torch.from_numpy(grams.indptr.astype(np.int64)),
        torch.from_numpy(grams.data.astype(np.float32)),
    )


def _pinball(said: Tensor, truth: Tensor) -> Tensor:
    apart = truth.unsqueeze(1) - said
    levels = torch.tensor(QUANTILES, dtype=said.dtype)
    return torch.maximum(levels * apart, (levels - 1) * apart).mean()
