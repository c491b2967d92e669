"""Texts as bags of rows: which n-grams a network knows, and where each text's rows lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.text.ngrams import BITS, GROUPS, Ngrams, ngrams


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

    def thinned(self, share: float, emptied: float, random: np.random.Generator) -> Bags:
        """Each row left out with probability `share`, and all rows of a bag with probability `emptied`."""
        kept = random.random(len(self.rows), dtype=np.float32) >= share
        kept &= np.repeat(random.random(len(self)) >= emptied, np.diff(self.offsets))
        return self.only(kept)

    def only(self, kept: NDArray[np.bool_]) -> Bags:
        """The same bags with only the rows that are marked; (f,) marks."""
        before = np.concatenate(([0], np.cumsum(kept)))
        return Bags(self.rows[kept], before[self.offsets])


class Vocabulary:
    """The n-grams that have a row in the embedding table; all others are left out of the bags."""

    def __init__(self, slots: NDArray[np.int32], groups: int = GROUPS) -> None:
        """`slots` (r,): the hash of the n-gram of each row, all different. Only the first `groups` groups are read."""
        self.slots = slots
        self.groups = groups
        self._row_of = np.full(1 << BITS, -1, dtype=np.int32)
        self._row_of[slots] = np.arange(len(slots), dtype=np.int32)

    @staticmethod
    def seen(texts: Sequence[str], at_least: int, groups: int = GROUPS) -> Vocabulary:
        """The n-grams that occur `at_least` times in these texts (give each distinct text once)."""
        counts = np.bincount(_read(ngrams(texts), groups).rows, minlength=1 << BITS)
        return Vocabulary(np.flatnonzero(counts >= at_least).astype(np.int32), groups)

    def __len__(self) -> int:
        return len(self.slots)

    def bags(self, found: Ngrams) -> Bags:
        """The features of n texts -> n bags in the same order; a text without a known n-gram gets an empty one."""
        slots = _read(found, self.groups)
        rows = Bags(self._row_of[slots.rows], slots.offsets)
        return rows.only(rows.rows >= 0)

    def rows_of(self, found: Ngrams) -> NDArray[np.int32]:
        """(f,) the row of every feature, -1 for one that has none or is of a group that is not read."""
        group = np.repeat(np.arange(len(found.offsets) - 1) % GROUPS, np.diff(found.offsets))
        return np.where(group < self.groups, self._row_of[found.slots], np.int32(-1))


def _read(found: Ngrams, groups: int) -> Bags:
    """The slots of each text's first `groups` groups, as bags."""
    if groups == GROUPS:
        return Bags(found.slots, found.offsets[::GROUPS])
    begins, ends = found.offsets[:-1:GROUPS], found.offsets[groups::GROUPS]
    lengths = ends - begins
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    return Bags(found.slots[np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths)], offsets)
