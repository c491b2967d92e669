"""Which letters of a text each of its n-grams was read from: the way back from features to words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.text.ngrams import CHARACTER_RUNS, MAX_CODE_POINTS, Letters, letters, normal

Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Places:
    """Words of n texts, and for every feature of `ngrams(texts)`, in its order, what it was read from.

    A word or a pair of words covers all letters of its words; a run covers the letters from `begins` to `ends`, which
    lie in one word. Separators at the edges of a run count as no letters.
    """

    words: Whole  # (w, 2) [begin, end) of each word in its text as given, in code points
    letters: Whole  # (w, 2) the same in the letters that were read, all texts in one row
    owners: Whole  # (w,) which text each word is of, rising
    first: Whole  # (f,) the word of each feature
    second: Whole  # (f,) the other word of a pair; otherwise the same one
    begins: Whole  # (f,) first letter of a run; -1 for words and pairs
    ends: Whole  # (f,) past its last letter


def places(texts: Sequence[str]) -> Places:
    """Where the features of (n,) texts come from."""
    read = letters(texts)
    words = np.stack([read.begins, read.ends], axis=1).reshape(-1, 2)
    lists = [*_words(read), *_runs(read)]
    columns = [np.concatenate([part[column] for part in lists]) for column in range(4)]
    # Features stand text by text, within a text list by list: what a stable sort of the lists by text gives.
    order = np.argsort(read.owner[columns[0]], kind="stable") if len(words) else np.zeros(0, dtype=np.int64)
    first, second, begins, ends = (column[order] for column in columns)
    return Places(_as_given(texts, read, words), words, read.owner, first, second, begins, ends)


def origins(text: str) -> tuple[Whole, Whole]:
    """For each letter of `normal(text)` the [begin, end) in `text` that it came from.

    A letter with its marks is one letter after NFKC, a ligature several: the ends come from the lengths of the normal
    forms of all beginnings of the text.
    """
    if text.isascii():
        every = np.arange(len(normal(text)))
        return every, every + 1
    lengths = np.array([len(normal(text[:i])) for i in range(min(len(text), MAX_CODE_POINTS) + 1)])
    lengths = np.maximum.accumulate(lengths)
    every = np.arange(len(normal(text)))
    begins = np.searchsorted(lengths, every, side="right") - 1
    reached = lengths[np.searchsorted(lengths, every + 1)]
    return begins, np.searchsorted(lengths, reached, side="right") - 1


def _as_given(texts: Sequence[str], read: Letters, words: Whole) -> Whole:
    local = words - read.starts[read.owner, None] - 1
    for place in [i for i, text in enumerate(texts) if not text.isascii()]:
        own = np.flatnonzero(read.owner == place)
        if len(own):
            begins, ends = origins(texts[place])
            local[own] = np.stack([begins[local[own, 0]], ends[local[own, 1] - 1]], axis=1)
    return local


def _words(read: Letters) -> list[tuple[Whole, Whole, Whole, Whole]]:
    every = np.arange(len(read.owner))
    if len(every) == 0:
        return []
    pair = read.owner[1:] == read.owner[:-1]
    skip = read.owner[2:] == read.owner[:-2]
    first = np.concatenate(([True], ~pair))
    last = np.concatenate((~pair, [True]))
    chosen = [
        (every, every),
        (every[first], every[first]),
        (every[last], every[last]),
        (every[:-1][pair], every[1:][pair]),
        (every[:-2][skip], every[2:][skip]),
    ]
    return [(one, other, np.full(len(one), -1), np.full(len(one), -1)) for one, other in chosen]


def _runs(read: Letters) -> list[tuple[Whole, Whole, Whole, Whole]]:
    count = len(read.codes) - CHARACTER_RUNS[-1] + 1
    whole = np.ones(count, dtype=np.bool_)
    found = []
    for length in CHARACTER_RUNS:
        whole &= read.inside[length - 2 : length - 2 + count]
        begins = np.flatnonzero(whole)
        ends = begins + length
        word = np.searchsorted(read.begins, begins + 1, side="right") - 1
        found.append((word, word, begins + ~read.inside[begins], ends - ~read.inside[ends - 1]))
    return found
