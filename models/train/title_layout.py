"""The layout that labelled titles ask for: heads, labels in sorted order, and the usual path of each category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from models.data import electronics, fashion, grocery
from models.data.titles import LabelledTitles
from models.text.layout import Domain, Head, Layout

_PATHS = {fashion.DOMAIN: fashion.PATH, electronics.DOMAIN: (electronics.CATEGORY,), grocery.DOMAIN: grocery.PATH}
_ATTRIBUTES = {fashion.DOMAIN: fashion.ATTRIBUTES, electronics.DOMAIN: (), grocery.DOMAIN: grocery.ATTRIBUTES}


def layout_of(training: Sequence[LabelledTitles]) -> Layout:
    """Heads and labels seen in the training rows. A category has the path that most of its rows have."""
    return Layout(tuple(_domain(part) for part in training))


def _domain(part: LabelledTitles) -> Domain:
    category = _head(part, part.category)
    levels = [part.labels[name] for name in _PATHS[part.domain]]
    seen: dict[str, Counter[tuple[str, ...]]] = {label: Counter() for label in category.labels}
    for label, path in zip(part.labels[part.category], zip(*levels, strict=True), strict=True):
        if label:
            seen[label][path] += 1
    # The smallest of equally frequent paths: a rerun must not depend on the order of rows.
    paths = tuple(min(seen[label].items(), key=lambda item: (-item[1], item[0]))[0] for label in category.labels)
    return Domain(part.domain, category, paths, tuple(_head(part, name) for name in _ATTRIBUTES[part.domain]))


def _head(part: LabelledTitles, name: str) -> Head:
    return Head(part.domain, name, tuple(sorted(set(part.labels[name]) - {""})))
