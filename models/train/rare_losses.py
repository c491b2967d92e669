"""Losses for classes of very unequal size. All take (n, classes) logits and (n,) codes, and give a mean.

class weights       effective number of samples: Cui et al. 2019, arXiv:1901.05555
focal               Lin et al. 2017, arXiv:1708.02002
logit adjustment    Menon et al. 2021, arXiv:2007.07314
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]
BETA = 0.999  # a class of some thousand rows and more counts as seen enough
GAMMA = 2.0  # of the focal loss: the paper's best
TAU = 1.0  # of the logit adjustment: the value that is consistent for the balanced error


def effective_weights(counts: NDArray[np.int64], beta: float = BETA) -> Tensor:
    """(classes,) rows of each class -> (classes,) float32 weights, 1 on average over the rows.

    The weight is that of 1 / (1 + beta + beta² + ...), one term a row: rows of a class overlap in what they tell.
    Classes without a row have weight 0.
    """
    weights = np.where(counts > 0, (1 - beta) / np.maximum(1 - beta ** counts.astype(np.float64), 1e-12), 0.0)
    return torch.from_numpy((weights * counts.sum() / (weights * counts).sum()).astype(np.float32))


def weighted(counts: NDArray[np.int64], beta: float = BETA) -> Loss:
    """Cross-entropy, each row with the weight of its class."""
    weights = effective_weights(counts, beta)

    def loss(logits: Tensor, codes: Tensor) -> Tensor:
        each = functional.cross_entropy(logits, codes, reduction="none")
        return (each * weights.to(each)[codes]).mean()

    return loss


def focal(gamma: float = GAMMA) -> Loss:
    """Cross-entropy times (1 - p)^gamma: what is answered well already counts little."""

    def loss(logits: Tensor, codes: Tensor) -> Tensor:
        each = functional.cross_entropy(logits, codes, reduction="none")
        return ((1 - torch.exp(-each)) ** gamma * each).mean()

    return loss


def adjusted(counts: NDArray[np.int64], tau: float = TAU) -> Loss:
    """Cross-entropy of logits + tau · log share of the class: the network learns what the shares do not tell.

    The logits without the addition, as the network gives them, are then those of classes of equal size.
    """
    shares = np.maximum(counts, 0.5) / counts.sum()
    offset = torch.from_numpy((tau * np.log(shares)).astype(np.float32))

    def loss(logits: Tensor, codes: Tensor) -> Tensor:
        return functional.cross_entropy(logits + offset.to(logits), codes)

    return loss
