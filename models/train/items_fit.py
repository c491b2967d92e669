"""Fitting the network of items: customers in lanes, truncated back-propagation, the common training loop."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from models.data.gifts import Sales
from models.items.network import ItemNetwork
from models.items.reader import Piece, Reader, Shop
from models.train.loop import Settings, run
from models.train.rates import Rates
from models.train.team import Rows

NONE = -100  # no target: the last purchase of a customer
RATE = 3e-3
DECAY = 0.02
PATIENCE = 1


class Following:
    """Purchases with the item that comes next; "again" where that is one of the running invoice."""

    def __init__(self, sales: Sales, shop: Shop, slots: int, *, own: bool = False) -> None:
        self.reader = Reader(sales, shop, slots, own=own)
        self.targets = torch.from_numpy(targets(sales, len(shop.items)))

    def loss(self, logits: Tensor, which: NDArray[np.int64]) -> tuple[Tensor, int]:
        """Summed cross-entropy of the purchases `which`, and how many have a target."""
        target = self.targets[torch.from_numpy(which)]
        return F.cross_entropy(logits, target, ignore_index=NONE, reduction="sum"), int((target != NONE).sum())


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

    def __init__(self, network: ItemNetwork, fitted: Following, held: Following) -> None:
        self.network = network
        self._fitted, self._held = fitted, held
        self._pieces: list[Piece] = []
        self._state = fitted.reader.blank(network)

    def order(self, random: np.random.Generator) -> list[Rows]:
        """The pieces of an epoch by number."""
        self._pieces = self._fitted.reader.order(random)
        self._state = self._fitted.reader.blank(self.network)
        return [np.array([number]) for number in range(len(self._pieces))]

    def loss(self, rows: Rows, random: np.random.Generator) -> Tensor:
        """Mean cross-entropy of a piece."""
        piece = self._pieces[int(rows[0])]
        reader = self._fitted.reader
        logits, self._state = reader.logits(self.network, reader.vectors(self.network), piece, self._state)
        total, count = self._fitted.loss(logits, np.concatenate(piece[0]))
        return total / max(count, 1)

    def error(self) -> float:
        """Mean cross-entropy of the held-out customers."""
        losses = [self._held.loss(logits, which) for which, logits in self._held.reader.pass_over(self.network)]
        self.network.train()
        return sum(float(total) for total, _ in losses) / max(sum(count for _, count in losses), 1)


def fit(
    network: ItemNetwork,
    fitted: Following,
    held: Following,
    epochs: int,
    random: np.random.Generator,
    *,
    progress: bool,
) -> list[float]:
    """Train; leaves the weights of the best epoch and gives the validation error of each."""
    task = ItemTask(network, fitted, held)
    decayed = [network.words.weight, network.residual.weight]
    rest = [each for name, each in network.named_parameters() if not name.startswith(("words", "residual"))]
    groups = [{"params": decayed, "weight_decay": DECAY}, {"params": rest, "weight_decay": 1e-4}]
    optimizer = torch.optim.AdamW(groups, lr=RATE)
    steps = epochs * len(fitted.reader.order(np.random.default_rng(0)))
    settings = Settings(epochs, PATIENCE, clip=1.0, precision="float32")
    return run(task, optimizer, Rates(optimizer, "cosine", steps), settings, random=random, progress=progress)
