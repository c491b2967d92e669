"""Whether something grows: a straight line through samples, with an interval that neighbours' likeness does not narrow.

Samples of memory a few seconds apart resemble each other, so a fit through all of them is far too sure of itself. Here
they are averaged over blocks of time first, and the line goes through the blocks' means.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

BLOCKS = 20
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Slope:
    """Units of the values an hour, with the bounds of the 95 % interval."""

    per_hour: float
    low: float
    high: float

    @property
    def is_noise(self) -> bool:
        """Whether no growth at all would explain the samples."""
        return self.low <= 0


def slope(seconds: Sequence[float], values: Sequence[float], blocks: int = BLOCKS) -> Slope:
    """The trend of the values. Errors: ValueError with less than three blocks' worth of samples."""
    blocks = min(blocks, len(values))
    if blocks < 3:
        raise ValueError(f"{len(values)} samples are too few for a trend; three are needed")
    means = [
        (float(np.mean(t)), float(np.mean(v)))
        for t, v in zip(np.array_split(seconds, blocks), np.array_split(values, blocks), strict=True)
    ]
    times, levels = zip(*means, strict=True)
    fit = stats.linregress(times, levels)
    margin = float(stats.t.ppf((1 + CONFIDENCE) / 2, blocks - 2)) * float(fit.stderr)
    rise = float(fit.slope)
    return Slope(3600 * rise, 3600 * (rise - margin), 3600 * (rise + margin))
