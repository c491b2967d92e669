"""Splits and folds by group that keep the share of every class as even as groups allow.

For data sets of a user's own. The figures of this project use the hash buckets of `models.data.splits`, which need no
knowledge of the other rows; a split made here is right for one table and has to be stored with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.errors import DataError


def grouped_split(
    groups: Sequence[object], classes: Sequence[object], shares: Mapping[str, float], seed: int = 7
) -> list[str]:
    """(n,) groups, (n,) classes -> (n,) the part of each row; all rows of a group are in one part.

    Shares are taken relative to their sum. Groups are dealt from the largest on, each to the part that most lacks its
    classes: after K. Sechidis et al., "On the stratification of multi-label data" (2011), with a group in place of a
    row. Ties are broken by `seed`; the order of rows matters only through which group is first.
    Errors: DataError when shares are not above 0, or the two columns differ in length.
    """
    names = list(shares)
    wanted = np.array([shares[name] for name in names], np.float64)
    if not names or not np.isfinite(wanted).all() or (wanted <= 0).any():
        raise DataError(f"the shares {dict(shares)} are not all above 0; give something like train=8 validate=1 test=1")
    part = _deal(groups, classes, wanted / wanted.sum(), seed)
    return [names[number] for number in part.tolist()]


def grouped_folds(
    groups: Sequence[object], classes: Sequence[object], k: int, seed: int = 7
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """k times (training rows, held-out rows); every row is held out once, every group as a whole.

    Errors: DataError when k is below 2 or there are fewer groups than folds.
    """
    distinct = len(set(groups))
    if not 2 <= k <= distinct:
        raise DataError(f"{k} folds of {distinct} groups: at least 2, and at most one fold a group")
    part = _deal(groups, classes, np.full(k, 1 / k), seed)
    for fold in range(k):
        yield np.flatnonzero(part != fold), np.flatnonzero(part == fold)


def _deal(
    groups: Sequence[object], classes: Sequence[object], shares: NDArray[np.float64], seed: int
) -> NDArray[np.int64]:
    """(n,) number of the part of each row."""
    if len(groups) != len(classes):
        raise DataError(f"{len(groups)} groups and {len(classes)} classes: one of each a row")
    group, names = pd.factorize(np.array([*groups, None], dtype=object)[:-1], use_na_sentinel=False)
    kind, kinds = pd.factorize(np.array([*classes, None], dtype=object)[:-1], use_na_sentinel=False)
    pairs, counts = np.unique(group.astype(np.int64) * max(len(kinds), 1) + kind, return_counts=True)
    owner, kind = np.divmod(pairs, max(len(kinds), 1))  # (pairs,): a group and one of its classes
    starts = np.searchsorted(owner, np.arange(len(names) + 1))
    sizes = np.bincount(owner, counts, len(names))
    totals = np.bincount(kind, counts, len(kinds))
    lack = shares[:, None] * totals  # (parts, classes) rows still wanted
    room = shares * sizes.sum()  # (parts,) rows still wanted of any class
    part = np.empty(len(names), np.int64)
    chance = np.random.default_rng(seed).random((len(names), len(shares)))
    for g in np.lexsort((chance[:, 0], -sizes)).tolist():
        own = slice(starts[g], starts[g + 1])
        # Lack relative to the class, so that a rare class weighs as much as a common one; then room, then chance.
        need = (lack[:, kind[own]] / totals[kind[own]] / shares[:, None]).mean(axis=1)
        best = int(np.lexsort((chance[g], -room / shares, -need.round(9)))[0])
        part[g] = best
        lack[best, kind[own]] -= counts[own]
        room[best] -= sizes[g]
    return part[group]
