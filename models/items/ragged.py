"""Lists of different lengths as one array each: which row, which column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ragged:
    """n lists of items, one after the other, with some numbers for each entry."""

    starts: Ints  # (n + 1,)
    columns: NDArray[np.int32]  # (p,) items
    values: NDArray[np.float16]  # (p, k)

    def of(self, which: Ints) -> tuple[Ints, Ints, NDArray[np.float32]]:
        """Some of the lists -> (q,) place in `which`, (q,) items, (q, k) numbers."""
        rows, entries = spread(self.starts[which], self.starts[which + 1])
        return rows, self.columns[entries].astype(np.int64), self.values[entries].astype(np.float32)


def spread(begins: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """(m,) ranges -> (q,) the range and (q,) the place of each of their entries."""
    lengths = ends - begins
    rows = np.repeat(np.arange(len(begins)), lengths)
    first = np.cumsum(lengths) - lengths
    return rows, np.arange(len(rows)) - first[rows] + begins[rows]
