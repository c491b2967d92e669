"""The network of sessions: the chance that a session still brings a purchase, from its counters.

    features, two rates ──► standardised, cut at 6 ─┬─► linear ───────────────────┐
                                                    └─► hidden layer ──► linear ──┴─► logit of one member

Few sessions end in a purchase, so the logit is the mean over several members that began from other weights
(Lakshminarayanan et al. 2017, arXiv:1612.01474), with slope and intercept from validation (Platt 1999).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.session.counters import FEATURES

RATES = 2  # of the product and of its category
INPUTS = len(FEATURES) + RATES
HIDDEN = 24
MEMBERS = 4
CUT = 6.0  # standard deviations: what lies further says no more


class SessionNetwork(nn.Module):
    """Weights of all members side by side. Constructing draws random ones; `load_state_dict` brings trained ones."""

    def __init__(self, members: int = MEMBERS, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.linear = nn.Parameter(torch.zeros(members, INPUTS, 1))
        self.first = nn.Parameter(torch.randn(members, INPUTS, hidden) * INPUTS**-0.5)
        self.first_bias = nn.Parameter(torch.zeros(members, 1, hidden))
        self.second = nn.Parameter(torch.randn(members, hidden, 1) * 0.1 * hidden**-0.5)
        self.bias = nn.Parameter(torch.zeros(members, 1, 1))
        self.drop = nn.Dropout(0.3)
        self.register_buffer("mean", torch.zeros(INPUTS))
        self.register_buffer("scale", torch.ones(INPUTS))
        self.register_buffer("platt", torch.tensor([1.0, 0.0]))  # slope and intercept on the logit

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, INPUTS) -> (members, n) logits."""
        x = ((inputs - self.get_buffer("mean")) / self.get_buffer("scale")).clamp(-CUT, CUT)
        x = x.expand(len(self.linear), *x.shape)  # (members, n, INPUTS)
        hidden = self.drop(F.relu(torch.baddbmm(self.first_bias, x, self.first)))  # (members, n, hidden)
        logits: Tensor = (torch.baddbmm(self.bias, x, self.linear) + hidden @ self.second).squeeze(2)
        return logits

    def probability(self, inputs: Tensor) -> Tensor:
        """(n, INPUTS) -> (n,) calibrated chance of a purchase."""
        slope, intercept = self.get_buffer("platt").unbind()
        return torch.sigmoid(self(inputs).mean(dim=0) * slope + intercept)
