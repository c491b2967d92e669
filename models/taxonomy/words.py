"""The words of a title or a category name, the same for both, in English and Chinese.

English words lose their plural; neighbours are also joined, so that `doormat` and `Door Mats` meet. Chinese has no
spaces: its characters, and pairs of them, are the words.
"""

from __future__ import annotations

import re
from itertools import pairwise

CODE_POINTS = 512  # of a title that are read; the product model reads as many
RUN = re.compile(r"[a-z]+|[\u3400-\u9fff]+")
EMPTY = frozenset(["and", "of", "for", "the", "with", "in", "an", "to", "on", "by", "from"])
ASIDE = re.compile(r"\b(?:with|for|in|from|by|w)\b|[,(|/+–]| - ")


def stem(word: str) -> str:
    """The word without its plural ending: `dresses` -> `dress`, `batteries` -> `battery`."""
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 4 and word.endswith(("sses", "xes", "ches", "shes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def english(text: str) -> list[str]:
    """Stemmed English words in order, without those that say nothing."""
    lowered = text[:CODE_POINTS].lower().replace("'s", "").replace("t-light", "tlight")
    found = [run for run in RUN.findall(lowered) if run.isascii()]
    return [stem(word) for word in found if word not in EMPTY and len(word) > 1]


def tokens(text: str) -> list[str]:
    """English words and joined neighbours, Chinese characters and pairs."""
    words = english(text)
    found = words + [a + b for a, b in pairwise(words)]
    for run in RUN.findall(text[:CODE_POINTS]):
        if not run.isascii():
            found += [*run, *(run[i : i + 2] for i in range(len(run) - 1))]
    return found


def head(text: str) -> str:
    """The word that says what the thing is: the last before an aside (`Mug with lid, red` -> `mug`); "" if none."""
    lowered = text[:CODE_POINTS].lower()
    first = next((part for part in ASIDE.split(lowered) if english(part)), lowered)
    words = english(first)
    return words[-1] if words else ""
