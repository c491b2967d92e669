"""Rows that are there twice: equal rows, equal titles, nearly equal titles; and labels that contradict each other."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.data.preparation.groups import Joined
from models.data.preparation.near import near_pairs
from models.data.preparation.normal import normalise
from models.data.preparation.table import attributes_of

_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Near:
    """Nearly equal titles among n rows. Pairs are of distinct normal titles, each named by its first row."""

    pairs: list[tuple[int, int, float]]  # rows i < j, similarity
    groups: NDArray[np.int64]  # (n,) first row of all that hang together, by equal titles and chains of pairs


def title_key(title_normal: str) -> str:
    """Hash of a normal title: equal titles, equal keys; short enough to print and to join on."""
    return hashlib.sha1(title_normal.encode("utf-8", "replace")).hexdigest()[:16]


def labels(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """(n,) category and attributes of each row: what a duplicate must share to teach nothing new."""
    return list(zip(*(frame[name].tolist() for name in ("category", *attributes_of(frame))), strict=True))


def contents(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    """(n,) all that a product says of itself in normal form: not its id, source, group and time."""
    texts = [[normalise(text) for text in frame[name].tolist()] for name in ("description", "brand", "category_hint")]
    prices = frame["price"].fillna(-1.0).tolist()
    return list(
        zip(frame["title_normal"].tolist(), *texts, prices, frame["currency"].tolist(), labels(frame), strict=True)
    )


def first_of(keys: list[tuple[object, ...]] | list[str]) -> NDArray[np.int64]:
    """(n,) of each row the first row with the same key: itself where it is the first."""
    first: dict[object, int] = {}
    return np.array([first.setdefault(key, row) for row, key in enumerate(keys)], np.int64)


def near_titles(titles: list[str], threshold: float) -> Near:
    """(n,) normal titles -> nearly equal ones, by Jaccard similarity of their shingles. Empty titles are like none."""
    first = first_of(titles)
    distinct = np.array([row for row in np.unique(first).tolist() if titles[row]], np.int64)
    found = list(near_pairs([titles[row] for row in distinct.tolist()], threshold))
    pairs = sorted((int(distinct[i]), int(distinct[j]), alike) for i, j, alike in found)
    sets = Joined(len(titles))
    for row, other in enumerate(first.tolist()):
        if titles[row]:
            sets.join(row, other)
    for i, j, _ in pairs:
        sets.join(i, j)
    return Near(pairs, sets.numbers())


def near_copies(near: Near, titles: list[str], told: list[tuple[str, ...]]) -> dict[int, int]:
    """Row -> the earlier row that it repeats in nearly the same words. That row is never itself one of these.

    Two rows with other numbers (`32 gb`, `64 gb`) or other labels are two products, however alike their words are.
    """
    of: dict[int, int] = {}
    for i, j, _ in near.pairs:
        same = told[i] == told[j] and _NUMBERS.findall(titles[i]) == _NUMBERS.findall(titles[j])
        if same and i not in of and j not in of:
            of[j] = i
    return of


def conflicts(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """(n,) which rows share their normal title with a row of another category or attribute."""
    told = labels(frame)
    first = first_of(frame["title_normal"].tolist())
    differs = {int(f) for row, f in enumerate(first.tolist()) if told[row] != told[f]}
    return np.isin(first, sorted(differs))
