"""Measure the demand model: `shelfstream evaluate demand`.

Every day of the last 28 from which seven more follow is an origin: the series before it are forecast for days 1 to 7,
as at each closed day in the stream, so that a day of the test is forecast up to seven times. Baselines and both
networks see the same days. Losses and widths are in units; intervals come of drawing whole items.

    WAPE    sum of |units - median| / sum of units
    MASE    mean over items of: mean |units - median| / mean |units - units a week before| in the days before the test
            (Hyndman and Koehler 2006)
    scaled pinball loss     sum of pinball losses / sum of units
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data import daily
from models.data.daily import DailySales
from models.demand.columns import HORIZON, QUANTILES, WEEK, DemandBatch
from models.demand.network import NETWORKS
from models.demand.predictor import DemandPredictor, covered, load_demand
from models.demand.smoothing import BASELINES, with_quantiles
from models.demand.windows import Cases, cases
from models.evaluate import metrics
from models.evaluate.figure import rounded

TASK = "units of days 1-7"
Sums = NDArray[np.float64]


def evaluate(data: Path | None = None, artifact: Path | None = None, *, baselines: bool = True) -> dict[str, Any]:
    """Figures of an artifact (None = the shipped one) on the last 28 days of each set, as JSON-able values.

    The gift shop of `data`, the folder of the data sets; without it, the groceries that come with a package. Errors:
    DataError, ArtifactError.
    """
    sets = [daily.gifts(data)] if data is not None else [daily.journey()]
    return evaluate_sets(sets, artifact, baselines=baselines)


def evaluate_sets(sets: Sequence[DailySales], artifact: Path | None, *, baselines: bool = True) -> dict[str, Any]:
    """As `evaluate`, of any sets."""
    predictors = {name: load_demand(artifact, network=name) for name in NETWORKS}
    info = next(iter(predictors.values())).info  # one artifact holds them all
    figures: list[dict[str, Any]] = []
    for one in sets:
        origins = range(one.test_from, one.days - HORIZON + 1)
        asked = cases(one.units, one.revenue, origins)
        others = _baselines(one, asked, origins) if baselines else {}
        for name, predictor in predictors.items():
            figures += _figures(one, asked, name, predictor, others)
    return {
        "artifact": {"name": info.name, "version": info.version},
        "figures": figures,
        "baselines": list(BASELINES) if baselines else [],
    }


def _baselines(one: DailySales, asked: Cases, origins: range) -> dict[str, DemandBatch]:
    units = one.units.astype(np.float64)
    place = asked.origins - one.test_from
    found = {}
    for name, method in BASELINES.items():
        quantiles = with_quantiles(method, units, one.test_from, origins)[asked.series, place].astype(np.float32)
        found[name] = DemandBatch(quantiles, quantiles[:, :, 0], quantiles[:, :, 2])
    return found


def _figures(
    one: DailySales, asked: Cases, network: str, predictor: DemandPredictor, others: dict[str, DemandBatch]
) -> list[dict[str, Any]]:
    answers = {"": predictor.run(asked.columns), **others}
    _, items = np.unique(asked.series, return_inverse=True)
    before = one.units[np.unique(asked.series), : one.test_from].astype(np.float64)
    naive = np.abs(before[:, WEEK:] - before[:, :-WEEK]).mean(axis=1)
    measured = {name: _Sums(asked, batch, items, naive) for name, batch in answers.items()}
    rows = []
    for metric, rule in _RULES.items():
        values = {name: rule(sums, np.ones(len(naive))) for name, sums in measured.items()}
        drawn = [rule(measured[""], weight) for weight in metrics.group_draws(np.arange(len(naive)))]
        low, high = np.percentile(drawn, [2.5, 97.5])
        own = values.pop("")
        ours = len(asked.series) * HORIZON, own, float(low), float(high)
        rows.append(rounded(one.name, f"{TASK}, {network}", metric, ours, values))
    return rows


class _Sums:
    """What each of the items adds to the metrics: sums over its days, (items,) each."""

    def __init__(self, asked: Cases, batch: DemandBatch, items: NDArray[np.int64], naive: Sums) -> None:
        def by_item(values: NDArray[np.generic]) -> Sums:
            return np.bincount(items, values.sum(axis=1), len(naive)).astype(np.float64)

        truth = asked.truth
        apart = truth[:, :, None] - batch.quantiles
        levels = np.array(QUANTILES)
        pinball = np.maximum(levels * apart, (levels - 1) * apart)
        self.days = by_item(np.ones_like(truth))
        self.units = by_item(truth)
        self.error = by_item(np.abs(truth - batch.quantiles[:, :, 1]))
        self.pinball = [by_item(pinball[:, :, place]) for place in range(len(QUANTILES))]
        self.open = by_item(asked.open)
        self.inside = by_item(covered(batch.low, batch.high, truth) & asked.open)
        self.width = by_item(batch.high - batch.low)
        self.scaled = self.error / self.days / np.maximum(naive, 1e-9)


def _pinball(place: int) -> Callable[[_Sums, Sums], float]:
    return lambda sums, weight: float(weight @ sums.pinball[place] / (weight @ sums.days))


_RULES: dict[str, Callable[[_Sums, Sums], float]] = {
    "WAPE": lambda sums, weight: float(weight @ sums.error / (weight @ sums.units)),
    "MASE": lambda sums, weight: float(weight @ sums.scaled / weight.sum()),
    **{f"pinball loss at {level:.1f}": _pinball(place) for place, level in enumerate(QUANTILES)},
    "scaled pinball loss, mean of .1/.5/.9": lambda sums, weight: float(
        weight @ np.mean(sums.pinball, axis=0) / (weight @ sums.units)
    ),
    "coverage of the 80 % interval, open days": lambda sums, weight: float(weight @ sums.inside / (weight @ sums.open)),
    "width of the 80 % interval": lambda sums, weight: float(weight @ sums.width / (weight @ sums.days)),
}
