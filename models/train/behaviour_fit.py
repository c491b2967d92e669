"""Fitting a recurrent network to purchases: households in lanes, truncated back-propagation, the common loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from models.behaviour import Sizes
from models.behaviour.network import Inputs, Memory, Recurrent
from models.behaviour.schedule import schedule
from models.data.journey import Purchases
from models.data.sequences import NONE, lanes, targets
from models.train.lane_batches import LaneBatches, Piece
from models.train.loop import Settings, run
from models.train.options import NOWHERE, RunPlace
from models.train.precision import PrecisionName
from models.train.rates import Rates
from models.train.remembered import remember
from models.train.team import Rows, Team

LANES = 24
PIECE = 48  # events of back-propagation: six baskets
GENTLE = 0.5  # of the learning rate, for weights that are gone on with
UNKNOWN = -100  # no target


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is fitted."""

    epochs: int = 10
    patience: int = 3  # epochs without a better validation loss before it ends
    rate: float = 3e-3  # highest of the cycle
    decay: float = 1e-4
    dropout: float = 0.05  # where the network has any
    week_share: float = 0.2  # of the purchase head in the loss: it must not bend the LSTM away from categories
    clip: float = 1.0  # norm of the gradient at most
    warm_up: float = 0.1  # share of the steps


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

    def batches(self, rng: np.random.Generator | None) -> list[Piece]:
        """The pieces of one pass over all households, shuffled by `rng`."""
        return list(lanes(self.purchases.household, LANES, PIECE, rng))

    def blank(self, network: Recurrent) -> Tensor:
        """(2, LANES, hidden) state of households never seen."""
        return torch.zeros(2, LANES, network.sizes.hidden, device=_device(network))

    def forward(self, network: Recurrent, rng: np.random.Generator | None) -> Iterator[Outputs]:
        """One pass over all households: logits and targets of each piece; targets are -100 where there is none."""
        state = self.blank(network)
        for piece in lanes(self.purchases.household, LANES, PIECE, rng):
            outputs, state = self.step(network, piece, state)
            yield outputs

    def step(self, network: Recurrent, piece: Piece, state: Tensor) -> tuple[Outputs, Tensor]:
        """A piece and the state (2, LANES, hidden) before it -> logits and targets, and the state after it."""
        pieces, begins = piece
        device = state.device
        state = state.detach() * torch.from_numpy(~begins).to(state)[None, :, None]
        which = np.concatenate(pieces)
        slots = np.repeat(np.arange(LANES), [len(piece) for piece in pieces])
        h, state = self._states(network, slots, which, state)
        memory = Memory(*(column.to(device) for column in self._remembered.memory(which)))
        # Sums over habits and a softmax of hundreds: not in half precision.
        with torch.autocast(device.type, enabled=False):
            logits, week_logits = network.logits(h, memory), network.week_logit(h, memory)
        week = np.where(self.targets.week[which] == NONE, UNKNOWN, self.targets.week[which])
        return (
            logits,
            week_logits,
            self._category_targets(which, memory),
            torch.from_numpy(week).to(device),
        ), state

    def known(self, which: NDArray[np.int64]) -> tuple[int, int]:
        """How many of these events have a target: a category, a week."""
        return int((self.targets.category[which] != NONE).sum()), int((self.targets.week[which] != NONE).sum())

    def _states(
        self, network: Recurrent, slots: NDArray[np.int64], which: NDArray[np.int64], state: Tensor
    ) -> tuple[Tensor, Tensor]:
        steps = schedule(slots)
        device = state.device
        users = torch.from_numpy(steps.users).to(device)
        h, (h_end, c_end) = network.encode(
            Inputs(*(column.to(device) for column in self._remembered.inputs(which[steps.order]))),
            torch.from_numpy(steps.widths),
            (state[0, users][None], state[1, users][None]),
        )
        return h[torch.from_numpy(steps.place()).to(device)], state.index_copy(1, users, torch.cat([h_end, c_end]))

    def _category_targets(self, which: NDArray[np.int64], memory: Memory) -> Tensor:
        told = torch.from_numpy(self.targets.category[which]).to(memory.basket.device)
        again = memory.basket.gather(1, told.clamp(min=0)[:, None])[:, 0]
        return torch.where(again, self.sizes.categories, told).masked_fill(told == NONE, UNKNOWN)


