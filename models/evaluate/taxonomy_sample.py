"""A labelled sample of titles, and figures that are shares of right answers; how labelled: `samples/README.md`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import DataError
from models.evaluate.metrics import REPLICATES
from models.taxonomy.tree import Tree, accepted

SAMPLE = Path(__file__).with_name("samples") / "taxonomy.tsv"
VALIDATION = SAMPLE.with_name("taxonomy-validation.tsv")
COLUMNS = ("source", "language", "title", "categories")
SET = "taxonomy"


@dataclass(frozen=True, slots=True)
class Labelled:
    """n titles with the categories that are right for each."""

    sources: tuple[str, ...]
    languages: tuple[str, ...]
    titles: tuple[str, ...]
    right: tuple[frozenset[str], ...]

    def __len__(self) -> int:
        return len(self.titles)


def read_sample(tree: Tree, file: Path = SAMPLE) -> Labelled:
    """A labelled file. Errors: DataError for another header, a line that is cut short, an id that does not exist."""
    lines = file.read_text(encoding="utf-8").splitlines()
    if not lines or tuple(lines[0].split("\t")) != COLUMNS:
        raise DataError(f"{file} begins with {lines[:1]}, wanted the columns {COLUMNS} between tabs")
    cells = [line.split("\t") for line in lines[1:]]
    for number, cell in enumerate(cells, start=2):
        if len(cell) != len(COLUMNS):
            raise DataError(f"{file} line {number} has {len(cell)} cells, wanted {len(COLUMNS)}")
    sources, languages, titles, labels = zip(*cells, strict=True)
    return Labelled(sources, languages, titles, tuple(accepted(tree, label.split()) for label in labels))


def above(tree: Tree, category: str, right: frozenset[str]) -> bool:
    """Whether the category is one of the right ones or lies above one."""
    return any(tree.within(one, category) for one in right)


def share_record(task: str, metric: str, right: NDArray[np.bool_], others: dict[str, float]) -> dict[str, Any]:
    """A figure that is a share of right answers, with its 95 % interval over cases."""
    random = np.random.default_rng(0)
    drawn = right[random.integers(0, len(right), (REPLICATES, len(right)))].mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return record(task, metric, len(right), float(right.mean()), float(low), float(high), others)


def record(
    task: str, metric: str, count: int, found: float, low: float, high: float, others: dict[str, float]
) -> dict[str, Any]:
    """A figure as every evaluation of the project writes it."""
    return (
        {"set": SET, "task": task, "metric": metric, "n": count, "value": round(found, 4)}
        | {"low": round(low, 4), "high": round(high, 4)}
        | {"baselines": {name: round(share, 4) for name, share in others.items()}}
    )
