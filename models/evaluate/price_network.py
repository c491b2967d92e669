"""The deep network for prices beside the ridges that are shipped: python -m models.evaluate.price_network --data DIR

Both read the same n-grams, and the ends of both are moved by the same rule on bucket 9. Which is better is for that
bucket to say; bucket 0 measures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from models.data import prices
from models.data.prices import MARKETS, PricedTexts
from models.data.splits import TEST, TRAIN, VALIDATION
from models.evaluate.price import pinball
from models.price.predictor import Floats, PricePredictor, load_prices
from models.train.price_network import Recipe, fit_network


def compare(part: PricedTexts, ridges: PricePredictor, recipe: Recipe, seed: int) -> dict[str, dict[str, float]]:
    """Model -> pinball loss on both buckets, coverage and width of the 80 % interval; all of ln price."""
    held_out, asked = part.where([VALIDATION]), part.where([TEST])
    task, widen = fit_network(part.where(TRAIN), held_out, recipe, seed=seed)

    def network(given: PricedTexts) -> Floats:
        found = task.quantiles(given.texts)
        low, median, high = found[:, 0] - widen, found[:, 1], found[:, 2] + widen
        return np.stack([np.minimum(low, median), median, np.maximum(high, median)], axis=1)

    def shipped(given: PricedTexts) -> Floats:
        found = ridges.run(given.texts, given.market)
        return np.log(np.stack([found.low, found.median, found.high], axis=1))

    rows = {}
    for name, answer in {"network": network, "two ridges": shipped}.items():
        ends, logs = answer(asked), np.log(asked.prices)
        rows[name] = {
            "pinball loss, validation": float(pinball(np.log(held_out.prices), answer(held_out)).mean()),
            "pinball loss": float(pinball(logs, ends).mean()),
            "coverage": float(((ends[:, 0] <= logs) & (logs <= ends[:, 2])).mean()),
            "width": float((ends[:, 2] - ends[:, 0]).mean()),
        }
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.price_network", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--markets", nargs="*", default=list(MARKETS), help="only these")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    ridges = load_prices()
    for part in prices.load(given.data):
        if part.market in given.markets:
            for name, row in compare(part, ridges, Recipe(), given.seed).items():
                print("| " + " | ".join([part.market, name, *(f"{number:.4f}" for number in row.values())]) + " |")


if __name__ == "__main__":
    main()
