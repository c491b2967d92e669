"""Fitting the prices of one market: two ridges in their dual form, spread from residuals of products left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.prices import PricedTexts
from models.evaluate.price import pinball
from models.price.predictor import QUANTILES, SPREADS, Floats, Market, distance
from models.price.words import BAGS, Words, matrix, without_prices

FOLDS = 5
PENALTIES = (0.1, 0.2, 0.4, 0.8)
SPREAD_PENALTIES = (1.0, 3.0, 10.0, 30.0)
INSIDE = 0.8  # of products lie between the outer quantiles
USUAL = 0.99  # of products are not far outside
_LEAST = 0.02  # added to a residual before its logarithm: 2 % of a price


@dataclass(frozen=True, slots=True)
class _Examples:
    """Products as the two kernels see them."""

    inner: Floats  # (n, n)
    logs: Floats  # (n,) ln price
    fold: NDArray[np.int64]  # (n,)


def fit_market(taught: PricedTexts, held_out: PricedTexts, *, seed: int) -> tuple[Market, dict[str, Any]]:
    """What was learnt from `taught`, with its interval set by `held_out`; and what was chosen on the way."""
    texts = [without_prices(text) for text in taught.texts]
    words = tuple(Words.seen(texts, groups) for groups in BAGS)
    grams = matrix(words, texts)
    inner = np.asarray((grams @ grams.T).todense(), dtype=np.float64)
    random = np.random.default_rng(seed)
    examples = _Examples(inner, np.log(taught.prices), random.permutation(np.arange(len(taught)) % FOLDS))
    penalty, middle = _best_middle(examples)
    left = examples.logs - middle
    loud = np.log(np.abs(left) + _LEAST)
    spread_penalty, spread = _best_spread(examples, left, loud)
    low, median, high = np.quantile(left / spread, QUANTILES)
    duals = np.stack([_solve(inner, examples.logs, penalty), _solve(inner, loud, spread_penalty)], axis=1)
    market = Market(
        words=words,
        weights=(grams.T @ duals).astype(np.float16).astype(np.float32),
        base=(float(examples.logs.mean()), float(loud.mean())),
        z=(float(low), float(median), float(high)),
        widen=0.0,
        limit=np.inf,
        currency=taught.currency,
    )
    chosen = {"penalty": penalty, "spread_penalty": spread_penalty, "ngrams": grams.shape[1]}
    return _conformal(market, held_out), chosen


def _conformal(market: Market, held_out: PricedTexts) -> Market:
    """Move the outer quantiles until they hold INSIDE of the products, then set the limit (Romano et al. 2019)."""
    texts = [without_prices(text) for text in held_out.texts]
    middle, spread = market.linear(texts)
    logs = np.log(held_out.prices)
    ends = market.quantiles(middle, spread)
    beyond = np.maximum(ends[:, 0] - logs, logs - ends[:, 2]) / spread
    moved = _with(market, widen=level(beyond, INSIDE))
    ranges = np.exp(moved.quantiles(middle, spread))
    return _with(moved, limit=level(distance(ranges, held_out.prices), USUAL))


def _with(market: Market, *, widen: float | None = None, limit: float | None = None) -> Market:
    return Market(
        market.words,
        market.weights,
        market.base,
        market.z,
        market.widen if widen is None else widen,
        market.limit if limit is None else limit,
        market.currency,
    )


def level(values: Floats, share: float) -> float:
    """The value below which `share` of new values lie at least, on average, if they are like these."""
    rank = min(int(np.ceil((len(values) + 1) * share)), len(values))
    return float(np.sort(values)[rank - 1])


def _solve(inner: Floats, targets: Floats, penalty: float) -> Floats:
    return np.linalg.solve(inner + penalty * np.eye(len(inner)), targets - targets.mean())


def _left_out(examples: _Examples, targets: Floats, penalty: float) -> Floats:
    """(n,) what a ridge says of each product that was not taught it."""
    said = np.empty_like(targets)
    for fold in range(FOLDS):
        here, there = np.flatnonzero(examples.fold != fold), np.flatnonzero(examples.fold == fold)
        dual = _solve(examples.inner[np.ix_(here, here)], targets[here], penalty)
        said[there] = examples.inner[np.ix_(there, here)] @ dual + targets[here].mean()
    return said


def _best_middle(examples: _Examples) -> tuple[float, Floats]:
    said = {penalty: _left_out(examples, examples.logs, penalty) for penalty in PENALTIES}
    best = min(said, key=lambda penalty: float(np.abs(examples.logs - said[penalty]).mean()))
    return best, said[best]


def _best_spread(examples: _Examples, left: Floats, loud: Floats) -> tuple[float, Floats]:
    """The penalty whose spreads make the residuals' pinball loss least, and those spreads."""
    found: dict[float, Floats] = {}
    losses: dict[float, float] = {}
    for penalty in SPREAD_PENALTIES:
        spread = np.exp(np.clip(_left_out(examples, loud, penalty), *np.log(SPREADS)))
        ends = spread[:, None] * np.quantile(left / spread, QUANTILES)
        found[penalty], losses[penalty] = spread, float(pinball(left, ends).mean())
    best = min(losses, key=losses.__getitem__)
    return best, found[best]
