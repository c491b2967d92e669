"""k-fold cross-validation of titles: groups stay whole, categories are spread evenly, the test bucket stays out.

In each turn one fold measures, the next one stops and calibrates, and the others teach: the fold that measures has had
no say in the model.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from models.data.splits import TEST, TRAIN, VALIDATION
from models.data.titles import LabelledTitles
from models.errors import TrainingError

LEAST = 3  # one fold measures, one stops, one teaches


def folds(sets: Sequence[LabelledTitles], count: int, seed: int) -> Iterator[list[LabelledTitles]]:
    """`count` times the same rows, their buckets written anew: 0 measures, 9 stops and calibrates, 2 teaches.

    Rows of the test bucket are in none of them. Errors: TrainingError when `count` is below 3, or above the number of
    groups of a set.
    """
    if count < LEAST:
        raise TrainingError(f"{count} folds were asked for; with fewer than {LEAST} none is left to learn from")
    open_sets = [part.where([*TRAIN, VALIDATION]) for part in sets]
    places = [fold_of(part, count, seed) for part in open_sets]
    for measured in range(count):
        yield [
            _rewritten(part, place, measured, (measured + 1) % count)
            for part, place in zip(open_sets, places, strict=True)
        ]


def fold_of(part: LabelledTitles, count: int, seed: int) -> NDArray[np.int64]:
    """(n,) the fold of each row, from 0. Errors: TrainingError when there are fewer groups than folds."""
    groups = np.unique(part.keys, return_inverse=True)[1]
    if len(set(part.keys)) < count:
        raise TrainingError(f"{part.domain} has {len(set(part.keys))} groups for {count} folds; ask for fewer folds")
    place = np.empty(len(part), dtype=np.int64)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes with fewer rows than folds: they lie where they can
        for number, (_, rows) in enumerate(splitter.split(groups, part.labels[part.category], groups)):
            place[rows] = number
    return place


def summary(turns: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Figures of each turn -> one row per set, task and metric: mean, its range over the turns, deviation, values."""
    found: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for figures in turns:
        for figure in figures:
            if figure["value"] is not None:
                found[figure["set"], figure["task"], figure["metric"]].append(figure)
    rows = []
    for (data, task, metric), each in found.items():
        values = [float(figure["value"]) for figure in each]
        rows.append(
            {"set": data, "task": task, "metric": metric, "n": sum(figure["n"] for figure in each)}
            | {"value": round(float(np.mean(values)), 4), "low": min(values), "high": max(values)}
            | {"deviation": round(float(np.std(values, ddof=1)), 4) if len(values) > 1 else 0.0, "folds": values}
        )
    return rows


def _rewritten(part: LabelledTitles, place: NDArray[np.int64], measured: int, stopping: int) -> LabelledTitles:
    buckets = np.full(len(part), TRAIN[0], dtype=np.int8)
    buckets[place == measured] = TEST
    buckets[place == stopping] = VALIDATION
    return LabelledTitles(part.domain, part.titles, part.keys, buckets, part.labels, part.category)
