"""What network.py answers, in numpy: a window of a few events is a few steps on small arrays; torch begins them slowly.

The answer is a mean over the members, so their linear parts are one, and all hidden layers are one wide layer. Slope
and intercept are in the weights. Sums are in float64, so that an answer to six digits does not depend on how many are
asked at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.session.network import CUT, SessionNetwork

Doubles = NDArray[np.float64]
AT_ONCE = 256  # rows: from a few more on numpy's library takes all cores, where others are at work


class Chances:
    """A copy of a network's weights."""

    def __init__(self, network: SessionNetwork) -> None:
        w: dict[str, Any] = {n: value.detach().cpu().double().numpy() for n, value in network.state_dict().items()}
        members, inputs, hidden = w["first"].shape
        slope, intercept = w["platt"]
        self._mean, self._scale = w["mean"], 1 / w["scale"]
        self._linear = w["linear"][:, :, 0].mean(axis=0) * slope
        self._first = w["first"].transpose(1, 0, 2).reshape(inputs, members * hidden).copy()
        self._first_bias = w["first_bias"].reshape(members * hidden)
        self._second = w["second"].reshape(members * hidden) * (slope / members)
        self._bias = w["bias"].mean() * slope + intercept

    def of(self, inputs: NDArray[np.floating[Any]]) -> Doubles:
        """(n, INPUTS) features with gains -> (n,) calibrated chances of a purchase, to six digits."""
        return np.concatenate([self._some(inputs[at : at + AT_ONCE]) for at in range(0, max(len(inputs), 1), AT_ONCE)])

    def _some(self, inputs: NDArray[np.floating[Any]]) -> Doubles:
        x = np.minimum(np.maximum((inputs - self._mean) * self._scale, -CUT), CUT)
        hidden = np.maximum(x @ self._first + self._first_bias, 0)  # (n, members * hidden)
        half = (x @ self._linear + hidden @ self._second + self._bias) / 2
        return np.asarray(np.rint(5e5 + 5e5 * np.tanh(half)) / 1e6)  # sigmoid, which nothing is too large for
