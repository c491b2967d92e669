"""What speaks for and against each candidate category of a title, as numbers for the reranker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.taxonomy.lexical import Lexical
from models.taxonomy.tree import Tree
from models.taxonomy.vectors import Floats
from models.taxonomy.words import RUN, head

CANDIDATES = 60
# First guess, over all categories: weights of the measures, by hand; the reranker weighs anew.
GUESS = {"e5": 0.25, "minilm": 0.25, "own": 2.0, "path": 1.0, "letters": 1.0, "votes": 3.0}
NAMES = (
    *("e5", "e5 gap", "minilm", "minilm gap", "own", "path", "letters", "covered", "said", "both", "head is in name"),
    *("heads are equal", "votes", "votes below", "votes above", "depth", "leaf", "parent e5", "top share"),
    *("second share", "third share", "parent share", "guess gap", "chinese", "named"),
)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Of n titles, K categories each, the likeliest first by the first guess."""

    rows: NDArray[np.int64]  # (n, K) rows of the tree
    values: Floats  # (n, K, len(NAMES))


def is_chinese(title: str) -> bool:
    """Whether a title holds Chinese characters."""
    return any(not run.isascii() for run in RUN.findall(title))


def candidates(
    tree: Tree, lexical: Lexical, titles: Sequence[str], similar: dict[str, Floats], votes: Floats, named: Floats
) -> Candidates:
    """The likeliest categories with their features.

    `similar` holds each encoder's cosines, (n, categories) by name ("e5", "minilm"); an encoder that is left out is
    replaced by the other, so that the reranker sees what it knows. `votes` are those of labelled titles, `named` those
    of phrases, each (n, categories).
    """
    chinese = np.array([is_chinese(title) for title in titles])
    words = lexical.scores(titles)
    near = {name: _standard(cosines) for name, cosines in similar.items()}
    other = near["minilm"] if "minilm" in near else near["e5"]
    # MiniLM reads English only: for a Chinese title its place is taken by e5.
    other = np.where(chinese[:, None], near["e5"], other)
    votes = votes + named
    guess = GUESS["votes"] * votes + GUESS["e5"] * near["e5"] + GUESS["minilm"] * other
    for name in ("own", "path", "letters"):
        guess = guess + GUESS[name] * words[name]
    count = min(CANDIDATES, len(tree))
    rows = np.argpartition(-guess, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(guess, rows, axis=1), axis=1, kind="stable")
    rows = np.take_along_axis(rows, order, axis=1)

    def pick(table: Floats) -> Floats:
        return np.take_along_axis(table, rows, axis=1)

    weight = np.exp(pick(guess) - pick(guess)[:, :1])
    weight /= weight.sum(axis=1, keepdims=True)
    lines = tree.lineage[rows]  # (n, K, deepest)
    parent = np.where(tree.parents[rows] < 0, rows, tree.parents[rows])
    above, below = _votes_around(tree, lines, rows, votes)
    in_name, equal = _heads(lexical, titles, rows)
    values = np.stack(
        [
            pick(near["e5"]) / 5,
            (pick(near["e5"]) - near["e5"].max(axis=1, keepdims=True)) / 5,
            pick(other) / 5,
            (pick(other) - other.max(axis=1, keepdims=True)) / 5,
            *(pick(words[name]) for name in ("own", "path", "letters", "covered", "said")),
            np.sqrt(pick(words["covered"]) * pick(words["said"])),
            in_name,
            equal,
            pick(votes),
            below,
            above,
            tree.depths[rows] / 5,
            (tree.children[rows] == 0).astype(np.float32),
            np.take_along_axis(near["e5"], parent, axis=1) / 5,
            *(_share(lines[:, :, min(level, lines.shape[2] - 1)], weight) for level in (0, 1, 2)),
            _share(parent, weight),
            (pick(guess) - pick(guess)[:, :1]) / 3,
            np.repeat(chinese[:, None], count, axis=1),
            pick(named),
        ],
        axis=2,
    )
    return Candidates(rows, values.astype(np.float32))


def _standard(cosines: Floats) -> Floats:
    """Each title's cosines in standard deviations from their mean over all categories."""
    centred = cosines - cosines.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-6), dtype=np.float32)


def _share(groups: NDArray[np.int64], weight: Floats) -> Floats:
    """(n, K) weight of all candidates of a title that stand in the same group; 0 where there is no group (-1)."""
    same = groups[:, :, None] == groups[:, None, :]
    return np.where(groups >= 0, (same * weight[:, None, :]).sum(axis=2), 0).astype(np.float32)


def _votes_around(
    tree: Tree, lines: NDArray[np.int64], rows: NDArray[np.int64], votes: Floats
) -> tuple[Floats, Floats]:
    """(n, K) votes for the ancestors of each candidate, and for what lies below it."""
    title = np.arange(len(rows))[:, None, None]
    upward = np.where((lines >= 0) & (lines != rows[:, :, None]), votes[title, lines], 0).sum(axis=2)
    below = np.zeros_like(votes)
    for at, category in zip(*np.nonzero(votes), strict=True):
        chain = tree.lineage[category]
        below[at, chain[chain >= 0][:-1]] += votes[at, category]
    return upward.astype(np.float32), np.take_along_axis(below, rows, axis=1)


def _heads(lexical: Lexical, titles: Sequence[str], rows: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """(n, K) whether the title's head word stands in the name, and whether it is the name's own head word.

    Chinese has no such word: the share of the name's pairs of characters that the title has stands for both.
    """
    inside = np.zeros(rows.shape, dtype=np.float32)
    equal = np.zeros(rows.shape, dtype=np.float32)
    for at, title in enumerate(titles):
        if is_chinese(title):
            for place, row in enumerate(rows[at]):
                name = lexical.tree.chinese[row]
                pairs = [name[i : i + 2] for i in range(len(name) - 1)]
                inside[at, place] = sum(pair in title for pair in pairs) / max(len(pairs), 1)
                equal[at, place] = name in title
            continue
        word = head(title)
        if word:
            for place, row in enumerate(rows[at]):
                inside[at, place] = word in lexical.words[row]
                equal[at, place] = word == lexical.heads[row]
    return inside, equal
