"""What the titles should be answered with, and the loss of a network that answers them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.text.heads import Heads
from models.text.layout import Layout
from models.train.title_examples import Examples

DOMAIN_WEIGHT = 0.3  # telling the three catalogues apart is easy; it must not drown the heads


class Targets:
    """Shares of each label per title, and what each title weighs, ready as tensors."""

    def __init__(self, given: Examples, layout: Layout, count_power: float) -> None:
        self._layout = layout
        self._starts = given.starts
        self._domains = torch.from_numpy(given.domains)
        self._shares: dict[str, Tensor] = {}
        self._weights: dict[str, Tensor] = {}
        for key, counts in given.counts.items():
            rows = torch.from_numpy(counts.sum(axis=1))  # (m,) 0 where the label is unknown: no loss there
            self._shares[key] = torch.from_numpy(counts) / rows.clamp(min=1).unsqueeze(1)
            weights = rows**count_power
            self._weights[key] = weights / weights.mean()

    def loss(self, network: Heads, pooled: Tensor, rows: NDArray[np.int64]) -> Tensor:
        """Cross-entropy of the domain and of every head, summed over heads and divided by the number of titles.

        `pooled` (m, width) are the training titles number `rows` (m,).
        """
        total = DOMAIN_WEIGHT * functional.cross_entropy(network.domain_logits(pooled), self._domains[rows])
        for place, domain in enumerate(self._layout.domains):
            first, last = self._starts[place], self._starts[place + 1]
            own = np.flatnonzero((rows >= first) & (rows < last))
            inside = torch.from_numpy(rows[own] - first)
            for key, logits_ in network.head_logits(domain.name, pooled[torch.from_numpy(own)]).items():
                each = -(self._shares[key][inside] * functional.log_softmax(logits_, dim=1)).sum(dim=1)  # (m,)
                total = total + (each * self._weights[key][inside]).sum() / len(rows)
        return total
