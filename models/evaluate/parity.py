"""Are two sets of answers to the same events the same? Offline against online, figure by figure and list by list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluate.behaviour import Answers

OFFLINE = "offline"
TOLERANCE = 1e-4  # of a confidence or a figure: cutting into windows changes 1e-5 at most, the stream rounds to 1e-6
LIST = 10  # places of the lists that are compared as lists
CHUNK = 4_096  # events compared at once


@dataclass(frozen=True, slots=True)
class Difference:
    """How far apart n answers are."""

    confidence: float  # the largest difference of one label's confidence, in categories and products
    week: float  # of the chance of a basket within 7 days
    equal_categories: float  # share of equal lists of the first ten
    equal_products: float

    def as_dict(self) -> dict[str, float]:
        """For a result."""
        return {
            "largest difference of a confidence": self.confidence,
            "largest difference of the chance of a basket": self.week,
            "share of equal top-10 categories": self.equal_categories,
            "share of equal top-10 products": self.equal_products,
        }

    def within(self, tolerance: float) -> bool:
        """Whether nothing differs by more. Lists may: two labels of one confidence stand in either order."""
        return max(self.confidence, self.week) <= tolerance


def compare(offline: Answers, online: Answers) -> Difference:
    """Two sets of answers to the same n events, n at least 1."""
    categories = _lists(offline.categories, offline.confidence, online.categories, online.confidence)
    products = _lists(offline.products, offline.product_confidence, online.products, online.product_confidence)
    week = float(np.abs(offline.week - online.week).max())
    return Difference(max(categories[0], products[0]), week, categories[1], products[1])


def side_by_side(
    offline: Sequence[Mapping[str, Any]], online: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], float]:
    """The online figures with the offline value beside each, and the largest difference of two values."""
    rows = [{**ours, "baselines": {OFFLINE: theirs["value"]}} for theirs, ours in zip(offline, online, strict=True)]
    return rows, max(abs(row["value"] - row["baselines"][OFFLINE]) for row in rows)


def _lists(
    ids: NDArray[np.int32], shares: NDArray[np.float32], other_ids: NDArray[np.int32], other_shares: NDArray[np.float32]
) -> tuple[float, float]:
    """(n, top) labels and confidences twice -> the largest difference of a label's confidence, share of equal lists.

    A label that only one list names is compared with the end of the other: there it has no more than that.
    """
    largest, equal = 0.0, 0
    for start in range(0, len(ids), CHUNK):
        cut = slice(start, start + CHUNK)
        one, two = (ids[cut], shares[cut]), (other_ids[cut], other_shares[cut])
        largest = max(largest, _apart(*one, *two), _apart(*two, *one))
        equal += int((one[0][:, :LIST] == two[0][:, :LIST]).all(axis=1).sum())
    return largest, equal / len(ids)


def _apart(
    ids: NDArray[np.int32], shares: NDArray[np.float32], other_ids: NDArray[np.int32], other_shares: NDArray[np.float32]
) -> float:
    same = ids[:, :, None] == other_ids[:, None, :]  # (n, top, top)
    place = same.argmax(axis=2)
    theirs = np.take_along_axis(other_shares, place, axis=1)
    missing = np.maximum(shares - other_shares[:, -1:], 0)
    apart = np.where(same.any(axis=2), np.abs(shares - theirs), missing)
    return float(np.where(ids >= 0, apart, 0).max(initial=0))
