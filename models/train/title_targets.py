"""What the titles should be answered with, and the loss of a network that answers them.

hard   shares of the labels that a title has in the data; no loss where none is known
soft   a teacher's probabilities, also where no label is known

A title with labels in a head counts by the number of its rows, one without as much as the mean of the others.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.text.heads import Heads
from models.text.layout import Layout
from models.train.distillation import Lessons, soft_cross_entropy
from models.train.title_examples import Examples

DOMAIN_WEIGHT = 0.3  # telling the three catalogues apart is easy; it must not drown the heads


class Targets:
    """Shares of each label per title, and what each title weighs, ready as tensors."""

    def __init__(self, given: Examples, layout: Layout, count_power: float, lessons: Lessons | None = None) -> None:
        """`lessons`, where there is a teacher, are of just these titles."""
        self._layout = layout
        self._starts = given.starts
        self._domains = torch.from_numpy(given.domains)
        self._shares: dict[str, Tensor] = {}
        self._weights: dict[str, Tensor] = {}
        self._how = None if lessons is None else lessons.how
        self._soft = {} if lessons is None else lessons.soft()
        for key, counts in given.counts.items():
            rows = torch.from_numpy(counts.sum(axis=1))  # (m,) 0 where the label is unknown: no hard loss there
            self._shares[key] = torch.from_numpy(counts) / rows.clamp(min=1).unsqueeze(1)
            weights = rows**count_power
            # Titles that only the teacher labels must not make the others weigh more.
            self._weights[key] = weights / (weights if lessons is None else weights[rows > 0]).mean()

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
                total = total + self._head(key, logits_, inside) / len(rows)
        return total

    def _head(self, key: str, logits: Tensor, inside: Tensor) -> Tensor:
        """Summed loss of one head: (m, labels) logits of the titles `inside` (m,) of its domain."""
        weights = self._weights[key][inside]
        each = -(self._shares[key][inside] * functional.log_softmax(logits, dim=1)).sum(dim=1)  # (m,)
        hard = (each * weights).sum()
        if self._how is None:
            return hard
        soft = soft_cross_entropy(logits, self._soft[key][inside], self._how.temperature)  # (m,)
        heard = (soft * torch.where(weights > 0, weights, 1.0)).sum()
        return (1 - self._how.share) * hard + self._how.share * heard
