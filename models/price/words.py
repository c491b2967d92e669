"""Texts as weighted n-grams: tf-idf over the hashed words, pairs and character runs of models.text.ngrams.

A price that the text states is blanked first: a range that repeats it could not tell whether it is a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.text.bags import Vocabulary
from models.text.ngrams import Ngrams, ngrams

BAGS = (2, 3)  # groups of n-grams in each bag: words and pairs; the same and character runs, which outnumber them
READ = 4096  # characters of a text that are looked at; n-grams are taken from the first 512 without prices

_PRICE = re.compile(r"(?:\b(?:rs|inr|usd|eur|gbp|cny|rmb)\b\.?|[$£€¥₹])\s{0,2}\d[\d.,]{0,15}", re.IGNORECASE)


def without_prices(text: str) -> str:
    """`Price: Rs. 899 This curtain` -> `Price:   This curtain`; at most READ characters."""
    return _PRICE.sub(" ", text[:READ])


class Words:
    """The n-grams that training saw, each with the weight that its rarity gives it: one of two bags of a text."""

    def __init__(self, slots: NDArray[np.int32], rarity: NDArray[np.float32], groups: int) -> None:
        """Both (w,): the hash of each n-gram and its inverse document frequency. `groups`: see BAGS."""
        self.slots = slots
        self.rarity = rarity
        self._vocabulary = Vocabulary(slots, groups)

    @staticmethod
    def seen(texts: Sequence[str], groups: int, at_least: int = 2) -> Words:
        """The n-grams of texts without prices that occur at least so often."""
        vocabulary = Vocabulary.seen(texts, at_least, groups)
        bags = vocabulary.bags(ngrams(texts))
        owner = np.repeat(np.arange(len(texts)), np.diff(bags.offsets))
        pairs = np.unique(np.stack([bags.rows.astype(np.int64), owner]), axis=1)
        titles = np.bincount(pairs[0], minlength=len(vocabulary))
        rarity = np.log((1 + len(texts)) / (1 + titles)) + 1
        return Words(vocabulary.slots, rarity.astype(np.float16).astype(np.float32), groups)

    def matrix(self, found: Ngrams) -> sparse.csr_matrix:
        """N-grams of n texts -> (n, w) rows of length 1, zeros for a text without a known one; counts are 1 + ln."""
        bags = self._vocabulary.bags(found)
        counts = sparse.csr_matrix(
            (np.ones(len(bags.rows), dtype=np.float32), bags.rows, bags.offsets), shape=(len(bags), len(self.slots))
        )
        counts.sum_duplicates()
        counts.data = (1 + np.log(counts.data)) * self.rarity[counts.indices]
        lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
        return sparse.csr_matrix(sparse.diags_array(1 / np.maximum(lengths, 1e-9)) @ counts)


def matrix(bags: Sequence[Words], texts: Sequence[str]) -> sparse.csr_matrix:
    """(n, w) the bags of n texts without prices side by side, each of length 1."""
    found = ngrams(texts)
    return sparse.csr_matrix(sparse.hstack([words.matrix(found) for words in bags]))
