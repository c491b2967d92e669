"""Which titles an epoch visits: each once, or those with rare labels more often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.text.layout import Layout
from models.train.team import Rows
from models.train.title_examples import Examples

Sampling = Literal["once", "square-root"]
SAMPLINGS: tuple[Sampling, ...] = ("once", "square-root")


def sampler(given: Examples, layout: Layout, sampling: Sampling) -> Callable[[np.random.Generator], Rows]:
    """The titles of one epoch in their order, as many as there are."""
    count = len(given)
    if sampling == "once":
        return lambda random: random.permutation(count)
    chances = square_root_chances(given, layout)
    return lambda random: random.choice(count, count, p=chances)


def square_root_chances(given: Examples, layout: Layout) -> NDArray[np.float64]:
    """(n,) the chance of each title to be the next: the mean over the heads of its domain of what they ask for.

    A head asks for a title by one over the root of the number of titles with its label (Mahajan et al. 2018,
    arXiv:1805.00932); for one without a label as for the mean of the others. Each domain keeps its share.
    """
    chances = np.ones(len(given))
    for place, domain in enumerate(layout.domains):
        first, last = int(given.starts[place]), int(given.starts[place + 1])
        wanted = [_wanted(given.counts[head.key]) for head in domain.heads if given.counts[head.key].any()]
        if wanted:
            chances[first:last] = np.mean(wanted, axis=0)
    whole: NDArray[np.float64] = chances / chances.sum()
    return whole


def _wanted(counts: NDArray[np.float32]) -> NDArray[np.float64]:
    """(m, labels) counts of one head -> (m,) how much it asks for each title; 1 in the mean."""
    rarity = 1 / np.sqrt(np.maximum((counts > 0).sum(axis=0), 1))
    rows = counts.sum(axis=1)
    each = (counts @ rarity) / np.maximum(rows, 1)
    each[rows == 0] = each[rows > 0].mean()
    wanted: NDArray[np.float64] = each / each.mean()
    return wanted
