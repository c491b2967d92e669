"""Other ways to write the same title: a word left out, two words exchanged, another spelling, a typing error.

After Wei and Zou 2019, "EDA" (arXiv:1901.11196), with synonyms that keep a product what it is: spellings of colours,
garments, sizes and units only. A word that says the label of the row may be told to stay.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

# Each line: ways to write the same. None of them turns one colour, kind or size of the data sets into another.
_SAME = (
    ("grey", "gray"),
    ("khaki", "khakhi"),
    ("golden", "gold"),
    ("multicoloured", "multicolored", "multi coloured", "multicolour"),
    ("tshirt", "t-shirt", "tee"),
    ("trousers", "trouser"),
    ("sandals", "sandal"),
    ("small", "s"),
    ("medium", "m"),
    ("large", "l"),
    ("xl", "extra large", "x-large"),
    ("xxl", "2xl"),
    ("oz", "ounce", "ounces"),
    ("lb", "pound", "lbs"),
    ("ct", "count"),
    ("ml", "millilitres"),
    ("gb", "gigabyte"),
    ("inch", "inches"),
    ("mens", "men's", "men"),
    ("womens", "women's", "women"),
)
# A single letter stays: it may be a size, a litre or what is left of "men's".
SYNONYMS = {
    word: [other for other in same if other != word]
    for same in _SAME
    for word in same
    if " " not in word and len(word) > 1
}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def altered(title: str, random: np.random.Generator, keep: Collection[str] = ()) -> str:
    """One other way to write the title. Words of `keep` (lower case) are neither left out nor mistyped.

    Each of the four changes comes with a chance of a half, at least one of them comes; a title of one word that is to
    be kept stays as it is.
    """
    words = title.split()
    wanted = random.random(4) < 0.5
    wanted[random.integers(4)] = True
    free = [i for i, word in enumerate(words) if word.lower().strip(",.") not in keep]
    if wanted[0]:
        words = [_other_spelling(word, random) for word in words]
    if wanted[1] and free:
        place = int(random.choice(free))
        words[place] = _mistyped(words[place], random)
    if wanted[2] and len(words) > 2 and free:
        words.pop(int(random.choice(free)))
    if wanted[3] and len(words) > 1:
        place = int(random.integers(len(words) - 1))
        words[place], words[place + 1] = words[place + 1], words[place]
    return " ".join(words)


def _other_spelling(word: str, random: np.random.Generator) -> str:
    others = SYNONYMS.get(word.lower())
    return str(random.choice(others)) if others else word


def _mistyped(word: str, random: np.random.Generator) -> str:
    """One letter left out, doubled, exchanged with the next, or replaced."""
    if len(word) < 4:
        return word
    place = int(random.integers(1, len(word) - 1))
    before, letter, after = word[:place], word[place], word[place + 1 :]
    changed = (
        before + after,
        before + letter + letter + after,
        before + after[0] + letter + after[1:],
        before + str(random.choice(list(_LETTERS))) + after,
    )
    return changed[int(random.integers(4))]
