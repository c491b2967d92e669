"""The baseline of the quality protocol, on the same purchases: what the household bought most, then what all buy most.

A household's categories are ranked by how often it bought them so far, counted once a basket; ties by how often the
training split bought them. Categories of the running basket are left out.
"""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streams.demo.purchases import NONE, Year


@dataclass(slots=True)
class _Household:
    counts: NDArray[np.float64]  # (categories,) baskets with it so far, plus a popularity below one
    basket: int = NONE
    held: set[int] = field(default_factory=set)  # categories of the running basket


class Baseline:
    """Walks through the lines in order, test households only, and tells whether the wanted category is in its top.

    It is told the true categories of what was bought; the model has only those that the products agent predicted.
    """

    def __init__(self, year: Year, top: int = 10) -> None:
        self._year = year
        self._top = top
        self._next = 0
        share = year.popularity / (year.popularity.sum() + 1)
        self._households: defaultdict[int, _Household] = defaultdict(lambda: _Household(share.copy()))

    def walk(self, stop: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Go on to line `stop`. Returns the lines on the way that can be scored, and which were hits; both (m,)."""
        year, start = self._year, self._next
        self._next = max(start, stop)
        lines = start + np.flatnonzero(year.in_test[start:stop])
        scored: list[int] = []
        hits: list[bool] = []
        for line in lines.tolist():
            person = self._households[int(year.household[line])]
            self._buy(person, line)
            wanted = int(year.wanted[line])
            if wanted != NONE:
                scored.append(line)
                hits.append(self._hit(person, wanted))
        return np.array(scored, np.int64), np.array(hits, bool)

    def _buy(self, person: _Household, line: int) -> None:
        basket = int(self._year.basket[line])
        if basket != person.basket:
            person.basket = basket
            person.held.clear()
        category = int(self._year.category[line])
        if category not in person.held:
            person.held.add(category)
            person.counts[category] += 1

    def _hit(self, person: _Household, wanted: int) -> bool:
        if wanted in person.held:
            return False
        held = list(person.held)
        score = person.counts[wanted]
        above = np.count_nonzero(person.counts > score) - np.count_nonzero(person.counts[held] > score)
        return bool(above < self._top)
