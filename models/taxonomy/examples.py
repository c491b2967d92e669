"""Titles whose category is known: what lies near a new title votes for its category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.taxonomy.tree import Tree
from models.taxonomy.vectors import Floats

NEAREST = 12  # titles that vote
SHARPNESS = 20.0  # a vote falls to a third for each .055 of cosine that a title is farther away than the nearest


@dataclass(frozen=True, slots=True)
class Examples:
    """m labelled titles. A label is a row of the tree; a title with two right categories stands in two rows."""

    vectors: Floats  # (m, size) of unit length
    labels: NDArray[np.int64]  # (m,)

    def votes(self, tree: Tree, asked: Floats, left_out: Sequence[NDArray[np.int64]] | None = None) -> Floats:
        """(n, size) titles -> (n, categories): nearness-weighted votes, scaled by the nearest title's cosine.

        `left_out` names the rows that must not vote on each title: in training, the title itself.
        """
        cosine = asked @ self.vectors.T
        for row, out in enumerate(left_out or ()):
            cosine[row, out] = -1.0
        found = np.zeros((len(asked), len(tree)), dtype=np.float32)
        count = min(NEAREST, len(self.labels))
        near = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
        best = np.take_along_axis(cosine, near, axis=1)
        weight = np.exp(SHARPNESS * (best - best.max(axis=1, keepdims=True)))
        weight *= np.maximum(best.max(axis=1, keepdims=True), 0) / weight.sum(axis=1, keepdims=True)
        np.add.at(found, (np.arange(len(asked))[:, None], self.labels[near]), weight)
        return found
