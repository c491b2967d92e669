"""From the likeliest label's probability to a chance that is right as often as it says.

    ln(c / (1 - c)) = rising ln p - falling ln(1 - p) + offset

Beta calibration (Kull, Silva Filho and Flach 2017) of the likeliest label alone. A temperature bends all confidences
one way; this can lower those near 1 and raise those in the middle at once. The likeliest label stays the likeliest, and
the others share what is left as they did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

EDGE = 1e-4  # probabilities nearer to 0 or 1 than this count as this near: no chance is certain
_TINY = 1e-20
_HAIR = 1e-5


@dataclass(frozen=True, slots=True)
class Curve:
    """One head's curve; it never falls."""

    rising: float  # at least 0
    falling: float  # at least 0
    offset: float

    def __post_init__(self) -> None:
        if min(self.rising, self.falling) < 0:
            raise ValueError(f"a curve of confidence must not fall: {self}")

    def chance(self, top: Tensor) -> Tensor:
        """Any shape of probabilities -> chances of the same shape."""
        kept = top.clamp(EDGE, 1 - EDGE)
        return torch.sigmoid(self.rising * kept.log() - self.falling * torch.log1p(-kept) + self.offset)

    def bend(self, shares: Tensor) -> Tensor:
        """(n, labels) rows that sum to 1 -> the same with the chance of the likeliest label in its place."""
        if len(shares) == 0 or shares.shape[1] < 2:
            return shares
        top, best = shares.max(dim=1, keepdim=True)  # (n, 1) each
        others = (shares + _TINY).scatter(1, best, 0.0)  # above 0, so that something can be shared out
        left = others.sum(dim=1, keepdim=True)  # more exact than 1 - top where that is near 0
        second = others.amax(dim=1, keepdim=True)
        # Below this another label would become the likeliest; without the hair above it, a rounding could do it.
        chance = torch.maximum(self.chance(top), second / (left + second) * (1 + _HAIR))
        return (others * ((1 - chance) / left)).scatter(1, best, chance)


def calibrated(mean: Tensor, temperature: float, curve: Curve | None = None) -> Tensor:
    """(n, labels) logarithms of probabilities -> probabilities at this temperature, bent where there is a curve."""
    shares = torch.softmax(mean / temperature, dim=1)
    return shares if curve is None else curve.bend(shares)


def curves_of(inputs: Mapping[str, Any]) -> dict[str, Curve]:
    """The curves of an artifact by head key; none in those of before there were any. Errors: TypeError, ValueError."""
    return {key: Curve(*(float(number) for number in numbers)) for key, numbers in inputs.get("curves", {}).items()}
