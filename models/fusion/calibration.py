"""Temperatures of the fused model, one pair for each set of modalities that may be there.

Without its picture a product is answered from less, and how much less sure that should be is measured, not assumed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.fusion.network import PICTURE, TEXT

BOTH, TEXT_ALONE, PICTURE_ALONE, NEITHER = "text and picture", "text alone", "picture alone", "neither"
KINDS = (BOTH, TEXT_ALONE, PICTURE_ALONE, NEITHER)


def kinds(there: Tensor) -> NDArray[np.int64]:
    """(n, 3) which modalities there are -> (n,) place in KINDS."""
    text, picture = there[:, TEXT].numpy(), there[:, PICTURE].numpy()
    return np.where(text, np.where(picture, 0, 1), np.where(picture, 2, 3)).astype(np.int64)


def temperatures_of(there: Tensor, known: Mapping[str, tuple[float, float]]) -> Tensor:
    """(n, 2) temperatures of both levels for each product."""
    table = torch.tensor([known[kind] for kind in KINDS])
    return table[torch.from_numpy(kinds(there))]
