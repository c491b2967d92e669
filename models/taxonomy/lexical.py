"""How well the words of a title agree with the words of each category's name and path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.taxonomy.tree import Tree
from models.taxonomy.words import english, head, tokens

Scores = NDArray[np.float32]
CHARACTERS = (3, 5)  # of words: `bedsheets` still meets `sheet`


class Lexical:
    """TF-IDF over category names (both languages in one text), fitted on the tree itself when built."""

    def __init__(self, tree: Tree) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.tree = tree
        own = [f"{a} {b}" for a, b in zip(tree.english, tree.chinese, strict=True)]
        above = [" ".join(own[row] for row in chain[chain >= 0][:-1]) for chain in tree.lineage]
        whole = [f"{a} {b}" for a, b in zip(own, above, strict=True)]
        self.names = TfidfVectorizer(analyzer=tokens, sublinear_tf=True, dtype=np.float32).fit(whole)
        self.spelling = TfidfVectorizer(
            analyzer="char_wb", ngram_range=CHARACTERS, sublinear_tf=True, dtype=np.float32, lowercase=True
        ).fit(tree.english)
        self.own = self.names.transform(own).T.tocsr()  # (words, n)
        self.path = self.names.transform(whole).T.tocsr()
        self.letters = self.spelling.transform(tree.english).T.tocsr()
        self.present = (self.own > 0).astype(np.float32)
        weights = np.asarray(self.names.idf_, dtype=np.float32)
        self.weights = weights
        self.own_weight = np.asarray(weights @ self.present).ravel()  # (n,)
        self.heads = [head(name) for name in tree.english]
        self.words = [frozenset(english(name)) for name in tree.english]

    def scores(self, titles: Sequence[str]) -> dict[str, Scores]:
        """Agreement of each title with each category, five measures, each (titles, n) float32 in 0..1.

        own: cosine with the name; path: with name and ancestors; letters: with the name's spelling; covered: share
        of the name's words (by weight) that the title has; said: share of the title's words that the name has.
        """
        asked = self.names.transform(titles)
        has = (asked > 0).astype(np.float32).multiply(self.weights).tocsr()
        overlap = _dense(has @ self.present)
        total = np.asarray(has.sum(axis=1)).reshape(-1, 1)
        return {
            "own": _dense(asked @ self.own),
            "path": _dense(asked @ self.path),
            "letters": _dense(self.spelling.transform([" ".join(english(t)) for t in titles]) @ self.letters),
            "covered": overlap / np.maximum(self.own_weight, 1e-6),
            "said": overlap / np.maximum(total, 1e-6),
        }


def _dense(matrix: Any) -> Scores:
    return np.asarray(matrix.todense(), dtype=np.float32)
