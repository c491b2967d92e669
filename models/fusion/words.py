"""Which hashed words and pairs of a text the model knows, weighted by how rare they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.text.bags import Bags, Vocabulary
from models.text.ngrams import ngrams

GROUPS = 2  # words and pairs: character runs would triple the table and a description has words enough


@dataclass(frozen=True, slots=True)
class Weighted:
    """n bags with a weight per row."""

    bags: Bags
    weights: NDArray[np.float32]  # (f,)

    def beside(self, other: Weighted) -> Weighted:
        """Each bag with the rows of both."""
        owner = np.concatenate([_owners(self.bags), _owners(other.bags)])
        order = np.argsort(owner, kind="stable")
        rows = np.concatenate([self.bags.rows, other.bags.rows])[order]
        return Weighted(
            Bags(rows, self.bags.offsets + other.bags.offsets),
            np.concatenate([self.weights, other.weights])[order],
        )

    def take(self, wanted: NDArray[np.int64]) -> Weighted:
        """The bags with these numbers, in this order."""
        begins, bags = self.bags.offsets[wanted], self.bags.take(wanted)
        places = np.arange(bags.offsets[-1]) + np.repeat(begins - bags.offsets[:-1], np.diff(bags.offsets))
        return Weighted(bags, self.weights[places])


@dataclass(frozen=True, slots=True)
class Words:
    """Known n-grams and the logarithm of how few training texts have each."""

    vocabulary: Vocabulary
    rarity: NDArray[np.float32]  # (v,)

    def weigh(self, texts: Sequence[str]) -> Weighted:
        """TF-IDF with sublinear counts, of unit length: Salton and Buckley 1988, doi:10.1016/0306-4573(88)90021-0."""
        once, counts = _counted(self.vocabulary.bags(ngrams(texts)))
        weights = (1 + np.log(counts)) * self.rarity[once.rows]
        owner = _owners(once)
        length = np.sqrt(np.bincount(owner, weights**2, len(once)))
        return Weighted(once, (weights / np.maximum(length, 1e-9)[owner]).astype(np.float32))


def learn_words(texts: Sequence[str], at_least: int, at_most: int) -> Words:
    """The n-grams seen in `at_least` texts or more; of those the `at_most` that are in the most texts."""
    vocabulary = Vocabulary.seen(texts, at_least, GROUPS)
    once, _ = _counted(vocabulary.bags(ngrams(texts)))
    having = np.bincount(once.rows, minlength=len(vocabulary))
    kept = np.sort(np.argsort(-having, kind="stable")[:at_most])
    rarity = np.log((1 + len(texts)) / (1 + having[kept])) + 1
    return Words(Vocabulary(vocabulary.slots[kept], GROUPS), rarity.astype(np.float32))


def _counted(bags: Bags) -> tuple[Bags, NDArray[np.int64]]:
    """Each row once per bag, and how often it was there."""
    pairs, counts = np.unique(np.stack([_owners(bags), bags.rows]), axis=1, return_counts=True)
    offsets = np.searchsorted(pairs[0], np.arange(len(bags) + 1))
    return Bags(pairs[1].astype(np.int32), offsets.astype(np.int64)), counts


def _owners(bags: Bags) -> NDArray[np.int64]:
    """(f,) the bag of each row."""
    return np.repeat(np.arange(len(bags)), np.diff(bags.offsets))
