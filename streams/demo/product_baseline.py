"""What a household bought most, as a list of next products: the baseline beside the model's own list.

A household's products are ranked by how often it bought them so far, ties by the latest. Products of the categories of
the running basket are left out, as the model leaves them out.
"""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streams.demo.purchases import NONE, Year


@dataclass(slots=True)
class _Household:
    bought: dict[int, tuple[int, int]] = field(default_factory=dict)  # product -> times, the latest line
    category: dict[int, int] = field(default_factory=dict)  # of each product
    basket: int = NONE
    held: set[int] = field(default_factory=set)  # categories of the running basket


class ProductBaseline:
    """Walks through the lines in order, test households only, and tells whether the wanted product is in its top."""

    def __init__(self, year: Year, top: int = 10) -> None:
        self._year = year
        self._top = top
        self._next = 0
        self._households: defaultdict[int, _Household] = defaultdict(_Household)

    def walk(self, stop: int) -> NDArray[np.int64]:
        """Go on to line `stop`. Returns the lines on the way that are hits, (m,)."""
        year, start = self._year, self._next
        self._next = max(start, stop)
        lines = start + np.flatnonzero(year.in_test[start:stop])
        return np.array([line for line in lines.tolist() if self._goes_on(line)], np.int64)

    def _goes_on(self, line: int) -> bool:
        """Count a line; whether the product wanted after it is named."""
        year = self._year
        person = self._households[int(year.household[line])]
        product, category, basket = int(year.product[line]), int(year.category[line]), int(year.basket[line])
        if basket != person.basket:
            person.basket = basket
            person.held.clear()
        person.held.add(category)
        times, _ = person.bought.get(product, (0, line))
        person.bought[product], person.category[product] = (times + 1, line), category
        return self._hit(person, int(year.wanted_product[line]))

    def _hit(self, person: _Household, wanted: int) -> bool:
        own = person.bought.get(wanted)
        if own is None or person.category[wanted] in person.held:
            return False
        above = (product for product, found in person.bought.items() if found > own)
        return sum(person.category[product] not in person.held for product in above) < self._top
