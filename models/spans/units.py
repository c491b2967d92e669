"""A title as units (runs of letters, runs of digits, single signs) and the runs of units that may be a value.

Candidates lie in a grid of units by REACH: at (s, r) with r >= 1 the r units from s on, at (s, 0) the stem of unit s if
it has one ("Men" in "Mens").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_CHARACTERS = 512  # that are read of a text; titles end well before
MAX_UNITS = 96  # the longest of 3,000 titles has 48
MAX_LENGTH = 12  # units in a value: one in 800 has more
REACH = MAX_LENGTH + 1

_HAN = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # written without spaces: each sign is a unit
_UNIT = re.compile(rf"[{_HAN}]|[^\W\d_{_HAN}]+|\d+|[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class Title:
    """One text, with its u units and its candidates by their place in the grid."""

    text: str
    units: NDArray[np.int64]  # (u, 2) characters, first and one past the last
    candidates: dict[int, tuple[int, int]]  # s * REACH + r -> characters, first and one past the last

    def value(self, place: int) -> str:
        """The text of a candidate."""
        start, end = self.candidates[place]
        return self.text[start:end]


def read(text: str, stems: Sequence[str] = ()) -> Title:
    """Cut a text. Any text is allowed; one without a unit has no candidates.

    `stems` are values that stand for the beginning of a longer word; of two that fit, the longer one counts. Only the
    first MAX_CHARACTERS characters and MAX_UNITS units are looked at.
    """
    found = [match.span() for match in _UNIT.finditer(text[:MAX_CHARACTERS])][:MAX_UNITS]
    candidates: dict[int, tuple[int, int]] = {}
    for first, (start, end) in enumerate(found):
        fitting = [len(stem) for stem in stems if start + len(stem) < end and text.startswith(stem, start)]
        if fitting:
            candidates[first * REACH] = (start, start + max(fitting))
        for length in range(1, min(MAX_LENGTH, len(found) - first) + 1):
            candidates[first * REACH + length] = (start, found[first + length - 1][1])
    return Title(text, np.array(found, dtype=np.int64).reshape(-1, 2), candidates)
