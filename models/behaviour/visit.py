"""How many days it is until a user's next basket begins: a low, a middle and a high answer.

    what the row knows of the user's visits ──► hidden layer ──► how often they come, by span of days since the last

The distribution is piecewise exponential: within a span of days the next basket begins at an even rate, if it has not
begun before (Friedman 1982). A household that is not seen again tells that it did not come back in the days that were
watched, and nothing of later ones; so nothing has to be left out of the fit. An event some days after the last basket
is answered by the part of the distribution that is left: who has not come for ten days is not expected yesterday.

Everything is read from the row as of the last basket; the network of the categories has no part in it. So the lines of
one basket have one answer, which is made once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import log, log1p

import numpy as np
from numpy.typing import NDArray

from models.behaviour.network import MEMORY_DAYS
from models.behaviour.tokens import CLOCK, DAY_MS, HOUR_MS
from models.behaviour.walk import Pace
from models.columns import ModelInfo

Doubles = NDArray[np.float64]

FEATURES = (
    *("baskets", "days since the first", "days between baskets", "baskets a day"),
    *("sine of the hour", "cosine of the hour", "sine of the hour of the week", "cosine of the hour of the week"),
)
QUANTILES = (0.1, 0.5, 0.9)
HORIZON = 56.0  # days: an answer of so many means so many or more
# Days since the last basket at which a span ends: two visits on one day are as usual as one a week later.
ENDS = np.concatenate([
    [1 / 48, 1 / 24, 1 / 12, 1 / 6], np.arange(0.25, 3, 0.25), np.arange(3, 7, 0.5), np.arange(7, 14),
    np.arange(14, 28, 2), np.arange(28, 57, 7),
])  # fmt: skip
MOST = 20.0  # logarithm of what a span adds: it is certain long before
AT_ONCE = 96  # rows: from a few more on numpy's library takes all cores, where others are at work

Answer = tuple[float, float, float]  # days at QUANTILES

_LAST = len(ENDS) - 1
_ENDS: list[float] = ENDS.tolist()
_BEGINS = [0.0, *_ENDS[:-1]]


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the network, and at which shares of the distribution the three answers are taken."""

    mean: Doubles  # (FEATURES,)
    scale: Doubles  # (FEATURES,)
    hidden: Doubles  # (FEATURES, units)
    hidden_bias: Doubles  # (units,)
    out: Doubles  # (units, ENDS) logarithms of what each span adds
    out_bias: Doubles  # (ENDS,)
    levels: Doubles  # (3,) such that on validation QUANTILES of the cases came before the answers


WEIGHTS = tuple(field.name for field in fields(Weights))


class VisitModel:
    """Answers with trained weights. An answer does not depend on the others asked at once."""

    def __init__(self, info: ModelInfo, weights: Weights) -> None:
        self.info, self.weights = info, weights
        self._targets = [-log(1 - level) for level in weights.levels.tolist()]
        self._hidden = weights.hidden / weights.scale[:, None]
        self._bias = weights.hidden_bias - weights.mean @ self._hidden

    def days(self, pace: Sequence[Pace]) -> list[Answer | None]:
        """Pace of a Window's m events -> (m,) answers, None for a user without a basket yet."""
        known = {id(each): each for each in pace if each.visits}  # lines of one basket share one
        if not known:
            return [None] * len(pace)
        x, since = zip(*map(features, known.values()), strict=True)
        found = dict(zip(known, self.answers(np.array(x), since), strict=True))
        return [found.get(id(each)) for each in pace]

    def answers(self, x: Doubles, since: Sequence[float]) -> list[Answer]:
        """(m, FEATURES) as of the last basket and (m,) days since then -> (m,) to three digits, at most HORIZON."""
        return [self._answer(sums, gone) for sums, gone in zip(self.sums(x).tolist(), since, strict=True)]

    def _answer(self, sums: list[float], since: float) -> Answer:
        # A few numbers of one row: with numpy each step would cost as much as a hundred rows.
        gone = at_days(sums, since) if since else 0.0
        low, median, high = [
            round(min(max(_days_at(sums, gone + target) - since, 0.0), HORIZON), 3) for target in self._targets
        ]
        return low, median, high

    def sums(self, x: Doubles) -> Doubles:
        """(m, FEATURES) -> (m, ENDS) minus log of the share that is not back by the end of each span."""
        if len(x) > AT_ONCE:
            return np.concatenate([self.sums(x[at : at + AT_ONCE]) for at in range(0, len(x), AT_ONCE)])
        hidden = x @ self._hidden
        hidden += self._bias
        np.maximum(hidden, 0, out=hidden)
        added = hidden @ self.weights.out
        added += self.weights.out_bias
        np.minimum(added, MOST, out=added)
        np.exp(added, out=added)
        return np.add.accumulate(added, axis=1)


def features(pace: Pace) -> tuple[list[float], float]:
    """-> FEATURES as of the last basket, and the days since it, of a user who has one."""
    time_ms, visits, span, rhythm, token_ms = pace
    since = max(time_ms - token_ms, 0) / DAY_MS
    span = max(span - since, 0.0)
    often = log1p(visits)
    usual = span / (1 + span / MEMORY_DAYS)  # days that the fading number of baskets stands for
    clock = CLOCK[(token_ms // HOUR_MS + 72) % 168]  # the epoch was a Thursday
    return [often, log1p(span), log1p(rhythm), often - log1p(usual), *clock], since


def at_days(sums: list[float], days: float) -> float:
    """Sums of one user at so many days; beyond the last end at the rate of the last span."""
    span = min(bisect_right(_ENDS, days), _LAST)
    before = sums[span - 1] if span else 0.0
    return before + (sums[span] - before) * (days - _BEGINS[span]) / (_ENDS[span] - _BEGINS[span])


def _days_at(sums: list[float], wanted: float) -> float:
    """The other way round."""
    span = min(bisect_left(sums, wanted), _LAST)
    before = sums[span - 1] if span else 0.0
    part = (wanted - before) / max(sums[span] - before, 1e-12)
    return _BEGINS[span] + part * (_ENDS[span] - _BEGINS[span])
