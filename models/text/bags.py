"""Texts as bags of rows: which n-grams the model knows, and where each text's rows lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.text.ngrams import BITS, Ngrams, ngrams


@dataclass(frozen=True, slots=True)
class Bags:
    """n bags, one after the other: the rows of bag i are `rows[offsets[i]:offsets[i + 1]]`."""

    rows: NDArray[np.int32]  # (f,) rows of the embedding table
    offsets: NDArray[np.int64]  # (n + 1,)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, wanted: NDArray[np.int64]) -> Bags:
        """The bags with these numbers, in this order."""
        begins = self.offsets[wanted]
        lengths = self.offsets[wanted + 1] - begins
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        places = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths)
        return Bags(self.rows[places], offsets)

    def thinned(self, share: float, random: np.random.Generator) -> Bags:
        """Each n-gram left out with probability `share`: training must not lean on a single one."""
        return self._only(random.random(len(self.rows), dtype=np.float32) >= share)

    def _only(self, kept: NDArray[np.bool_]) -> Bags:
        before = np.concatenate(([0], np.cumsum(kept)))
        return Bags(self.rows[kept], before[self.offsets])


class Vocabulary:
    """The n-grams that have a row in the embedding table; all others are left out of the bags."""

    def __init__(self, slots: NDArray[np.int32]) -> None:
        """`slots` (r,): the hash of the n-gram of each row, all different, each below 2**BITS."""
        self.slots = slots
        self._row_of = np.full(1 << BITS, -1, dtype=np.int32)
        self._row_of[slots] = np.arange(len(slots), dtype=np.int32)

    @staticmethod
    def seen(texts: Sequence[str], at_least: int) -> Vocabulary:
        """The n-grams that occur `at_least` times in these texts (give each distinct text once)."""
        counts = np.bincount(ngrams(texts).slots, minlength=1 << BITS)
        return Vocabulary(np.flatnonzero(counts >= at_least).astype(np.int32))

    def __len__(self) -> int:
        return len(self.slots)

    def bags(self, texts: Sequence[str]) -> Bags:
        """(n,) texts -> n bags in the same order; a text without a known n-gram gets an empty one."""
        found: Ngrams = ngrams(texts)
        rows = self._row_of[found.slots]
        return Bags(rows, found.offsets)._only(rows >= 0)
