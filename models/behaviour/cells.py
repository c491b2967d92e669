"""The time-aware LSTM: what a cell learnt of late fades with the days that have passed.

    short = tanh(W c + b)          the part of the cell that is of the moment
    c     = c - short + short / log(e + days since the last token)
then one step of an LSTM. A part is learnt for every cell, nothing is lost within a basket, and weights of zero leave
an LSTM. Source: Baytas et al., Patient Subtyping via Time-Aware LSTM Networks, KDD 2017, section 3.1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PARAMETERS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")  # of nn.LSTM
State = tuple[Tensor, Tensor]  # h and c, (1, r, hidden) each


def lost(days: Tensor) -> Tensor:
    """(t,) days since the last token -> (t,) share of the short-term part that is gone; 0 within a basket."""
    return 1 - 1 / (1 + torch.log1p(days / math.e))  # log(e + days), exactly 1 where no day has passed


class TimeAwareLstm(nn.LSTM):
    """One layer; parameters as nn.LSTM, and `short`, which begins at zero: as an LSTM."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__(inputs, hidden)
        self.short = nn.Linear(hidden, hidden)
        nn.init.zeros_(self.short.weight)
        nn.init.zeros_(self.short.bias)

    def over(self, inputs: Tensor, days: Tensor, widths: Tensor, state: State) -> tuple[Tensor, State]:
        """Shapes: (t, inputs) and (t,) by steps of a schedule, (steps,) widths, the state by rank -> (t, hidden) after
        each token, and the state after all.
        """
        of_inputs, of_state, *biases = (self.get_parameter(name) for name in PARAMETERS)
        gates = F.linear(inputs, of_inputs, biases[0] + biases[1])  # (t, 4 hidden)
        gone = lost(days)[:, None]
        h, c = state[0][0], state[1][0]
        after: list[Tensor] = []
        ended: list[State] = []
        start = 0
        for width in widths.tolist():
            if width < len(c):
                ended.append((h[width:], c[width:]))
                h, c = h[:width], c[:width]
            c = c - torch.tanh(self.short(c)) * gone[start : start + width]
            into, keep, new, out = (gates[start : start + width] + F.linear(h, of_state)).chunk(4, dim=1)
            c = torch.sigmoid(keep) * c + torch.sigmoid(into) * torch.tanh(new)
            h = torch.sigmoid(out) * torch.tanh(c)
            after.append(h)
            start += width
        ended.append((h, c))
        h, c = (torch.cat(parts)[None] for parts in zip(*reversed(ended), strict=True))
        return torch.cat(after), (h, c)
