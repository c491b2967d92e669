"""Leaks between splits: the same or nearly the same text on both sides makes a figure better than it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models.data.preparation.near import near_pairs
from models.data.splits import KEPT_OUT, TEST, VALIDATION, buckets

SHOWN = 20
SPLITS = {TEST: "test", KEPT_OUT: "kept out", VALIDATION: "validate"}  # every other bucket is training
ORDER = ("train", "validate", "test")


@dataclass(frozen=True, slots=True)
class Leaks:
    """What two splits share. `rows` counts, for (split, other), rows of `split` with such a text in `other`."""

    same: dict[tuple[str, str], int]  # equal normal text
    near: dict[tuple[str, str], int]  # nearly equal, and not equal to any there
    examples: list[tuple[str, str, str, str, float]]  # split, text, other split, text, similarity; most alike first


def published_splits(keys: Sequence[str]) -> list[str]:
    """(n,) the split of each grouping key under the project's protocol: train, validate, test or kept out."""
    return [SPLITS.get(tenth, "train") for tenth in buckets(keys).tolist()]


def leaks(texts: Sequence[str], splits: Sequence[str], threshold: float) -> Leaks:
    """(n,) normal texts and the split of each row -> what is shared, both ways. Rows of split "" are left out."""
    rows: dict[str, Counter[str]] = {}  # text -> how many rows of each split
    for text, split in zip(texts, splits, strict=True):
        if text and split:
            rows.setdefault(text, Counter())[split] += 1
    distinct = list(rows)
    same: Counter[tuple[str, str]] = Counter()
    for of in rows.values():
        for one, count in of.items():
            same.update({(one, other): count for other in of if other != one})
    touched: dict[tuple[str, str], set[int]] = {}
    examples = []
    for i, j, alike in near_pairs(distinct, threshold):
        across = [(a, b) for a in rows[distinct[i]] for b in rows[distinct[j]] if a != b]
        for a, b in across:
            touched.setdefault((a, b), set()).add(i)
            touched.setdefault((b, a), set()).add(j)
        if across:
            a, b = across[0]
            examples.append((a, distinct[i], b, distinct[j], alike))
    near = {
        (a, b): sum(rows[distinct[i]][a] for i in texts_ if b not in rows[distinct[i]])
        for (a, b), texts_ in touched.items()
    }
    examples.sort(key=lambda each: (-each[4], each[1], each[3]))
    return Leaks(_sorted(same), _sorted(near), examples[:SHOWN])


def in_order(splits: Iterable[str]) -> list[str]:
    """Names of splits as people list them: training, validation, test, then all others by name."""
    return sorted(splits, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def _sorted(counts: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    splits = in_order({split for pair in counts for split in pair})
    return {(a, b): counts[a, b] for a in splits for b in splits if counts.get((a, b))}
