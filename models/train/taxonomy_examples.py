"""Titles with weak labels for the taxonomy: from the mapped catalogues, and from phrases that name a thing.

Buckets 2-8 only. A label is a pattern as in the samples: `hg-3-30`, or `hg-11*` where the catalogue's label is coarse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.data import electronics, fashion, grocery
from models.data.splits import TRAIN, bucket
from models.data.titles import LabelledTitles, read_table
from models.errors import DataError
from models.taxonomy.mapping import STEP, category_of
from models.taxonomy.words import english

PHRASES = Path(__file__).with_name("taxonomy-phrases.tsv")
FASHION_TITLES = 6  # of each article type: the tree, not the catalogue, is to be learnt
ELECTRONICS_TITLES = 25  # of each of ten categories
SOLD = 5  # sales of a stock description; rarer ones are often notes of the staff
LEFT = 2  # words that may follow the phrase (a colour, a size) before it no longer names the thing
ASIDE = re.compile(r"\b(?:with|in|for)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Weak:
    """A title and the categories it may belong to."""

    source: str
    title: str
    patterns: tuple[str, ...]

    @property
    def fine(self) -> tuple[str, ...]:
        """The categories without what lies below them."""
        return tuple(pattern.removesuffix("*") for pattern in self.patterns)


def weak_examples(data: Path, seed: int = 3) -> list[Weak]:
    """All of them, in a fixed order. Errors: DataError."""
    random = np.random.default_rng(seed)
    return [
        *_gifts(data),
        *_marketplace(data),
        *_of_labels(fashion.load(data), "articleType", FASHION_TITLES, random),
        *_of_labels(electronics.load(data), "category", ELECTRONICS_TITLES, random),
        *_grocery(),
    ]


def phrases(file: Path = PHRASES) -> dict[str, tuple[str, ...]]:
    """Phrase -> category ids: words that 3 or more training titles end with, labelled by hand. Errors: DataError."""
    lines = file.read_text(encoding="utf-8").splitlines()
    cells = [line.split("\t") for line in lines[1:]]
    if not lines or lines[0] != "phrase\tcategories" or any(len(cell) != 2 for cell in cells):
        raise DataError(f"{file} must have the columns phrase and categories between tabs, in every line")
    return {phrase: tuple(ids.split()) for phrase, ids in cells}


def named_by(title: str, known: dict[tuple[str, ...], tuple[str, ...]]) -> tuple[str, ...]:
    """The ids of the phrase that a title ends with, or nearly; of several the last, then the longest. () if none."""
    words = english(ASIDE.split(title)[0]) or english(title)
    best: tuple[int, int, tuple[str, ...]] = (0, 0, ())
    for length in range(1, 5):
        for start in range(len(words) - length + 1):
            ids = known.get(tuple(words[start : start + length]))
            if ids and start + length >= max(len(words) - LEFT, 1):
                best = max(best, (start + length, length, ids))
    return best[2]


def _gifts(data: Path) -> Iterator[Weak]:
    frame = read_table(data / "gifts" / "transactions.csv.gz", ["StockCode", "Description"])
    stock = frame["Description"][frame["StockCode"].str.match(r"^\d{5}")].str.strip()
    counts = stock[stock.str.upper() == stock].value_counts()
    known = {tuple(english(phrase)): ids for phrase, ids in phrases().items()}
    for title in sorted(str(name) for name in counts.index[counts >= SOLD]):
        ids = named_by(title, known) if bucket(title.lower()) in TRAIN else ()
        if ids:
            yield Weak("gifts", " ".join(title.split()), ids)


def _marketplace(data: Path) -> Iterator[Weak]:
    frame = read_table(data / "marketplace" / "products.csv.gz", ["product_name", "product_category_tree"])
    for title, tree in sorted(set(zip(frame["product_name"], frame["product_category_tree"], strict=True))):
        label = STEP.join(level.strip() for level in tree.strip('[]"').split(STEP.strip()))
        category = category_of("marketplace", label)
        if category and bucket(title.lower()) in TRAIN:
            yield Weak("marketplace", title, (f"{category}*",))


def _grocery() -> Iterator[Weak]:
    part = grocery.load().where(TRAIN)
    first: dict[tuple[str, str], str] = {}
    for title, label in zip(part.titles, part.labels["category"], strict=True):
        first.setdefault((title.split(",")[0].removeprefix(f"{grocery.OWN_BRAND} "), label), title)
    for (_, label), title in sorted(first.items()):
        category = category_of("grocery", label)
        if category:
            yield Weak("grocery", title, (f"{category}*",))


def _of_labels(part: LabelledTitles, head: str, most: int, random: np.random.Generator) -> Iterator[Weak]:
    taught = part.where(TRAIN)
    titles: dict[str, set[str]] = {}
    for title, label in zip(taught.titles, taught.labels[head], strict=True):
        titles.setdefault(label, set()).add(title)
    for label, found in sorted(titles.items()):
        category = category_of(part.domain, label)
        if category:
            yield from (Weak(part.domain, title, (category,)) for title in _some(sorted(found), most, random))


def _some(titles: Sequence[str], most: int, random: np.random.Generator) -> list[str]:
    return [titles[i] for i in random.choice(len(titles), min(most, len(titles)), replace=False)]
