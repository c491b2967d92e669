"""What altered views of its pictures give the marketplace model: `python -m models.evaluate.picture_views --data DIR`.

The same recipe and seeds, with and without views. Bucket 9 stops each fit and says which is better; bucket 0 measures.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.data import marketplace
from models.data.splits import TEST, TRAIN, VALIDATION
from models.fusion.artifact import unpack
from models.fusion.network import FusionNetwork, Inputs
from models.fusion.reader import GoodsReader
from models.train.marketplace import Fitting
from models.train.marketplace_fit import Labels, Recipe
from models.train.marketplace_vectors import columns_of, vectors_of
from models.train.picture_views import views_of

SHOWN = {"text and picture": (True, True, True), "picture alone": (False, True, False)}
BUCKETS = {"bucket 9": VALIDATION, "bucket 0": TEST}


def compare(fitting: Fitting, seeds: list[int]) -> dict[str, list[list[float]]]:
    """Per bucket and what is shown, a row for each seed: share of right answers at both levels."""
    found: dict[str, list[list[float]]] = {}
    for seed in seeds:
        one = replace(fitting, seed=seed).fit(TRAIN, VALIDATION)
        network, words = unpack(one.tensors, one.size, one.parents)
        for bucket, number in BUCKETS.items():
            given, truth = fitting.asked(number, words, one.first, one.second)
            for shown, kept in SHOWN.items():
                right = shares(network, given.only(torch.tensor([kept])), truth)
                found.setdefault(f"{bucket}, {shown}", []).append(right)
    return found


def shares(network: FusionNetwork, given: Inputs, truth: Labels) -> list[float]:
    """Share of right answers at the first level, and at the first two, of the products of which something is shown."""
    asked = given.there.any(dim=1)
    with torch.inference_mode():
        first, second = network.log_probabilities(*network.forward(given))

    def right(answer: Tensor, label: Tensor) -> float:
        return float((answer.argmax(dim=1) == label)[asked].float().mean())

    return [right(first, truth.first), right(second, truth.second)]


def main() -> None:
    """Print the table: means and deviations over the seeds, in per cent."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.picture_views", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--views", type=int, nargs="+", default=[0, 4], help="altered views of each picture")
    parser.add_argument("--cache", type=Path, help="where the vectors of the pictures as they are lie, or are to lie")
    given = parser.parse_args()
    torch.set_num_threads(1)
    goods, reader = marketplace.load(given.data), GoodsReader()
    vectors = vectors_of(goods, reader, given.cache, progress=True)
    most = max(given.views)
    every = views_of(columns_of(goods, pictures=True).pictures or [], most, seed=given.seeds[0]) if most else None
    for count in given.views:
        views = every[:count] if every is not None and count else None
        fitting = Fitting(goods, vectors, reader, replace(Recipe(), views=count), given.seeds[0], False, views)
        for name, rows in compare(fitting, given.seeds).items():
            mean, spread = 100 * np.mean(rows, axis=0), 100 * np.std(rows, axis=0)
            levels = [f"{one:.1f} ± {other:.1f}" for one, other in zip(mean, spread, strict=True)]
            print("| " + " | ".join([f"{count} views", name, *levels]) + " |", flush=True)


if __name__ == "__main__":
    main()
