"""What a shop would do without a network: what followed the last item most often, then what sells most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.data.gifts import Sales
from models.items.follows import counted
from models.items.memory import baskets

LAST = np.iinfo(np.int64).max  # rank of what is not offered


def markov_ranks(fitted: Sales, asked: Sales, *, offer_basket: bool) -> NDArray[np.int64]:
    """(n,) rank (0 = first) of the item after each purchase, by first-order counts, ties by popularity.

    An item that `fitted` never had ranks last, and so does, without `offer_basket`, one of the running invoice. What
    comes after a customer's last purchase has no meaning.
    """
    follows = counted(fitted, len(fitted.items))[0]
    sold = np.bincount(fitted.item, minlength=len(fitted.items))
    tie = sold / (sold.sum() + 1)  # below 1, so that a single pair outweighs it
    held, item = baskets(asked), asked.item.astype(np.int64)
    target = np.roll(item, -1)
    ranks = np.full(len(asked), LAST, np.int64)
    for place in np.flatnonzero(asked.followed() & (sold[target] > 0)).tolist():
        score = tie.copy()
        begin, end = follows.starts[item[place]], follows.starts[item[place] + 1]
        score[follows.keys[begin:end] % len(sold)] += follows.counts[begin:end]
        if not offer_basket:
            score[held.columns[held.starts[place] : held.starts[place + 1]]] = -1
        own = score[target[place]]
        if own >= 0:
            ranks[place] = np.count_nonzero(score > own)
    return ranks
