"""Honest confidences of the title networks from the validation titles: a temperature per head, and a curve where one
is worth having."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from models.text.committee import DOMAIN
from models.text.confidence import EDGE, Curve, calibrated
from models.train.temperature import temperature
from models.train.title_examples import Examples

FORM = "2"  # of a calibration: what a version begins with, for equal weights may be calibrated in another way
FOLDS = 5
_START = (1.0, 1.0, 0.0)  # changes nothing
_BOUNDS = ((0.0, None), (0.0, None), (None, None))

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """By head key, and for DOMAIN, as they stand in a manifest."""

    temperatures: dict[str, float]
    curves: dict[str, tuple[float, float, float]]  # of the heads that one is worth having for


def calibrate(found: Mapping[str, Tensor], given: Examples) -> Calibration:
    """From logarithms of probabilities (titles of the head's domain, labels) by key, and what is true."""
    temperatures: dict[str, float] = {}
    curves: dict[str, tuple[float, float, float]] = {}
    for key, mean in found.items():
        counts = np.eye(mean.shape[1], dtype=np.float32)[given.domains] if key == DOMAIN else given.counts[key]
        temperatures[key] = round(temperature(mean.numpy(), counts), 5)
        curve = None if key == DOMAIN else fit_curve(calibrated(mean, temperatures[key]).numpy(), counts)
        if curve is not None:
            curves[key] = (curve.rising, curve.falling, curve.offset)
    return Calibration(temperatures, curves)


def fit_curve(shares: NDArray[np.float32], counts: NDArray[np.float32]) -> Curve | None:
    """The curve that makes the likeliest label's chance likeliest on held-out titles; None where none is worth it.

    Shapes: (n, labels) probabilities, (n, labels) counts of rows with each label. Every title counts once, however many
    rows it has: a few large groups of rows would else make the curve theirs. It is worth having where titles that it
    was not fitted on gain more likelihood than the standard error of that gain, in FOLDS turns.
    """
    rows = counts.sum(axis=1)
    known = np.flatnonzero(rows > 0)
    if len(known) < 10 * FOLDS or shares.shape[1] < 2:
        return None
    best = shares[known].argmax(axis=1)
    top = shares[known, best].astype(np.float64)
    right = counts[known, best].astype(np.float64) / rows[known]

    gain = np.empty(len(known))
    turn = np.random.default_rng(0).permutation(len(known)) % FOLDS
    for fold in range(FOLDS):
        held = turn == fold
        fitted = _fit(top[~held], right[~held])
        gain[held] = _losses(np.clip(top[held], EDGE, 1 - EDGE), right[held]) - _losses(
            _chances(fitted, top[held]), right[held]
        )
    if gain.mean() <= gain.std() / np.sqrt(len(gain)):
        return None
    return _fit(top, right)


def _fit(top: Floats, right: Floats) -> Curve:
    kept = np.clip(top, EDGE, 1 - EDGE)
    columns = np.stack([np.log(kept), -np.log1p(-kept), np.ones(len(kept))], axis=1)  # (n, 3)

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = columns @ weights
        slope = (1 / (1 + np.exp(-scores)) - right) / len(scores)
        return float((np.logaddexp(0, scores) - right * scores).mean()), slope @ columns

    found = minimize(loss, np.array(_START), jac=True, bounds=_BOUNDS, method="L-BFGS-B")
    return Curve(*(round(float(number), 4) for number in found.x))


def _chances(curve: Curve, top: Floats) -> Floats:
    chances: Floats = curve.chance(torch.from_numpy(top)).numpy()
    return chances


def _losses(chances: Floats, right: Floats) -> Floats:
    kept = np.clip(chances, EDGE, 1 - EDGE)
    return np.asarray(-(right * np.log(kept) + (1 - right) * np.log(1 - kept)))
