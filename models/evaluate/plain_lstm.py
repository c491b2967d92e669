"""The second floor: a plain LSTM over categories, with the log of the user's own frequencies added by learnt gates.

It reads what the shipped model reads (category, new basket, time gap), has twice its units, and is fitted in the same
run on the same households with the same schedule; what it lacks is the rest of the shipped model.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from models.behaviour.cells import State
from models.behaviour.habits import HALF_DAYS
from models.behaviour.network import MASKED, Memory, Recurrent, Sizes
from models.behaviour.tokens import BEFORE_PRICES
from models.data.journey import Purchases
from models.data.splits import TRAIN, VALIDATION
from models.evaluate.fitted import fitted_ranks
from models.train.behaviour_fit import Pieces, Recipe, fit

UNITS = 128
EPOCHS = 4
FLOOR = 0.05  # added to a frequency before its log, for what was never bought


class PlainLstm(Recurrent):
    """LSTM, one output layer, two gates on the log frequency."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.lstm = nn.LSTM(sizes.embedding + sizes.numeric, sizes.hidden)
        self.out = nn.Linear(sizes.hidden, sizes.categories + 1)
        self.gates = nn.Linear(sizes.hidden, 2)
        nn.init.zeros_(self.gates.weight)

    def recur(self, inputs: Tensor, days: Tensor, widths: Tensor, state: State) -> tuple[Tensor, State]:
        packed, state = self.lstm(PackedSequence(inputs, widths), state)
        return packed.data, state

    def logits(self, h: Tensor, memory: Memory) -> Tensor:
        weight = memory.weight * torch.exp2(memory.age * (-1 / (24 * HALF_DAYS)))
        gates = self.gates(h)
        own = gates[:, :1] * torch.log(weight + FLOOR) + gates[:, 1:] * (weight > 0).float()
        logits: Tensor = self.out(h)
        return (logits + F.pad(own, (0, 1))).masked_fill(F.pad(memory.basket, (0, 1)), MASKED)

    def week_logit(self, h: Tensor, memory: Memory) -> Tensor:
        """This floor answers one question only."""
        return torch.zeros(len(h))


def plain_ranks(events: Purchases, asked: Purchases, *, seed: int = 7, progress: bool = True) -> NDArray[np.int64]:
    """Fit on the training households of `events` -> (n,) rank of the category after each of the asked events.

    Ranks of 302 and more: not offered, or no target.
    """
    torch.manual_seed(seed)
    sizes = Sizes(len(events.categories), hidden=UNITS, numeric=BEFORE_PRICES)
    end_ms = int(events.times_ms.max())
    network = PlainLstm(sizes)
    fitted, held = (Pieces(events.of_buckets(*wanted), end_ms, sizes) for wanted in (TRAIN, (VALIDATION,)))
    rng = np.random.default_rng(seed)
    fit(network, fitted, held, Recipe(epochs=EPOCHS), rng, progress=progress, label="plain LSTM")
    asking = Pieces(asked, end_ms, sizes)
    return fitted_ranks(network, asking)
