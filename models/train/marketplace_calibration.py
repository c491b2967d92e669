"""Temperatures of the fused model from products that no training saw, each shown whole and with a modality hidden.

The validation bucket alone is too small: a hundred easy products made the model surer than it had reason to be. So the
training buckets take turns at being left out, and all products of them and of validation are asked once, each of a
network that was not taught it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.fusion.calibration import BOTH, NEITHER, PICTURE_ALONE, TEXT_ALONE
from models.fusion.network import FAR, FusionNetwork, Inputs
from models.train.marketplace_fit import Labels
from models.train.temperature import temperature

_SHOWN = {BOTH: (True, True, True), TEXT_ALONE: (True, False, True), PICTURE_ALONE: (False, True, True)}
_STEP = 1.02  # of a temperature that is raised until less shown is not surer than all of it

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Turn:
    """A network, and products that it was not taught."""

    network: FusionNetwork
    held_out: Inputs
    labels: Labels


def calibrate(turns: Sequence[Turn]) -> dict[str, tuple[float, float]]:
    """Temperatures of both levels by kind; 1 where there is neither text nor picture: nothing is claimed then.

    What is missing may not make the model surer: over all products, its mean confidence is at most that of all shown.
    """
    found = {NEITHER: (1.0, 1.0)}
    most: dict[int, float] = {}  # by level
    for kind, shown in _SHOWN.items():
        pair: list[float] = []
        for level in (0, 1):
            logits, counts = _asked(turns, shown, level)
            best = temperature(logits, counts)
            limit = most.setdefault(level, _sure(logits, best))
            while _sure(logits, best) > limit + 1e-9:
                best *= _STEP
            pair.append(round(best, 5))
        found[kind] = (pair[0], pair[1])
    return found


def _asked(turns: Sequence[Turn], shown: tuple[bool, bool, bool], level: int) -> tuple[Floats, Floats]:
    """(n, labels) logits of one level and one where the label is true, over all turns; FAR and 0 past a turn's end.

    Of the second level only products whose first level was taught, among the second levels under it.
    """
    parts: list[tuple[Tensor, Tensor]] = []
    for turn in turns:
        with torch.inference_mode():
            first, second = turn.network.forward(turn.held_out.only(torch.tensor([shown])))
            if level == 0:
                parts.append((first, turn.labels.first))
            else:
                known = turn.labels.second >= 0
                siblings = turn.network.siblings(second[known], turn.labels.first[known])
                parts.append((siblings, turn.labels.second[known]))
    width = max(logits.shape[1] for logits, _ in parts)
    logits = np.concatenate(
        [np.pad(one.numpy(), ((0, 0), (0, width - one.shape[1])), constant_values=FAR) for one, _ in parts]
    )
    return logits, np.concatenate([_counts(codes, width) for _, codes in parts])


def _sure(logits: Floats, divisor: float) -> float:
    """The mean confidence at a temperature."""
    return float(torch.softmax(torch.from_numpy(logits) / divisor, dim=1).amax(dim=1).mean())


def _counts(codes: Tensor, labels: int) -> Floats:
    """(n, labels) one where the label is true; a row of zeros for one that was not taught."""
    table = np.concatenate([np.eye(labels, dtype=np.float32), np.zeros((1, labels), dtype=np.float32)])
    counts: Floats = table[codes.numpy()]
    return counts
