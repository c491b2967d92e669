"""The LSTM with a gate in front of each token: open, the token is read; shut, it was never there.

    state = state before + share * (state after reading the token - state before)

Between the two lies the straight line of integrated gradients (Sundararajan et al., arXiv:1703.01365): its baseline,
all gates shut, is a user of whom nothing was read. Only `Recurrent.encode` is called, whatever recurrence lies behind.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.behaviour.network import Inputs, Recurrent
from models.behaviour.tokens import Tokens


class GatedMemory:
    """The tokens of one user, read after a state; gate 0 is that state, gate 1 the first token."""

    def __init__(self, network: Recurrent, tokens: Tokens, h: NDArray[np.float32], c: NDArray[np.float32]) -> None:
        """(t,) tokens in order; (hidden,) the state before them."""
        self._network = network
        self._tokens = Inputs(*map(torch.from_numpy, (tokens.category, tokens.product, tokens.numeric())))
        self._start = torch.from_numpy(np.stack([h, c]))  # (2, hidden)
        self.gates = 1 + len(tokens.users)

    def __call__(self, shares: Tensor) -> Tensor:
        """(n, gates) how far each gate is open -> (n, hidden) h after the last token; differentiable."""
        n = len(shares)
        state = shares[:, 0, None] * self._start[:, None, :]  # (2, n, hidden)
        for place in range(self.gates - 1):
            _, (h, c) = self._network.encode(
                Inputs(*(column[place].expand(n, *column.shape[1:]) for column in self._tokens)),
                torch.tensor([n]),
                (state[:1], state[1:]),
            )
            state = state + shares[:, place + 1, None] * (torch.cat([h, c]) - state)
        return state[0]
