"""The category tree: ids, names in two languages, and who lies below whom.

Source: Shopify's product taxonomy (MIT, Copyright (c) Shopify). An id such as `hg-3-39-2` names its ancestors: the
parent of a category is its id without the last number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.errors import DataError

Language = Literal["en", "zh"]
NONE = "none"  # in a mapping: no category of the tree is right


@dataclass(frozen=True)
class Tree:
    """n categories in the publisher's order; a parent always stands before its children."""

    ids: tuple[str, ...]
    english: tuple[str, ...]  # (n,) own names, without ancestors
    chinese: tuple[str, ...]  # (n,)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, category: str) -> bool:
        return category in self.places

    @cached_property
    def places(self) -> dict[str, int]:
        """Id -> row."""
        return {category: row for row, category in enumerate(self.ids)}

    @cached_property
    def parents(self) -> NDArray[np.int64]:
        """(n,) row of the parent, -1 at the top."""
        found = [self.places[category.rpartition("-")[0]] if "-" in category else -1 for category in self.ids]
        return np.array(found, dtype=np.int64)

    @cached_property
    def lineage(self) -> NDArray[np.int64]:
        """(n, deepest) rows from the top down to the category itself, then -1."""
        chains = [self._chain(row) for row in range(len(self))]
        table = np.full((len(self), max(map(len, chains), default=1)), -1, dtype=np.int64)
        for row, chain in enumerate(chains):
            table[row, : len(chain)] = chain
        return table

    @cached_property
    def depths(self) -> NDArray[np.int64]:
        """(n,) 0 at the top."""
        return np.asarray((self.lineage >= 0).sum(axis=1) - 1, dtype=np.int64)

    @cached_property
    def children(self) -> NDArray[np.int64]:
        """(n,) number of children of each category."""
        return np.bincount(self.parents[self.parents >= 0], minlength=len(self))

    def path(self, category: str, language: Language = "en") -> tuple[str, ...]:
        """Names from the top down to the category. Errors: DataError for an id that is not in the tree."""
        names = self.english if language == "en" else self.chinese
        return tuple(names[row] for row in self._chain(self.row(category)))

    def row(self, category: str) -> int:
        """Row of an id. Errors: DataError for an id that is not in the tree."""
        try:
            return self.places[category]
        except KeyError:
            raise DataError(
                f"category {category!r} is not in the taxonomy of {len(self)} categories; ids look like `hg-3-39-2`"
            ) from None

    def within(self, category: str, ancestor: str) -> bool:
        """Whether the category is the ancestor or lies below it."""
        return category == ancestor or category.startswith(f"{ancestor}-")

    def _chain(self, row: int) -> list[int]:
        chain = [row]
        while self.parents[chain[-1]] >= 0:
            chain.append(int(self.parents[chain[-1]]))
        return chain[::-1]


def accepted(tree: Tree, patterns: Iterable[str]) -> frozenset[str]:
    """The ids that a label stands for: `hg-3-30` is itself, `hg-3-30*` it and all below it. Errors: DataError."""
    found: set[str] = set()
    for pattern in patterns:
        top = pattern.removesuffix("*")
        tree.row(top)
        found.update([top] if top == pattern else (one for one in tree.ids if tree.within(one, top)))
    return frozenset(found)


def from_paths(ids: Sequence[str], english: Sequence[str], chinese: Sequence[str]) -> Tree:
    """A tree from ids and own names. Errors: DataError when a parent is missing or an id stands twice."""
    known = set(ids)
    if len(known) != len(ids):
        raise DataError(f"the taxonomy names {len(ids) - len(known)} ids twice; take the publisher's file as it is")
    for category in ids:
        parent = category.rpartition("-")[0]
        if parent and parent not in known:
            raise DataError(f"category {category!r} has no parent {parent!r} in the taxonomy; the file is cut short")
    return Tree(tuple(ids), tuple(english), tuple(chinese))
