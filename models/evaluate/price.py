"""How good the price ranges are, on products (bucket 0) that no fitting saw, beside two baselines of the same run.

median of the category          the quantiles of the training prices of the product's category (of all, without one)
tf-idf ridge                    ridge on ln price over words and pairs of words (sublinear, seen twice), its quantiles
                                those of its residuals on bucket 9; it reads the text as it is, stated prices included
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from models.data import prices
from models.data.prices import PricedTexts
from models.data.splits import TEST, TRAIN, VALIDATION
from models.evaluate.metrics import Cases, interval
from models.price.predictor import QUANTILES, Floats, PricePredictor, distance, load_prices

CATEGORY = "median of the category"
RIDGE = "tf-idf ridge on ln price"
TASK = "price range"
MISTAKE = 10.0  # a slipped decimal point


def evaluate(data: Path, artifact: Path | None = None, *, baselines: bool = True) -> dict[str, Any]:
    """Figures of an artifact (None = the shipped one) on bucket 0, as JSON-able values.

    `figures`: per market and metric n, value, 95 % interval over groups and the baselines' values; losses in the
    market's currency, and of ln price. Errors: DataError, ArtifactError.
    """
    predictor = load_prices(artifact)
    figures: list[dict[str, Any]] = []
    for part in prices.load(data):
        asked = part.where([TEST])
        others = {CATEGORY: by_category(part), RIDGE: by_ridge(part)} if baselines else {}
        figures += _figures(asked, predictor, others)
    return {
        "artifact": {"name": predictor.info.name, "version": predictor.info.version},
        "figures": figures,
        "baselines": [CATEGORY, RIDGE] if baselines else [],
    }


def by_category(part: PricedTexts) -> Floats:
    """(n, 3) for the products of the test bucket; a category that training lacks gets the quantiles of all."""
    taught = part.where(TRAIN)
    whole = np.quantile(taught.prices, QUANTILES)
    names = np.array(taught.categories)
    known = {name: np.quantile(taught.prices[names == name], QUANTILES) for name in set(taught.categories)}
    return np.stack([known.get(name, whole) for name in part.where([TEST]).categories])


def by_ridge(part: PricedTexts) -> Floats:
    """(n, 3) for the products of the test bucket."""
    taught, held_out = part.where(TRAIN), part.where([VALIDATION])
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2).fit(taught.texts)
    ridge = Ridge(alpha=1.0).fit(words.transform(taught.texts), np.log(taught.prices))
    left = np.log(held_out.prices) - ridge.predict(words.transform(held_out.texts))
    middle = ridge.predict(words.transform(part.where([TEST]).texts))
    ranges: Floats = np.exp(middle[:, None] + np.quantile(left, QUANTILES))
    return ranges


def pinball(truth: Floats, quantiles: Floats) -> Floats:
    """(n,) and (n, 3) -> (n, 3) pinball loss of each quantile (Koenker and Bassett 1978)."""
    apart = truth[:, None] - quantiles
    levels = np.array(QUANTILES)
    return np.maximum(levels * apart, (levels - 1) * apart)


def _figures(asked: PricedTexts, predictor: PricePredictor, others: dict[str, Floats]) -> list[dict[str, Any]]:
    found = predictor.run(asked.texts, asked.market)
    mine = np.stack([found.low, found.median, found.high], axis=1)
    rows = []
    for name, rule in _rules(asked.prices).items():
        given = {"": rule(mine)} | {other: rule(ranges) for other, ranges in others.items()}
        rows.append(_row(asked, name, given))
    for name, factor in {
        "": 1.0,
        " of prices ten times too high": MISTAKE,
        " of prices ten times too low": 1 / MISTAKE,
    }.items():
        flagged = distance(mine, asked.prices * factor) > found.limit
        rows.append(_row(asked, f"share far outside{name}", {"": flagged.astype(np.float64)}))
    return rows


def _rules(truth: Floats) -> dict[str, Callable[[Floats], Floats]]:
    """Metric -> what each product adds to it, given (n, 3) ranges."""
    rules: dict[str, Callable[[Floats], Floats]] = {
        "pinball loss, mean of .1/.5/.9": lambda ranges: pinball(truth, ranges).mean(axis=1),
        "pinball loss of ln price, mean of .1/.5/.9": lambda ranges: pinball(np.log(truth), np.log(ranges)).mean(
            axis=1
        ),
        "coverage of the 80 % interval": lambda ranges: ((ranges[:, 0] <= truth) & (truth <= ranges[:, 2])).astype(
            np.float64
        ),
        "width of the 80 % interval of ln price": lambda ranges: np.log(ranges[:, 2] / ranges[:, 0]),
    }
    for place, level in enumerate(QUANTILES):
        rules[f"pinball loss at {level:.1f}"] = partial(_pinball_at, truth, place)
    return rules


def _pinball_at(truth: Floats, place: int, ranges: Floats) -> Floats:
    return pinball(truth, ranges)[:, place]


def _row(asked: PricedTexts, metric: str, given: dict[str, Floats]) -> dict[str, Any]:
    _, groups = np.unique(asked.keys, return_inverse=True)
    nothing: NDArray[np.int64] = np.zeros(len(asked), dtype=np.int64)
    cases = Cases(nothing, nothing, np.zeros(len(asked), dtype=np.float32), groups.astype(np.int64))
    low, high = interval(lambda _, weights: float(np.average(given[""], weights=weights)), cases)
    return {
        "set": asked.market,
        "task": TASK,
        "metric": metric,
        "n": len(asked),
        "value": round(float(given[""].mean()), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "baselines": {name: round(float(values.mean()), 4) for name, values in given.items() if name},
    }
