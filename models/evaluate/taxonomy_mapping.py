"""Measure the mapping from our labels to Shopify ids on the labelled sample.

The sample's categories were chosen from each title, not from its label, so they judge the mapping from outside. A label
may be coarser than a title; besides "right" (the mapped id is one of the title's) there is "on the path" (the mapped id
is one of them or lies above one).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from models.data import electronics, fashion, grocery
from models.data.splits import TEST, bucket
from models.data.titles import read_table
from models.evaluate.taxonomy_sample import SAMPLE, above, read_sample, share_record
from models.taxonomy.mapping import STEP, category_of
from models.taxonomy.tree import Tree


def evaluate_mapping(tree: Tree, data: Path, sample: Path = SAMPLE) -> list[dict[str, Any]]:
    """Figures, one pair a catalogue and one for all, with intervals over titles. Errors: DataError."""
    asked = read_sample(tree, sample)
    labels = _labels(data)
    found: dict[str, list[tuple[bool, bool]]] = {}
    for source, title, right in zip(asked.sources, asked.titles, asked.right, strict=True):
        label = labels.get((source, " ".join(title.split())))
        category = category_of(source, label) if label is not None else None
        if category is not None:
            verdict = category in right, above(tree, category, right)
            found.setdefault(source, []).append(verdict)
            found.setdefault("all", []).append(verdict)
    records = []
    for source, verdicts in found.items():
        exact, path = np.array(verdicts).T
        records.append(share_record(f"mapping, {source}", "right", exact, {}))
        records.append(share_record(f"mapping, {source}", "on the path", path, {}))
    return records


def _labels(data: Path) -> dict[tuple[str, str], str]:
    """(catalogue, title) -> label, of bucket 0."""
    found: dict[tuple[str, str], str] = {}
    for part, head in (
        (fashion.load(data), "articleType"),
        (electronics.load(data), "category"),
        (grocery.load(), "category"),
    ):
        tested = part.where([TEST])
        for title, label in zip(tested.titles, tested.labels[head], strict=True):
            found[part.domain, " ".join(title.split())] = label
    frame = read_table(data / "marketplace" / "products.csv.gz", ["product_name", "product_category_tree"])
    for title, tree in zip(frame["product_name"], frame["product_category_tree"], strict=True):
        if bucket(title.lower()) == TEST:
            label = STEP.join(level.strip() for level in tree.strip('[]"').split(STEP.strip()))
            found["marketplace", " ".join(title.split())] = label
    return found
