"""A small network that weighs the features of candidates: one hidden layer, in numpy at run time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.taxonomy.vectors import Floats


@dataclass(frozen=True, slots=True)
class Reranker:
    """Features of a candidate -> its score. Scores of a title's candidates become probabilities by a softmax."""

    mean: Floats  # (features,) of the training candidates
    spread: Floats  # (features,)
    first: Floats  # (features, hidden)
    first_bias: Floats  # (hidden,)
    second: Floats  # (hidden,)
    direct: Floats  # (features,) a straight way past the hidden layer

    def probabilities(self, values: Floats, temperature: float = 1.0) -> Floats:
        """(n, K, features) -> (n, K) that sum to 1 for each title."""
        scaled = (values - self.mean) / self.spread
        hidden = np.maximum(scaled @ self.first + self.first_bias, 0)
        scores = (hidden @ self.second + scaled @ self.direct) / temperature
        exponential = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(exponential / exponential.sum(axis=1, keepdims=True), dtype=np.float32)

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Name -> tensor, as stored."""
        return {f"reranker_{name}": np.asarray(getattr(self, name)) for name in PARTS}


PARTS = ("mean", "spread", "first", "first_bias", "second", "direct")


def stored(tensors: dict[str, NDArray[np.float32]]) -> Reranker:
    """The reranker among an artifact's tensors. Errors: KeyError when one is missing."""
    return Reranker(**{name: tensors[f"reranker_{name}"].astype(np.float32) for name in PARTS})
