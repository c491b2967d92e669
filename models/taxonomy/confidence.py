"""From shares of probability to chances that were right as often as they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.taxonomy.tree import Tree
from models.taxonomy.vectors import Floats

EDGE = 1e-4  # shares nearer to 0 or 1 than this count as this near: no chance is certain


@dataclass(frozen=True, slots=True)
class Curve:
    """Share -> chance by a logistic curve on the share's log odds (Platt scaling)."""

    slope: float
    offset: float

    def __call__(self, shares: Floats) -> Floats:
        """Any shape of shares -> chances of the same shape."""
        return np.asarray(1 / (1 + np.exp(-(self.slope * log_odds(shares) + self.offset))), dtype=np.float32)


def log_odds(shares: Floats) -> Floats:
    """log(p / (1 - p)), with p kept EDGE away from 0 and 1."""
    kept = np.clip(shares, EDGE, 1 - EDGE)
    return np.asarray(np.log(kept / (1 - kept)), dtype=np.float32)


def node_masses(tree: Tree, rows: NDArray[np.int64], shares: Floats) -> tuple[NDArray[np.int64], Floats]:
    """(n, K) candidates and shares -> the likeliest way down the tree and the share that lies at or below each step.

    Both (n, deepest): rows of the tree from the department down, then -1 with share 0. At each step the child with the
    largest share is taken; the way ends where the share of the category itself is larger than that of every child.
    """
    lines = tree.lineage[rows]  # (n, K, deepest)
    path = np.full((len(rows), lines.shape[2]), -1, dtype=np.int64)
    masses = np.zeros((len(rows), lines.shape[2]), dtype=np.float32)
    for at in range(len(rows)):
        inside = np.ones(rows.shape[1], dtype=bool)
        for level in range(lines.shape[2]):
            below = inside & (lines[at, :, level] >= 0)
            if not below.any():
                break
            nodes, member = np.unique(lines[at, below, level], return_inverse=True)
            weight = np.bincount(member, shares[at, below])
            best = int(weight.argmax())
            if level and weight[best] < shares[at, inside & ~below].sum():
                break
            path[at, level], masses[at, level] = nodes[best], weight[best]
            inside &= lines[at, :, level] == nodes[best]
    return path, masses
