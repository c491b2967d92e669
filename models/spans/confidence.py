"""From the share of an answer to the chance that it is right, which is greater for values that training saw."""

from __future__ import annotations

import math
from dataclasses import dataclass

EDGE = 1e-4  # shares nearer to 0 or 1 than this count as this near: no chance is certain


@dataclass(frozen=True, slots=True)
class Curve:
    """A logistic curve on the share's log odds (Platt scaling), one for values that the attribute had in training and
    one for all other answers. Both rise."""

    slope: float
    offset: float
    known_slope: float
    known_offset: float

    def __post_init__(self) -> None:
        if min(self.slope, self.known_slope) <= 0:
            raise ValueError(f"a curve of confidence must rise: {self}")

    def __call__(self, share: float, *, known: bool) -> float:
        """0 to 1 -> 0 to 1."""
        slope, offset = (self.known_slope, self.known_offset) if known else (self.slope, self.offset)
        return 1 / (1 + math.exp(-(slope * log_odds(share) + offset)))


def log_odds(share: float) -> float:
    """ln(p / (1 - p)), with p kept EDGE away from 0 and 1."""
    kept = min(max(share, EDGE), 1 - EDGE)
    return math.log(kept / (1 - kept))
