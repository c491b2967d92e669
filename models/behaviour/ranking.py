"""The best k of each row, as the whole package ranks: by falling value, equal values by rising place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PLACES = 16  # bits of a key that hold the place


def heaviest(values: NDArray[np.float32], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(m, w) values, none negative, w < 65536 -> (m, k) places and values; place -1 where a value is 0 or w < k.

    Value and place are packed into one integer (the bits of a float that is not negative sort as the float does), since
    numpy partitions integers about ten times faster than torch.topk selects.
    """
    m, width = values.shape
    mask = (1 << PLACES) - 1
    keys = (values.view(np.int32).astype(np.int64) << PLACES) | (mask - np.arange(width))
    kept = min(k, width)
    if kept < width:
        keys = np.partition(keys, width - kept, axis=1)[:, width - kept :]
    keys = np.sort(keys, axis=1)[:, ::-1]
    places, best = np.full((m, k), -1, np.int32), np.zeros((m, k), np.float32)
    best[:, :kept] = (keys >> PLACES).astype(np.int32).view(np.float32)
    places[:, :kept] = np.where(best[:, :kept] > 0, mask - (keys & mask), -1)
    return places, best
