"""Words of the trade that name a thing, such as `t-light holder` or `dohar`, and the categories they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.taxonomy.tree import Tree
from models.taxonomy.vectors import Floats
from models.taxonomy.words import english

LONGEST = 4  # words of a phrase
FIRST_CATEGORY, OTHERS = 1.0, 0.7  # a phrase names its likeliest category first
ELSEWHERE = 0.4  # a phrase that is not the last in the title: `wall art` in `Wall Art Bicycle Bell`


class Phrases:
    """Phrases with their categories, by their stemmed words."""

    def __init__(self, tree: Tree, table: Mapping[str, Sequence[str]]) -> None:
        self.categories = len(tree)
        self.table = {tuple(english(phrase)): [tree.row(one) for one in ids] for phrase, ids in table.items()}

    def votes(self, titles: Sequence[str]) -> Floats:
        """(n,) titles -> (n, categories) votes in 0..1: whole for the last phrase of a title, less for those before."""
        found = np.zeros((len(titles), self.categories), dtype=np.float32)
        for at, title in enumerate(titles):
            for place, rows in enumerate(self._named(english(title))):
                weight = 1.0 if place == 0 else ELSEWHERE
                for rank, row in enumerate(rows):
                    share = weight * (FIRST_CATEGORY if rank == 0 else OTHERS)
                    found[at, row] = max(found[at, row], share)
        return found

    def _named(self, words: Sequence[str]) -> list[list[int]]:
        """Categories of the phrases of a title, the last first; of two that end together the longer."""
        named, end = [], len(words)
        while end > 0:
            for length in range(min(LONGEST, end), 0, -1):
                rows = self.table.get(tuple(words[end - length : end]))
                if rows:
                    named.append(rows)
                    end -= length
                    break
            else:
                end -= 1
        return named
