"""The ranks that a network gives to what came next, without artifact or stream: for networks fitted to compare."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.behaviour.network import Recurrent
from models.train.behaviour_fit import Pieces, outputs


def fitted_ranks(network: Recurrent, asking: Pieces) -> NDArray[np.int64]:
    """(n,) rank (0 = first) of the category after each event; the number of categories: not offered, or no target."""
    last = network.sizes.categories
    ranks = np.full(len(asking.purchases), last, np.int64)
    for (logits, _, target, _), which in zip(outputs(network, asking), asking.order(), strict=True):
        known = (target >= 0) & (target < last)
        scores = logits[known, :-1]
        own = scores.gather(1, target[known][:, None])
        ranks[which[known.numpy()]] = (scores > own).sum(dim=1).numpy()
    return ranks
