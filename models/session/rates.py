"""How often sessions that saw a product, or one of a category, went on to a purchase: a log odds ratio for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint32]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Rates:
    """Keys seen in training, rising, and what each adds to the log odds of a purchase."""

    keys: Keys  # (k,)
    gain: Floats  # (k,)

    def of(self, asked: Keys) -> Floats:
        """(n,) keys -> (n,) gains, 0 for one never seen."""
        if len(self.keys) == 0:
            return np.zeros(len(asked), np.float32)
        place = np.minimum(np.searchsorted(self.keys, asked), len(self.keys) - 1)
        return np.where(self.keys[place] == asked, self.gain[place], 0).astype(np.float32)

    def as_dict(self) -> dict[int, float]:
        """The same, for a few at a time."""
        return dict(zip(self.keys.tolist(), self.gain.tolist(), strict=True))


def fit_rates(keys: Keys, bought: NDArray[np.bool_], users: NDArray[np.int64], prior: float) -> tuple[Rates, Floats]:
    """(n,) events -> the rates of their keys, drawn to the rate of all by `prior` events, and (n,) gains for fitting.

    The gains for fitting leave out the event's own user: else a rare key would give away what its only user did.
    """
    found, code = np.unique(keys, return_inverse=True)
    _, own = np.unique(np.stack([code, np.unique(users, return_inverse=True)[1]]), axis=1, return_inverse=True)
    own = own.reshape(-1)
    base = float(bought.mean())
    events, sold = np.bincount(code), np.bincount(code, bought)
    events_own, sold_own = np.bincount(own), np.bincount(own, bought)
    rates = Rates(found.astype(np.uint32), _gain(sold, events, base, prior))
    return rates, _gain(sold[code] - sold_own[own], events[code] - events_own[own], base, prior)


def _gain(sold: NDArray[Any], events: NDArray[Any], base: float, prior: float) -> Floats:
    rate = (sold + prior * base) / (events + prior)
    return np.asarray(np.log(rate / (1 - rate)) - np.log(base / (1 - base)), np.float32)
