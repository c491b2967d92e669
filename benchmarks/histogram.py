"""Durations in an HdrHistogram: three digits of each, from a microsecond to ten minutes, in fixed memory."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram

LOWEST_US, HIGHEST_US, DIGITS = 1, 600_000_000, 3
# Evenly spaced in orders of magnitude from the top, as a percentile curve is drawn.
CURVE = (0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99, 100)


class Durations:
    """A histogram of durations in seconds."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)

    def add(self, seconds: float) -> None:
        """One duration; what is shorter than a microsecond counts as one."""
        self._histogram.record_value(min(HIGHEST_US, max(LOWEST_US, round(seconds * 1e6))))

    def extend(self, seconds: Iterable[float] | np.ndarray) -> None:
        """Many durations."""
        for one in seconds:
            self.add(one)

    def ms(self, percentile: float) -> float:
        """The duration in milliseconds that so many per cent do not exceed."""
        return float(self._histogram.get_value_at_percentile(percentile)) / 1e3

    def summary(self) -> dict[str, Any]:
        """Percentiles in milliseconds and the points of the percentile curve, ready for JSON."""
        named = {f"p{name}_ms": self.ms(name) for name in (10, 50, 90, 99)}
        return {
            **named,
            "p99_9_ms": self.ms(99.9),
            "max_ms": self.ms(100),
            "events": int(self._histogram.get_total_count()),
            "curve_ms": [[point, self.ms(point)] for point in CURVE],
        }
