"""What values each attribute had in training, and how often a text that names one means it.

Features of a text for an attribute that had it as a value (case does not count):

    known       1
    often       ln(1 + titles in which it was the value)
    trusted     titles in which it was the value / titles that hold it and were asked for the attribute
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FEATURES = 3

Asked = Mapping[str, Sequence[str]]  # attribute -> values, none where the title does not say
Features = tuple[float, float, float]


class Gazetteer:
    """Values by attribute, with their counts."""

    def __init__(self, values: Mapping[str, Mapping[str, tuple[int, int]]]) -> None:
        """`values`: lower-cased value -> attribute -> (titles in which it was the value, titles that hold it)."""
        self._values = values

    @staticmethod
    def learnt(titles: Iterable[tuple[Iterable[str], Asked]]) -> Gazetteer:
        """From titles, each as the texts of its candidates and what was asked."""
        rows = [({text.lower() for text in texts}, asked) for texts, asked in titles]
        known: dict[str, set[str]] = defaultdict(set)
        meant: Counter[tuple[str, str]] = Counter()
        for _, asked in rows:
            for name, values in asked.items():
                lower = {value.lower() for value in values}
                known[name] |= lower
                meant.update((name, value) for value in lower)
        held: Counter[tuple[str, str]] = Counter()
        for texts, asked in rows:
            for name in asked:
                held.update((name, text) for text in texts & known[name])
        found: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        for (name, value), times in meant.items():
            found[value][name] = (times, max(times, held[name, value]))
        return Gazetteer(found)

    def features(self, text: str, own: Asked | None = None) -> dict[str, Features]:
        """Attribute -> features, for those that had the text as a value.

        `own` is what the very title taught from which the text is taken: it is left out of the counts, so that
        training sees what a new title would see.
        """
        found: dict[str, Features] = {}
        lower = text.lower()
        for name, (times, titles) in self._values.get(lower, {}).items():
            taught = own is not None and name in own
            left = times - (taught and lower in (value.lower() for value in (own or {})[name]))
            if left > 0:
                found[name] = (1.0, math.log1p(left), left / max(titles - taught, left))
        return found

    def knows(self, attribute: str, value: str | None) -> bool:
        """Whether the attribute had this value in training; it never had none."""
        return value is not None and attribute in self._values.get(value.lower(), {})

    def to_table(self) -> dict[str, dict[str, list[int]]]:
        """As JSON: attribute -> value -> [titles in which it was the value, titles that hold it]."""
        table: dict[str, dict[str, list[int]]] = defaultdict(dict)
        for value, by_name in sorted(self._values.items()):
            for name, counts in by_name.items():
                table[name][value] = list(counts)
        return table

    @staticmethod
    def from_table(table: Mapping[str, Mapping[str, Any]]) -> Gazetteer:
        """The inverse of `to_table`. Errors: TypeError, ValueError on a table of another shape."""
        values: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        for name, known in table.items():
            for value, (times, titles) in known.items():
                values[value][name] = (int(times), int(titles))
        return Gazetteer(values)
