"""Metrics of a closed-set classifier, each a function of weighted cases so that a bootstrap is a change of weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ECE_BINS = 15
PRECISION = 0.98  # what a catalogue team asks of answers that nobody checks
REPLICATES = 500  # bootstrap samples: the ends of a 95 % interval then rest on 12 samples each
HONEST = "ECE if its confidences were exact"  # what `honest_error` is called in the tables
RARE_ROWS = 5  # fewer training rows than this: no model is asked to know the class


@dataclass(frozen=True, slots=True)
class Cases:
    """n answered cases. Labels are codes from 0; a true label that was never taught has a code of its own."""

    truth: NDArray[np.int64]  # (n,)
    predicted: NDArray[np.int64]  # (n,)
    confidence: NDArray[np.float32]  # (n,) of the predicted label
    groups: NDArray[np.int64]  # (n,) codes from 0 of what is drawn together in a bootstrap

    def __len__(self) -> int:
        return len(self.truth)


Metric = Callable[[Cases, NDArray[np.float64]], float]  # cases and their weights -> value


def accuracy(cases: Cases, weights: NDArray[np.float64]) -> float:
    """Share of cases answered right."""
    return float(weights[cases.truth == cases.predicted].sum() / weights.sum())


def macro_f1(cases: Cases, weights: NDArray[np.float64], labels: NDArray[np.int64] | None = None) -> float:
    """Mean over the labels that are true somewhere (or over those of `labels` that are) of their F1; nan if none is.

    A label whose every case has weight 0 keeps the F1 of the unweighted cases: were it left out, a bootstrap sample,
    which often misses the rarest labels, would look better than the whole.
    """
    size = int(max(cases.truth.max(), cases.predicted.max())) + 1
    f1, weight = _f1(cases, weights, size)
    whole, rows = _f1(cases, np.ones(len(cases)), size)
    present = rows > 0
    if labels is not None:
        present &= np.isin(np.arange(size), labels)
    return float(np.where(weight > 0, f1, whole)[present].mean()) if present.any() else float("nan")


def _f1(cases: Cases, weights: NDArray[np.float64], size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(size,) F1 of each label, and the weight of the cases in which it is true."""
    actual = np.bincount(cases.truth, weights, size)
    claimed = np.bincount(cases.predicted, weights, size)
    right = cases.truth == cases.predicted
    hits = np.bincount(cases.truth[right], weights[right], size)
    f1: NDArray[np.float64] = 2 * hits / np.maximum(actual + claimed, 1e-12)
    return f1, actual.astype(np.float64)


def calibration_error(cases: Cases, weights: NDArray[np.float64]) -> float:
    """Expected calibration error: mean gap of confidence and accuracy over ECE_BINS equal bins, by their weight."""
    place = np.minimum((cases.confidence * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    gap = weights * (cases.confidence - (cases.truth == cases.predicted))
    return float(np.abs(np.bincount(place, gap, ECE_BINS)).sum() / weights.sum())


def group_calibration_error(cases: Cases, weights: NDArray[np.float64]) -> float:
    """The same with every group counting once, however many cases it has: a few large groups of like cases, with one
    confidence and one truth each, say little of confidences and have most of the weight else."""
    return calibration_error(cases, weights / np.bincount(cases.groups)[cases.groups])


def honest_error(cases: Cases, seed: int = 0) -> tuple[float, float, float]:
    """The calibration error that these confidences would show, mean and 95 % range, if each were the very chance of
    its answer, and the cases of a group were right or wrong together: what of the error is the smallness of the test.
    """
    random = np.random.default_rng(seed)
    count = np.bincount(cases.groups)
    chance = np.bincount(cases.groups, cases.confidence) / np.maximum(count, 1)
    truth = np.ones(len(cases), dtype=np.int64)
    found = []
    for _ in range(REPLICATES):
        right = (random.random(len(chance)) < chance)[cases.groups]
        drawn = Cases(truth, right.astype(np.int64), cases.confidence, cases.groups)
        found.append(calibration_error(drawn, np.ones(len(cases))))
    low, high = np.percentile(found, [2.5, 97.5])
    return float(np.mean(found)), float(low), float(high)


def coverage(cases: Cases, weights: NDArray[np.float64]) -> float:
    """Largest share of cases, the surest first, of which at least PRECISION are right."""
    order = np.argsort(-cases.confidence, kind="stable")
    share = np.cumsum(weights[order])
    right = np.cumsum((weights * (cases.truth == cases.predicted))[order])
    enough = np.flatnonzero((right >= PRECISION * share) & (share > 0))
    return float(share[enough[-1]] / share[-1]) if len(enough) else 0.0


def rarest_third(taught: NDArray[np.int64]) -> NDArray[np.int64]:
    """Codes of the rarest third of labels among those with at least RARE_ROWS training rows; (labels,) rows of each."""
    known = np.flatnonzero(taught >= RARE_ROWS)
    return known[np.argsort(taught[known], kind="stable")][: len(known) // 3]


def value(metric: Metric, cases: Cases) -> float:
    """The metric with every case counting once."""
    return metric(cases, np.ones(len(cases)))


def interval(metric: Metric, cases: Cases, seed: int = 0) -> tuple[float, float]:
    """95 % interval of a metric by drawing whole groups with replacement; nan where the metric is never defined."""
    drawn = [metric(cases, draw[cases.groups]) for draw in group_draws(cases.groups, seed)]
    if np.isnan(drawn).all():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def group_draws(groups: NDArray[np.int64], seed: int = 0) -> Iterator[NDArray[np.float64]]:
    """REPLICATES times how often each group is drawn, (number of groups,); groups are codes from 0."""
    random = np.random.default_rng(seed)
    count = int(groups.max()) + 1
    for _ in range(REPLICATES):
        yield np.bincount(random.integers(0, count, count), minlength=count).astype(np.float64)
