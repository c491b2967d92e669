"""Words of an item's description, as the network reads them: hashed words and pairs of words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.items.ragged import spread
from models.text.ngrams import GROUPS, ngrams

READ = 2  # groups of n-grams: words and pairs; runs of letters would be five times as many


def words(descriptions: Sequence[str], slots: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,) descriptions -> (w,) slots below `slots` and (n,) where those of each begin; none at all for no words."""
    found = ngrams(descriptions)
    starts = found.offsets[: len(descriptions) * GROUPS : GROUPS]
    ends = found.offsets[np.arange(len(descriptions)) * GROUPS + READ]
    _, places = spread(starts, ends)
    lengths = ends - starts
    return found.slots[places].astype(np.int64) % slots, np.cumsum(lengths) - lengths
