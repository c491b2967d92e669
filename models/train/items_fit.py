"""Fitting the network of items: customers in lanes, truncated back-propagation, the common training loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from models.data.gifts import Sales
from models.items.network import ItemNetwork
from models.items.reader import LANES, Reader, Shop
from models.train.lane_batches import LaneBatches
from models.train.loop import Settings, run
from models.train.options import NOWHERE, RunPlace
from models.train.rates import Rates
from models.train.team import Rows, Team

NONE = -100  # no target: the last purchase of a customer


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the network is fitted."""

    epochs: int = 5
    patience: int = 1  # epochs without a better validation error before it ends
    rate: float = 3e-3
    decay: float = 0.02  # of the item vectors
    clip: float = 1.0  # norm of the gradient at most


class Following:
    """Purchases with the item that comes next; "again" where that is one of the running invoice."""

    def __init__(self, sales: Sales, shop: Shop, slots: int, *, own: bool = False) -> None:
        self.sales = sales
        self.reader = Reader(sales, shop, slots, own=own)
        self.targets = torch.from_numpy(targets(sales, len(shop.items)))

    def loss(self, logits: Tensor, which: NDArray[np.int64]) -> Tensor:
        """Summed cross-entropy of the purchases `which`."""
        target = self.targets[torch.from_numpy(which)]
        return F.cross_entropy(logits, target, ignore_index=NONE, reduction="sum")

    def known(self, which: NDArray[np.int64]) -> int:
        """How many of these purchases have a target."""
        return int((self.targets[torch.from_numpy(which)] != NONE).sum())


def targets(sales: Sales, items: int) -> NDArray[np.int64]:
    """(n,) item of the next purchase, `items` where the running invoice has it, NONE after a customer's last."""
    following = np.roll(sales.item, -1).astype(np.int64)
    held: set[int] = set()
    invoice = -1
    for place, (own, item, coming) in enumerate(
        zip(sales.invoice.tolist(), sales.item.tolist(), following.tolist(), strict=True)
    ):
        if own != invoice:
            invoice, held = own, set()
        held.add(item)
        if coming in held:
            following[place] = items
    following[~sales.followed()] = NONE
    return following


class ItemTask:
    """The task for models.train.loop; a batch is a piece, and the state goes from each piece to the next."""

    def __init__(self, network: ItemNetwork, fitted: Following, held: Following, team: Team | None) -> None:
        self.network = network
        self._fitted, self._held = fitted, held
        self._lanes = LaneBatches(LANES, team)

    @property
    def carried(self) -> Tensor:
        """(2, LANES, hidden)"""
        return self._lanes.carried

    @carried.setter
    def carried(self, state: Tensor) -> None:
        self._lanes.carried = state

    def order(self, random: np.random.Generator) -> list[Rows]:
        """The pieces of an epoch."""
        reader = self._fitted.reader
        return self._lanes.begin(reader.order(random), reader.blank(self.network))

    def loss(self, rows: Rows, random: np.random.Generator) -> Tensor:
        """Mean cross-entropy of a piece."""
        share, reader = self._lanes.share(rows), self._fitted.reader
        logits, state = reader.logits(self.network, reader.vectors(self.network), share.piece, self.carried)
        self._lanes.carry(share, state)
        total = self._fitted.loss(logits, np.concatenate(share.piece[0]))
        return total / max(self._fitted.known(share.whole), 1) * share.weight

    def error(self) -> float:
        """Mean cross-entropy of the held-out customers."""
        losses, count = 0.0, 0
        for which, logits in self._held.reader.pass_over(self.network):
            losses += float(self._held.loss(logits, which))
            count += self._held.known(which)
        self.network.train()
        return losses / max(count, 1)


def fit(
    network: ItemNetwork,
    fitted: Following,
    held: Following,
    recipe: Recipe,
    random: np.random.Generator,
    *,
    seed: int = 0,
    place: RunPlace = NOWHERE,
    team: Team | None = None,
    watch: Callable[[int, float], None] | None = None,
    progress: bool,
) -> list[float]:
    """Train; leaves the weights of the best epoch and gives the validation error of each. Errors: TrainingError."""
    decayed = [network.words.weight, network.residual.weight]
    rest = [each for name, each in network.named_parameters() if not name.startswith(("words", "residual"))]
    groups = [{"params": decayed, "weight_decay": recipe.decay}, {"params": rest, "weight_decay": 1e-4}]
    optimizer = torch.optim.AdamW(groups, lr=recipe.rate)
    steps = recipe.epochs * len(fitted.reader.order(np.random.default_rng(0)))
    identity = {
        "recipe": asdict(recipe),
        "sizes": network.sizes.as_dict(),
        "seed": seed,
        "sales": [part.sales.fingerprint() for part in (fitted, held)],
    }
    return run(
        ItemTask(network, fitted, held, team),
        optimizer,
        Rates(optimizer, "cosine", steps),
        Settings(recipe.epochs, recipe.patience, clip=recipe.clip, precision="float32", seed=seed),
        random=random,
        team=team,
        checkpoints=place.checkpoints(identity),
        log_dir=place.log_dir,
        watch=watch,
        progress=progress,
    )
