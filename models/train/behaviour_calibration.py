"""Temperatures of the behaviour model, fitted on households it was not trained on.

Categories: one temperature, the minimum of the log loss over a grid (Guo et al. 2017, arXiv:1706.04599). Purchase
within a week: slope and intercept on the logit (Platt 1999), by Newton's method.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.behaviour import BehaviourNetwork

GRID = np.arange(0.8, 1.41, 0.02)
SAMPLE = 40_000  # events for the temperature: its minimum is flat, more changes nothing


def calibrate(network: BehaviourNetwork, outputs: Sequence[tuple[Tensor, Tensor, Tensor, Tensor]]) -> dict[str, float]:
    """Set the network's temperatures from (logits, week logits, category targets, week targets); returns them."""
    stride = max(1, sum(len(logits) for logits, *_ in outputs) // SAMPLE)
    logits = torch.cat([piece[0][::stride] for piece in outputs])
    category = torch.cat([piece[2][::stride] for piece in outputs])
    losses = [float(F.cross_entropy(logits / float(t), category, ignore_index=-100)) for t in GRID]
    temperature = float(GRID[int(np.argmin(losses))])

    week_logits, week = torch.cat([piece[1] for piece in outputs]), torch.cat([piece[3] for piece in outputs])
    slope, intercept = platt(week_logits[week >= 0].double().numpy(), week[week >= 0].double().numpy())
    with torch.no_grad():
        network.get_buffer("temperature").fill_(temperature)
        network.get_buffer("week_scale").copy_(torch.tensor([slope, intercept]))
    return {"temperature": round(temperature, 3), "week_slope": round(slope, 4), "week_intercept": round(intercept, 4)}


def platt(
    logits: np.ndarray, truth: np.ndarray, rounds: int = 20, counts: np.ndarray | None = None
) -> tuple[float, float]:
    """(n,) logits, (n,) 0 or 1 -> slope and intercept that minimise the log loss of sigmoid(slope * x + intercept).

    `counts` (n,): how many times each case counts; None: once.
    """
    if not 0 < truth.mean() < 1:
        return 1.0, 0.0  # one outcome only says nothing about a slope
    x = np.stack([logits, np.ones_like(logits)], axis=1)
    times = np.ones(len(x)) if counts is None else counts
    weights = np.array([1.0, 0.0])
    for _ in range(rounds):
        chance = 1 / (1 + np.exp(-np.clip(x @ weights, -40, 40)))
        curve = (x * (times * chance * (1 - chance))[:, None]).T @ x + 1e-6 * np.eye(2)
        weights -= np.linalg.solve(curve, x.T @ (times * (chance - truth)))
    return float(weights[0]), float(weights[1])
