"""What each word of a title does for the likeliest category: the evidence that is lost where the word is left out.

A weight is the logarithm of the category's odds with the word less that without it (weight of evidence: Robnik-Sikonja
and Kononenko, IEEE TKDE 20(5), 2008), since of an answer that is sure no single word takes much of the confidence. It
needs no gradient and no library, and asks whatever model gave the answer, so it can go with the predictions of the
stream; `models.explain.titles` is slower and shares the confidence itself out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import log
from typing import TypeVar

from models.columns import ProductBatch, ProductColumns
from schemas.predictions import Explanation, ImageWeight, TextWeight

METHOD = "weight of evidence"
MOST_TRIED = 16  # words of a title; each is an inference
DIGITS = 4
T = TypeVar("T")
LEAST = 1e-7  # a confidence is taken for no less, and for no more than 1 less this
_WORD = re.compile(r"\w+(?:['’.-]\w+)*")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")  # Chinese and Japanese: letters stand for words there


def with_explanations(
    run: Callable[[ProductColumns], ProductBatch], products: ProductColumns, answer: ProductBatch, words: int
) -> ProductBatch:
    """An answer of `run` with up to `words` weights of each title, and that of its picture, the weightiest first.

    Weights are differences of log odds; where the category is no longer among the alternatives without the word, its
    confidence there counts as LEAST. Products without an answer have no explanation. Errors: those of `run`.
    """
    owners, cuts = list[int](), list[tuple[int, int] | None]()
    for row, title in enumerate(products.titles):
        if answer.category_ids[row, 0] < 0:
            continue
        tried: list[tuple[int, int] | None] = list(_words(title))
        if products.images is not None and products.images[row] is not None:
            tried.append(None)
        owners += [row] * len(tried)
        cuts += tried
    weights: list[list[float]] = [[] for _ in products.titles]
    places: list[list[tuple[int, int] | None]] = [[] for _ in products.titles]
    if owners:
        without = run(_occluded(products, owners, cuts))
        for variant, (row, cut) in enumerate(zip(owners, cuts, strict=True)):
            same = without.category_ids[variant] == answer.category_ids[row, 0]
            left = float(without.category_confidence[variant][same].sum())
            weights[row].append(round(_log_odds(float(answer.category_confidence[row, 0])) - _log_odds(left), DIGITS))
            places[row].append(cut)
    explanations = [
        None if answer.category_ids[row, 0] < 0 else _explanation(weights[row], places[row], words)
        for row in range(len(products.titles))
    ]
    return replace(answer, explanations=explanations)


def _log_odds(confidence: float) -> float:
    share = min(max(confidence, LEAST), 1 - LEAST)
    return log(share / (1 - share))


def _words(title: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for match in _WORD.finditer(title):
        begin, end = match.span()
        if _UNSPACED.search(match.group()):
            found += [(at, min(at + 2, end)) for at in range(begin, end, 2)]
        else:
            found.append((begin, end))
        if len(found) >= MOST_TRIED:
            break
    return found[:MOST_TRIED]


def _occluded(
    products: ProductColumns, owners: Sequence[int], cuts: Sequence[tuple[int, int] | None]
) -> ProductColumns:
    def of(column: list[T] | None) -> list[T] | None:
        return None if column is None else [column[row] for row in owners]

    titles = [
        products.titles[row] if cut is None else products.titles[row][: cut[0]] + products.titles[row][cut[1] :]
        for row, cut in zip(owners, cuts, strict=True)
    ]
    images = of(products.images)
    if images is not None:
        images = [None if cut is None else image for image, cut in zip(images, cuts, strict=True)]
    return ProductColumns(
        titles,
        of(products.brands),
        of(products.descriptions),
        of(products.hints),
        images,
        of(products.prices),
        of(products.currencies),
    )


def _explanation(weights: list[float], places: list[tuple[int, int] | None], words: int) -> Explanation:
    order = sorted(range(len(weights)), key=lambda i: -abs(weights[i]))
    text = [TextWeight(*place, weights[i]) for i in order if (place := places[i]) is not None and weights[i]]
    image = [ImageWeight(0.0, 0.0, 1.0, 1.0, weights[i]) for i in order if places[i] is None]
    return Explanation(METHOD, text=text[:words], image=image)
