"""Groups of rows that must never be torn apart by a split: rows that share any of several keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Joined:
    """Numbers 0 to n - 1 in sets that only grow together (union-find with halved paths)."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def find(self, one: int) -> int:
        """The number that stands for the set of `one`: its smallest."""
        parent = self._parent
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    def join(self, one: int, other: int) -> None:
        """Make the two sets one."""
        a, b = self.find(one), self.find(other)
        if a != b:
            self._parent[max(a, b)] = min(a, b)

    def numbers(self) -> NDArray[np.int64]:
        """(n,) of each number the one that stands for its set."""
        return np.array([self.find(i) for i in range(len(self._parent))], np.int64)


def joined(keys: Iterable[Sequence[str]], n: int) -> NDArray[np.int64]:
    """(n,) group of each row: rows that are equal in any of the columns `keys` share one. "" joins nothing."""
    sets = Joined(n)
    for column in keys:
        codes, uniques = pd.factorize(np.asarray(column, dtype=object))
        first = np.full(len(uniques), -1, np.int64)
        for row, code in enumerate(codes.tolist()):
            if uniques[code] == "":
                continue
            if first[code] < 0:
                first[code] = row
            else:
                sets.join(int(first[code]), row)
    return sets.numbers()
