"""Metrics of a chance that is rarely high: functions of weighted cases, for the bootstrap of metrics.py.

`Cases.truth` is 1 where it happened, `predicted` is 1 everywhere and `confidence` is the chance, so that
`calibration_error` is that of the chance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.evaluate.metrics import Cases, Metric

Floats = NDArray[np.float64]


def chances(happened: NDArray[np.bool_], chance: NDArray[np.floating], groups: NDArray[np.generic]) -> Cases:
    """(n,) events as cases; `groups` of any kind, equal where they are to be drawn together."""
    truth = happened.astype(np.int64)
    _, code = np.unique(groups, return_inverse=True)
    return Cases(truth, np.ones_like(truth), chance.astype(np.float32), code.astype(np.int64))


def average_precision(cases: Cases, weights: Floats) -> float:
    """Precision at each threshold, by the recall it adds; equal chances are one threshold. nan without a positive."""
    order = np.argsort(-cases.confidence, kind="stable")
    score, weight = cases.confidence[order], weights[order]
    last = np.concatenate([score[1:] != score[:-1], [True]])  # of each run of equal chances
    hits, alarms = np.cumsum(weight * cases.truth[order])[last], np.cumsum(weight)[last]
    if hits[-1] == 0:
        return float("nan")
    precision = hits / np.maximum(alarms, 1e-12)
    return float((np.diff(hits, prepend=0) * precision).sum() / hits[-1])


def log_loss(cases: Cases, weights: Floats) -> float:
    """Mean, in nats."""
    chance = np.clip(cases.confidence.astype(np.float64), 1e-6, 1 - 1e-6)
    return float(np.average(-np.where(cases.truth == 1, np.log(chance), np.log1p(-chance)), weights=weights))


def precision(threshold: float) -> Metric:
    """Share of the events at or above the threshold that came true; nan where there is none."""
    return _share(lambda cases: cases.confidence >= threshold, lambda cases: cases.truth == 1)


def recall(threshold: float) -> Metric:
    """Share of the positives that are at or above the threshold; nan where there is none."""
    return _share(lambda cases: cases.truth == 1, lambda cases: cases.confidence >= threshold)


def best_threshold(cases: Cases) -> float:
    """The chance with the best F1 if everything from there on is an alarm."""
    order = np.argsort(-cases.confidence, kind="stable")
    hits = np.cumsum(cases.truth[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + hits[-1])
    return float(cases.confidence[order[int(np.argmax(f1))]])


def _share(among: Callable[[Cases], NDArray[np.bool_]], what: Callable[[Cases], NDArray[np.bool_]]) -> Metric:
    def share(cases: Cases, weights: Floats) -> float:
        chosen = among(cases)
        total = weights[chosen].sum()
        return float(weights[chosen & what(cases)].sum() / total) if total else float("nan")

    return share
