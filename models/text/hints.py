"""A catalogue's own category as evidence: a hint that names a known domain or category shifts the answer towards it."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from models.text.layout import Layout

TRUST = 0.95  # taken chance that a product lies under the category its hint names; the text can still overrule it
_MAX_KNOWN = 10_000  # hints come from producers: the memory of them is bounded
_LEVELS = re.compile(r"\s*[>|]\s*")


class Hints:
    """Likelihoods of hints over all categories of a layout."""

    def __init__(self, layout: Layout) -> None:
        self._none = np.ones(sum(len(domain.paths) for domain in layout.domains), dtype=np.float32)
        self._under: dict[str, NDArray[np.bool_]] = {}  # folded name -> the categories under it
        place = 0
        for domain in layout.domains:
            for path in domain.paths:
                for name in (domain.name, *path):
                    self._under.setdefault(name.casefold(), np.zeros(len(self._none), dtype=np.bool_))[place] = True
                place += 1
        self._known: dict[str, NDArray[np.float32]] = {}

    def likelihood(self, hint: str | None) -> NDArray[np.float32]:
        """(c,) chance of this hint under each category; all ones when it names nothing we know.

        The narrowest known level of `Apparel > Topwear > Tshirts` counts.
        """
        if not hint:
            return self._none
        found = self._known.get(hint)
        if found is None:
            found = self._look_up(hint[:512])
            if len(self._known) < _MAX_KNOWN:
                self._known[hint] = found
        return found

    def _look_up(self, hint: str) -> NDArray[np.float32]:
        for name in (hint.strip(), *reversed(_LEVELS.split(hint.strip()))):
            under = self._under.get(name.casefold())
            if under is not None:
                return np.where(under, TRUST, 1 - TRUST).astype(np.float32)
        return self._none
