"""What an explanation says, whichever tower gave it, and the protocol by which a tower joins.

A weight is in points of confidence: the weights of all words of a reason, with `rest`, add up to the confidence of the
answer less what an empty product would get. A negative weight spoke against the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

TITLE, BRAND, DESCRIPTION = "title", "brand", "description"


@dataclass(frozen=True, slots=True)
class Product:
    """What is to be explained; the fields of a product-upsert that some tower may read."""

    title: str
    brand: str | None = None
    description: str | None = None
    hint: str | None = None  # the catalogue's own category
    price: float | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the product and what it did for one answer."""

    field: str  # TITLE, BRAND or DESCRIPTION
    begin: int  # code points of that field
    end: int
    text: str
    weight: float
    letters: tuple[float, ...]  # the weight by code point of `text`


@dataclass(frozen=True, slots=True)
class Reason:
    """One answer and the words that carried it, in the order of the text."""

    name: str  # "category", or the attribute's name
    value: tuple[str, ...]  # the category's path, or the attribute's value alone
    confidence: float  # of this answer from the text; a hint is not in it
    empty: float  # what the same answer would get from an empty text
    words: tuple[Word, ...]
    rest: float  # confidence - empty - sum of the weights: the error of the integration

    def leading(self, count: int = 3) -> tuple[Word, ...]:
        """The words with the largest weights above 0, largest first."""
        spoke = [word for word in self.words if word.weight > 0]
        return tuple(sorted(spoke, key=lambda word: -word.weight)[:count])


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A product of the training data that the model takes for alike."""

    title: str
    category: tuple[str, ...]
    similarity: float  # cosine of the model's own vectors


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a product got its answers."""

    product: Product
    model: str  # name and version
    reasons: tuple[Reason, ...]  # the category first
    unread: tuple[str, ...]  # fields given that this answer does not rest on
    neighbours: tuple[Neighbour, ...] = ()


class Explainer(Protocol):
    """A tower that can say why: what the command, the page and the tests need of it."""

    def explain(self, product: Product) -> Explanation:
        """Reasons for the tower's answers, the category first. Never alters the tower."""
        ...