class BehaviourTask:
    """The task for models.train.loop: a batch is a piece, and the state goes from each piece to the next."""

    def __init__(self, network: Recurrent, fitted: Pieces, held: Pieces, recipe: Recipe, team: Team | None) -> None:
        self.network = network
        self._fitted, self._held, self._recipe = fitted, held, recipe
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
        return self._lanes.begin(self._fitted.batches(random), self._fitted.blank(self.network))

    def loss(self, rows: Rows, random: np.random.Generator) -> Tensor:
        """Mean cross-entropy of the next category and, in part, of a purchase within a week."""
        share = self._lanes.share(rows)
        (logits, week_logits, category, week), state = self._fitted.step(self.network, share.piece, self.carried)
        self._lanes.carry(share, state)
        categories, weeks = self._fitted.known(share.whole)
        loss = F.cross_entropy(logits, category, ignore_index=UNKNOWN, reduction="sum") / max(categories, 1)
        known = week >= 0
        in_week = F.binary_cross_entropy_with_logits(week_logits[known], week[known].float(), reduction="sum")
        return (loss + self._recipe.week_share * (in_week / max(weeks, 1))) * share.weight

    def error(self) -> float:
        """Mean cross-entropy of the next category for the held-out households."""
        return _validation_loss(outputs(self.network, self._held))


def fit(
    network: Recurrent,
    fitted: Pieces,
    held: Pieces,
    recipe: Recipe,
    rng: np.random.Generator,
    *,
    gentle: bool = False,
    precision: PrecisionName = "auto",
    seed: int = 0,
    place: RunPlace = NOWHERE,
    identity: Mapping[str, Any] | None = None,
    team: Team | None = None,
    watch: Callable[[int, float], None] | None = None,
    progress: bool,
    label: str = "behaviour",
) -> list[float]:
    """Train until the epochs are over or validation stops getting better; leaves the best weights in the network.

    Gives the validation loss of each epoch. `identity` is what makes the run what it is besides recipe, sizes and data;
    of several processes each draws from `seed`. Errors: TrainingError.
    """
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = recipe.dropout
    rate = recipe.rate * (GENTLE if gentle else 1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=recipe.decay)
    pieces = fitted.count(np.random.default_rng(0))
    steps = recipe.epochs * math.ceil(pieces * 1.02)  # orders differ a little in their number
    identity = {
        **(identity or {}),
        "recipe": asdict(recipe),
        "sizes": network.sizes.as_dict(),
        "events": [part.purchases.fingerprint() for part in (fitted, held)],
        "precision": precision,
    }
    return run(
        BehaviourTask(network, fitted, held, recipe, team),
        optimizer,
        Rates(optimizer, "one-cycle", steps, warm_up=recipe.warm_up),
        Settings(recipe.epochs, recipe.patience, clip=recipe.clip, precision=precision, seed=seed),
        random=rng,
        team=team,
        checkpoints=place.checkpoints(identity),
        log_dir=place.log_dir,
        watch=watch,
        progress=progress,
        label=label,
    )


def outputs(network: Recurrent, pieces: Pieces) -> Iterator[Outputs]:
    network.eval()
    with torch.no_grad():
        yield from pieces.forward(network, None)


def _validation_loss(outputs: Iterable[Outputs]) -> float:
    total, n = 0.0, 0
    for logits, _, category, _ in outputs:
        total += float(F.cross_entropy(logits, category, ignore_index=UNKNOWN, reduction="sum"))
        n += int((category >= 0).sum())
    return total / max(n, 1)


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device
