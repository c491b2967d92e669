"""Weights as the tower stores them: a matrix in one byte a number with a scale per row, all else in half precision."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

STEPS = 127  # of a signed byte
_SCALE = "/scale"  # after a matrix's name: (rows,) float16, weight = code * scale
_TINY = 1e-7  # above float16's smallest: a row of zeros stays harmless


def rounded(weights: Mapping[str, NDArray[np.floating]]) -> dict[str, NDArray[np.generic]]:
    """What is stored of each tensor. Figures are to be measured with what `restored` gives, not with the given ones."""
    stored: dict[str, NDArray[np.generic]] = {}
    for name, values in weights.items():
        if values.ndim != 2:
            stored[name] = values.astype(np.float16)
            continue
        scale = np.maximum(np.abs(values).max(axis=1) / STEPS, _TINY).astype(np.float16)
        codes = np.rint(values / scale.astype(np.float32)[:, None])
        stored[name] = np.clip(codes, -STEPS, STEPS).astype(np.int8)  # a scale that was rounded down needs the clip
        stored[name + _SCALE] = scale
    return stored


def restored(stored: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
    """The tensors in float32. Errors: KeyError when a scale is missing."""
    weights = {}
    for name, values in stored.items():
        if name.endswith(_SCALE):
            continue
        wide = values.astype(np.float32)
        weights[name] = wide * stored[name + _SCALE].astype(np.float32)[:, None] if values.dtype == np.int8 else wide
    return weights
