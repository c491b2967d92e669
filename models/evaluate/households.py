"""Means over events with 95 % intervals over households: whole households are drawn, since their events are alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluate.metrics import ECE_BINS

REPLICATES = 1_000


class Households:
    """Sums by household, so that a bootstrap sample is a product of two small matrices."""

    def __init__(self, household: NDArray[np.integer], seed: int = 0) -> None:
        _, self.code = np.unique(household, return_inverse=True)
        self.count = int(self.code.max()) + 1
        drawn = np.random.default_rng(seed).multinomial(self.count, [1 / self.count] * self.count, REPLICATES)
        self.weights = drawn.astype(np.float64)  # (REPLICATES, households)

    def mean(self, values: NDArray[Any], counted: NDArray[np.bool_] | None = None) -> tuple[int, float, float, float]:
        """(n,) values, which of them count -> number of cases, mean, lower and upper end of the interval."""
        chosen = slice(None) if counted is None else counted
        code, value = self.code[chosen], np.asarray(values, np.float64)[chosen]
        cases = np.bincount(code, minlength=self.count).astype(np.float64)
        sums = np.bincount(code, value, minlength=self.count)
        drawn = (self.weights @ sums) / np.maximum(self.weights @ cases, 1)
        low, high = np.percentile(drawn, [2.5, 97.5])
        return len(code), float(value.mean()), float(low), float(high)

    def calibration(
        self, confidence: NDArray[np.floating], truth: NDArray[Any], counted: NDArray[np.bool_] | None = None
    ) -> tuple[int, float, float, float]:
        """Expected calibration error over 15 equal bins: cases, error, lower and upper end."""
        chosen = slice(None) if counted is None else counted
        code = self.code[chosen]
        chance, right = np.asarray(confidence, np.float64)[chosen], np.asarray(truth, np.float64)[chosen]
        cell = code * ECE_BINS + np.minimum((chance * ECE_BINS).astype(np.int64), ECE_BINS - 1)
        gaps = np.bincount(cell, chance - right, self.count * ECE_BINS).reshape(self.count, ECE_BINS)
        cases = np.bincount(code, minlength=self.count).astype(np.float64)
        drawn = np.abs(self.weights @ gaps).sum(axis=1) / np.maximum(self.weights @ cases, 1)
        low, high = np.percentile(drawn, [2.5, 97.5])
        return len(code), float(np.abs(gaps.sum(axis=0)).sum() / cases.sum()), float(low), float(high)
