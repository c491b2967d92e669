"""Fitting a recurrent network to purchases: pieces of households in lanes, one learning rate cycle, early stopping."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from models.behaviour import Sizes
from models.behaviour.network import Memory, Recurrent
from models.behaviour.schedule import schedule
from models.data.journey import Purchases
from models.data.sequences import NONE, lanes, targets
from models.train.remembered import remember

LANES = 24
PIECE = 48  # events of back-propagation: six baskets
LEARNING_RATE = 3e-3
GENTLE = 0.5  # of it, for weights that are gone on with
WEEK_SHARE = 0.2  # of the purchase head in the loss: it must not bend the LSTM away from categories
PATIENCE = 2  # epochs without a better validation loss before stopping

Outputs = tuple[Tensor, Tensor, Tensor, Tensor]  # logits, week logits, category targets, week targets


class Pieces:
    """Purchases with their targets, served piece by piece to a network that carries its state along."""

    def __init__(self, purchases: Purchases, end_ms: int, sizes: Sizes, products: dict[int, int] | None = None) -> None:
        self.purchases, self.sizes = purchases, sizes
        self.targets = targets(purchases, end_ms)
        self._remembered = remember(purchases, sizes, products)

    def count(self, rng: np.random.Generator | None) -> int:
        """Pieces in one pass."""
        return sum(1 for _ in lanes(self.purchases.household, LANES, PIECE, rng))

    def order(self) -> Iterator[NDArray[np.int64]]:
        """The events of each piece that `forward` yields when nothing is shuffled."""
        for pieces, _ in lanes(self.purchases.household, LANES, PIECE, None):
            yield np.concatenate(pieces)

    def forward(self, network: Recurrent, rng: np.random.Generator | None) -> Iterator[Outputs]:
        """One pass over all households: logits and targets of each piece; targets are -100 where there is none."""
        state = torch.zeros(2, LANES, self.sizes.hidden)
        for pieces, begins in lanes(self.purchases.household, LANES, PIECE, rng):
            state = state.detach() * torch.from_numpy(~begins).float()[None, :, None]
            which = np.concatenate(pieces)
            slots = np.repeat(np.arange(LANES), [len(piece) for piece in pieces])
            h, state = self._states(network, slots, which, state)
            memory = self._remembered.memory(which)
            yield (
                network.logits(h, memory),
                network.week_logit(h, memory),
                self._category_targets(which, memory),
                torch.from_numpy(np.where(self.targets.week[which] == NONE, -100, self.targets.week[which])),
            )

    def _states(
        self, network: Recurrent, slots: NDArray[np.int64], which: NDArray[np.int64], state: Tensor
    ) -> tuple[Tensor, Tensor]:
        steps = schedule(slots)
        users = torch.from_numpy(steps.users)
        h, (h_end, c_end) = network.encode(
            self._remembered.inputs(which[steps.order]),
            torch.from_numpy(steps.widths),
            (state[0, users][None], state[1, users][None]),
        )
        return h[torch.from_numpy(steps.place())], state.index_copy(1, users, torch.cat([h_end, c_end]))

    def _category_targets(self, which: NDArray[np.int64], memory: Memory) -> Tensor:
        category = torch.from_numpy(self.targets.category[which])
        again = memory.basket[torch.arange(len(which)), category.clamp(min=0)]
        category = torch.where(again, self.sizes.categories, category)
        return torch.where(torch.from_numpy(self.targets.category[which] == NONE), -100, category)


def fit(
    network: Recurrent,
    fitted: Pieces,
    held: Pieces,
    epochs: int,
    rng: np.random.Generator,
    *,
    progress: bool,
    label: str = "behaviour",
    gentle: bool = False,
) -> list[dict[str, float]]:
    """Train until the epochs are over or validation stops getting better; leaves the best weights in the network."""
    rate = LEARNING_RATE * (GENTLE if gentle else 1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-4)
    total = epochs * math.ceil(fitted.count(np.random.default_rng(0)) * 1.02)  # orders differ a little in their number
    schedule_rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=total, pct_start=0.1)
    history: list[dict[str, float]] = []
    best, best_loss, worse = copy.deepcopy(network.state_dict()), math.inf, 0
    for epoch in range(1, epochs + 1):
        network.train()
        losses: list[float] = []
        bar = tqdm(total=total // epochs, desc=f"{label} {epoch}/{epochs}", unit="step", disable=not progress)
        for logits, week_logits, category, week in fitted.forward(network, rng):
            loss = F.cross_entropy(logits, category, ignore_index=-100)
            known = week >= 0
            if known.any():
                loss = loss + WEEK_SHARE * F.binary_cross_entropy_with_logits(week_logits[known], week[known].float())
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            if schedule_rate.last_epoch < total - 1:
                schedule_rate.step()
            losses.append(loss.item())
            bar.update()
            bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", refresh=False)
        bar.close()
        held_loss = _validation_loss(outputs(network, held))
        history.append({"train_loss": round(float(np.mean(losses)), 4), "validation_loss": round(held_loss, 4)})
        if progress:
            tqdm.write(f"{label}, epoch {epoch}: validation loss {held_loss:.4f}")
        if held_loss < best_loss:
            best, best_loss, worse = copy.deepcopy(network.state_dict()), held_loss, 0
        else:
            worse += 1
            if worse > PATIENCE:
                break
    network.load_state_dict(best)
    return history


def outputs(network: Recurrent, pieces: Pieces) -> Iterator[Outputs]:
    network.eval()
    with torch.no_grad():
        yield from pieces.forward(network, None)


def _validation_loss(outputs: Iterable[Outputs]) -> float:
    total, n = 0.0, 0
    for logits, _, category, _ in outputs:
        total += float(F.cross_entropy(logits, category, ignore_index=-100, reduction="sum"))
        n += int((category >= 0).sum())
    return total / max(n, 1)
