"""Accuracy by slice: how well a head does on short titles, dear goods, new brands, rare categories; and the gap alarm.

Slices of evaluation: title length in words, script (of the languages, what the letters tell), price band (quarters of
the training prices, where the catalogue has prices), brand seen or unseen in training, and training rows of the true
category. A brand is taken to be a title's first word, as these catalogues write it; grocery titles begin with none.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data import grocery
from models.data.titles import LabelledTitles
from models.evaluate.metrics import Cases, group_draws

LENGTHS = ((1, 3), (4, 5), (6, 8), (9, 10_000))  # words
RARITY = ((0, 19), (20, 99), (100, 999), (1_000, 10**9))  # training rows of the true category
QUARTERS = ("cheapest quarter", "second quarter", "third quarter", "dearest quarter")
GAP = 0.05  # accuracy below the whole's that a slice may have beyond its interval
FEWEST_GROUPS = 30  # fewer products than this: the interval of a slice says nothing, and no alarm is given
UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Traits:
    """Which slice each of n rows is in, by kind of slice; UNKNOWN where it cannot be told."""

    of: dict[str, list[str]]  # kind -> (n,)


def traits(taught: LabelledTitles, asked: LabelledTitles, prices: Mapping[str, float]) -> Traits:
    """Traits of the rows asked. `prices` by grouping key, may be empty."""
    rows = Counter(taught.labels[taught.category])
    known = {_brand(taught.domain, title) for title in taught.titles}
    brands = [_brand(asked.domain, title) for title in asked.titles]
    paid = [prices[key] for key in sorted(set(taught.keys)) if key in prices]
    edges = np.quantile(paid, [0.25, 0.5, 0.75]) if paid else np.zeros(3)
    of = {
        "title length": [_band(len(title.split()), LENGTHS, "words") for title in asked.titles],
        "script": [script(title) for title in asked.titles],
        "price band": [
            QUARTERS[int(np.searchsorted(edges, prices[key], side="right"))] if key in prices and paid else UNKNOWN
            for key in asked.keys
        ],
        "brand": [UNKNOWN if not brand else "seen" if brand in known else "unseen" for brand in brands],
        "category rarity": [
            _band(rows[label], RARITY, "training rows") if label else UNKNOWN for label in asked.labels[asked.category]
        ],
    }
    return Traits(of)


def script(title: str) -> str:
    """What most letters of a title are written in, as Unicode names it: `latin`, `cjk`; UNKNOWN without letters."""
    counts = Counter(unicodedata.name(letter, "?").split(" ")[0].lower() for letter in title if letter.isalpha())
    return counts.most_common(1)[0][0] if counts else UNKNOWN


def slices(cases: Cases, rows: NDArray[np.int64], given: Traits, of: Mapping[str, str]) -> list[dict[str, Any]]:
    """Accuracy of each slice with its 95 % interval over groups, beside the accuracy of all cases.

    `rows` (cases,) are the places of the cases among the rows of the traits; `of` names set and task.
    """
    right = (cases.truth == cases.predicted).astype(np.float64)
    names = {kind: np.array(values)[rows] for kind, values in given.of.items()}
    marks = [(kind, name, each == name) for kind, each in names.items() for name in _order(set(each) - {UNKNOWN})]
    if not marks:
        return []
    groups = int(cases.groups.max()) + 1
    inside = np.stack([np.bincount(cases.groups, mark, groups) for _, _, mark in marks])  # (slices, groups) cases
    hits = np.stack([np.bincount(cases.groups, mark * right, groups) for _, _, mark in marks])
    drawn = [(hits @ draw, inside @ draw) for draw in group_draws(cases.groups)]
    with np.errstate(invalid="ignore"):
        accuracies = np.stack([hit / size for hit, size in drawn])  # (replicates, slices), nan where none was drawn
    low, high = np.nanpercentile(accuracies, [2.5, 97.5], axis=0)
    return [
        {**of, "kind": kind, "slice": str(name), "n": int(mark.sum()), "groups": int((inside[i] > 0).sum())}
        | {"accuracy": round(float(right[mark].mean()), 4), "whole": round(float(right.mean()), 4)}
        | {"low": round(float(low[i]), 4), "high": round(float(high[i]), 4)}
        for i, (kind, name, mark) in enumerate(marks)
    ]


def gaps(found: Sequence[Mapping[str, Any]], bound: float = GAP) -> list[dict[str, Any]]:
    """The slices whose figure is more than `bound` below that of the whole even at the upper end of its interval.

    The figure is `accuracy`, or for rows that name another `metric` their `value`.
    """
    return [
        {**each, "gap": round(each["whole"] - _figure(each)[1], 4)}
        for each in found
        if each["groups"] >= FEWEST_GROUPS and each["whole"] - each["high"] > bound
    ]


def gap_line(gap: Mapping[str, Any]) -> str:
    """One gap as a sentence: `fashion season, brand unseen: accuracy 0.61 [...], 0.84 of all cases`."""
    metric, value = _figure(gap)
    where = "" if "metric" in gap else f", {gap['kind']} {gap['slice']}"  # else the task says it
    return (
        f"{gap['set']} {gap['task']}{where}: {metric} {value:.3f} "
        f"[{gap['low']:.3f}, {gap['high']:.3f}] of {gap['n']:,}, all cases {gap['whole']:.3f}"
    )


def _figure(row: Mapping[str, Any]) -> tuple[str, float]:
    return (row["metric"], row["value"]) if "metric" in row else ("accuracy", row["accuracy"])


def _brand(domain: str, title: str) -> str:
    return title.split()[0].lower() if title.split() and domain != grocery.DOMAIN else UNKNOWN


def _band(number: int, bands: Sequence[tuple[int, int]], unit: str) -> str:
    least, most = next((band for band in bands if band[0] <= number <= band[1]), bands[0])
    if (least, most) == bands[-1]:
        return f"{least:,} {unit} or more"
    return f"{least:,}-{most:,} {unit}"


def _order(names: set[str]) -> list[str]:
    """Bands from low to high, names by the alphabet."""
    known = [*(_band(b[0], LENGTHS, "words") for b in LENGTHS), *QUARTERS]
    known += [_band(b[0], RARITY, "training rows") for b in RARITY]
    return sorted(names, key=lambda name: (known.index(name) if name in known else -1, name))
