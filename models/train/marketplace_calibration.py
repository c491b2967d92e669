"""Temperatures of the fused model from held-out products, each shown whole and with a modality hidden."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.fusion.calibration import BOTH, NEITHER, PICTURE_ALONE, TEXT_ALONE
from models.fusion.network import FusionNetwork, Inputs
from models.train.marketplace_fit import Labels
from models.train.temperature import temperature

_SHOWN = {BOTH: (True, True, True), TEXT_ALONE: (True, False, True), PICTURE_ALONE: (False, True, True)}


def calibrate(network: FusionNetwork, held_out: Inputs, labels: Labels) -> dict[str, tuple[float, float]]:
    """Temperatures of both levels by kind; 1 where there is neither text nor picture: nothing is claimed then.

    What is missing may flatten an answer, never sharpen it: a few easy held-out products must not make the model surer
    of less.
    """
    found = {NEITHER: (1.0, 1.0)}
    for kind, shown in _SHOWN.items():
        with torch.inference_mode():
            first, second = network.forward(held_out.only(torch.tensor([shown])))
            known = labels.second >= 0
            siblings = network.siblings(second[known], labels.first[known])
        best = (
            temperature(first.numpy(), _counts(labels.first, first.shape[1])),
            temperature(siblings.numpy(), _counts(labels.second[known], second.shape[1])),
        )
        least = found.get(BOTH, (0.0, 0.0))
        found[kind] = (round(max(best[0], least[0]), 5), round(max(best[1], least[1]), 5))
    return found


def _counts(codes: Tensor, labels: int) -> NDArray[np.float32]:
    """(n, labels) one where the label is true; a row of zeros for one that was not taught."""
    table = np.concatenate([np.eye(labels, dtype=np.float32), np.zeros((1, labels), dtype=np.float32)])
    counts: NDArray[np.float32] = table[codes.numpy()]
    return counts
