"""Latencies as counts on a logarithmic scale: percentiles to 2 % of any number of values, in constant memory."""

import numpy as np
from numpy.typing import NDArray

LOWEST_MS = 0.01
STEP = 1.02  # each bucket reaches 2 % further than the one before
BUCKETS = 1_000  # up to 0.01 ms * 1.02^1000, about an hour
PERCENTILES = (50, 90, 99)


class Latencies:
    """Counts of latencies in milliseconds."""

    def __init__(self) -> None:
        self._counts = np.zeros(BUCKETS, np.int64)
        self.max_ms = 0.0

    def __len__(self) -> int:
        return int(self._counts.sum())

    def add(self, values_ms: NDArray[np.float64]) -> None:
        """Count (n,) latencies."""
        if len(values_ms):
            place = np.ceil(np.log(np.maximum(values_ms, LOWEST_MS) / LOWEST_MS) / np.log(STEP)).astype(np.int64)
            np.add.at(self._counts, np.minimum(place, BUCKETS - 1), 1)
            self.max_ms = max(self.max_ms, float(values_ms.max()))

    def percentile(self, percent: float) -> float:
        """The milliseconds that so many percent did not exceed, rounded up to their bucket; nan if there is none."""
        total = len(self)
        if not total:
            return float("nan")
        rank = max(1, int(np.ceil(total * percent / 100)))
        place = int(np.searchsorted(np.cumsum(self._counts), rank))
        return float(min(LOWEST_MS * STEP**place, self.max_ms))

    def summary(self) -> dict[str, float | int | None]:
        """p50_ms, p90_ms, p99_ms, max_ms and the count n; None where nothing was counted."""
        n = len(self)
        found = {f"p{percent}_ms": round(self.percentile(percent), 2) if n else None for percent in PERCENTILES}
        return {**found, "max_ms": round(self.max_ms, 2) if n else None, "n": n}


class RecentLatencies:
    """The latencies of the last `span_s` to twice that: what the live view shows beside the whole run."""

    def __init__(self, span_s: float = 5.0) -> None:
        self._span_s = span_s
        self._since = 0.0
        self._now, self._before = Latencies(), Latencies()

    def add(self, values_ms: NDArray[np.float64], at_s: float) -> None:
        """Count (n,) latencies seen at a time of the caller's clock."""
        if at_s - self._since > self._span_s:
            self._since, self._before, self._now = at_s, self._now, Latencies()
        self._now.add(values_ms)

    def percentile(self, percent: float) -> float:
        """See `Latencies.percentile`; of the last full span, or of the running one while there is no other."""
        return (self._before if len(self._before) else self._now).percentile(percent)
