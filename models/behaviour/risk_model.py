"""From the signs of an event to a score with reasons: a network of one hidden layer, calibrated, in numpy.

The score is the chance that the event is of who took the account over, as calibrated on households of which one in five
is taken over once: other shops have other shares, so it ranks, and its thresholds are told by how many normal events
reach them. A reason is a group of features without which the score would be lower: each is set to what is usual (0,
for features are standardised on normal events), and what the logit falls by is its weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.behaviour.risk import PART, SIGNS, RiskReader, Signs
from models.columns import ModelInfo, Risks
from schemas.predictions import RiskReason

Doubles = NDArray[np.float64]
GROUPS: dict[str, tuple[str, ...]] = {
    "rate": ("events beside the usual", "events", "baskets", "minutes", "events a minute"),
    "category": ("surprise", "surprise beside the usual", "mean surprise", "sum of surprise", "rare surprise"),
    "price": ("price beside the usual", "beside the category", "mean price", "sum of price", "rare price"),
    "product": ("new", "share of new", "sum of new", "never seen"),
    "hour": ("hour",),
    "country": ("country",),
    "": ("priced", "asked"),  # what is known of the event: no reason
}
FEATURES = tuple(name for names in GROUPS.values() for name in names)
REASONS = 3
BAND_MINUTES, BANDS = 240, 6
SPREAD = 0.05  # variance of a visit's mean surprise or price that nobody is denied


def features(signs: Signs) -> tuple[Doubles, dict[str, tuple[Doubles, Doubles]]]:
    """(m, FEATURES), not standardised, and for each group the value and what is usual, (m,) each; NaN as the signs."""
    s = dict(zip(SIGNS, signs.values.T, strict=True))
    busy, novelty, surprise, surprise_var, price, price_var = signs.blocks["usual"].astype(np.float64).T
    bands = signs.blocks["bands"].astype(np.float64)
    events, root = s["events"], np.sqrt(s["events"])
    minute = s["time_ms"] // 60_000
    minutes = (minute - s["began"]) % 65_536
    hour = (minute - minutes) // BAND_MINUTES % BANDS
    place = np.where(np.isnan(hour), 0, hour).astype(np.int64)
    band = np.maximum(np.take_along_axis(bands, place[:, None], axis=1)[:, 0] - 1, 0)  # without this visit
    before = np.maximum(bands.sum(axis=1) - 1, 0)
    asked, priced = s["held"] >= 0, s["price"] > 0
    odd, dear = s["odd"] / PART / events, s["dear"] / PART / events
    share = s["fresh"] / events
    # A visit's mean wavers more when it has few events: of both variances the square root.
    waver = np.sqrt(surprise_var + SPREAD + 1 / events)
    price_waver = np.sqrt(price_var + SPREAD + 1 / events)
    columns = {
        "events beside the usual": np.log1p(events) - busy,
        "events": np.log1p(events),
        "baskets": np.log(s["baskets"]),
        "minutes": np.log1p(minutes),
        "events a minute": np.log(events / (minutes + 1)),
        "surprise": s["surprise"],
        "surprise beside the usual": np.where(asked, s["surprise"] - surprise, 0),
        "mean surprise": odd - surprise,
        "sum of surprise": (odd - surprise) * root,
        "rare surprise": (odd - surprise) / waver,
        "price beside the usual": np.where(priced, s["beside"] - price, 0),
        "beside the category": s["beside"],
        "mean price": dear - price,
        "sum of price": (dear - price) * root,
        "rare price": (dear - price) / price_waver,
        "new": s["new"] - novelty,
        "share of new": share - novelty,
        "sum of new": (share - novelty) * root,
        "never seen": (s["new"] > 0) & (s["held"] == 0) & (band == 0),
        "hour": np.log((before + BANDS / 2) / (band + 0.5)),
        "country": s["abroad"],
        "priced": priced,
        "asked": asked,
    }
    told = {
        "rate": (events, np.expm1(busy)),
        "category": (odd, surprise),
        "price": (np.exp(dear), np.exp(price)),
        "product": (share, novelty),
        "hour": (band / np.maximum(before, 1), np.full(len(band), 1 / BANDS)),
        "country": (np.minimum(np.exp(-s["abroad"]) / 2, 1), np.ones(len(band))),
    }
    return np.stack([columns[name] for name in FEATURES], axis=1, dtype=np.float64), told


@dataclass(frozen=True, slots=True)
class Weights:
    """A fitted network; float64, so that a score does not depend on which events are scored together."""

    mean: Doubles  # (FEATURES,) of normal events
    scale: Doubles  # (FEATURES,)
    hidden: Doubles  # (FEATURES, units)
    hidden_bias: Doubles  # (units,)
    out: Doubles  # (units,)
    out_bias: float
    slope: float  # calibration of the logit
    intercept: float
    alarm: float  # score that one event in 1,000 reaches
    notable: float  # score from which reasons are given: one in 100

    def standardised(self, x: Doubles) -> Doubles:
        """(m, FEATURES) within eight standard deviations of what is usual."""
        return np.clip((x - self.mean) / self.scale, -8, 8)

    def logit(self, x: Doubles) -> Doubles:
        """(..., FEATURES) standardised -> (...,) calibrated logit."""
        hidden = np.maximum(x @ self.hidden + self.hidden_bias, 0)
        return np.asarray(self.slope * (hidden @ self.out + self.out_bias) + self.intercept)

    def score(self, x: Doubles) -> Doubles:
        """(m, FEATURES) as `features` gives them -> (m,) 0 to 1, to six digits."""
        logit = np.clip(self.logit(self.standardised(x)), -40, 40)
        return np.asarray(np.rint(1e6 / (1 + np.exp(-logit))) / 1e6)


class RiskModel:
    """Weights with the tables of the signs, by category name: `shares` (categories,) of baskets that have each,
    `prices` (categories + 1,) mean log price, the last over all.
    """

    def __init__(
        self, info: ModelInfo, categories: Sequence[str], shares: Doubles, prices: Doubles, weights: Weights
    ) -> None:
        self.info = info
        self.categories = tuple(categories)
        self.shares, self.prices, self.weights = shares, prices, weights
        at = {name: place for place, name in enumerate(FEATURES)}
        self._groups = [name for name in GROUPS if name]
        self._masks = np.ones((len(self._groups), len(FEATURES)))
        for row, name in enumerate(self._groups):
            self._masks[row, [at[feature] for feature in GROUPS[name]]] = 0

    def reader(self, categories: Sequence[str]) -> RiskReader:
        """What reads the rows of a model with these categories; one that is not known here is a rare one."""
        at = {name: place for place, name in enumerate(self.categories)}
        rare, usual = float(self.shares.min()), float(self.prices[-1])
        shares = [float(self.shares[at[name]]) if name in at else rare for name in categories]
        prices = [float(self.prices[at[name]]) if name in at else usual for name in categories]
        return RiskReader(shares, [*prices, usual])

    def score(self, signs: Signs) -> Risks:
        """Scores of m events, with reasons for those that are notable; NaN where there are no signs."""
        x, told = features(signs)
        scores = self.weights.score(x)
        reasons: dict[int, list[RiskReason]] = {}
        notable = np.flatnonzero(scores >= self.weights.notable)
        if len(notable):
            near = self.weights.standardised(x[notable])
            drops = self.weights.logit(near)[:, None] - self.weights.logit(near[:, None] * self._masks)
            for event, drop in zip(notable.tolist(), drops, strict=True):
                order = [place for place in np.argsort(-drop, kind="stable").tolist() if drop[place] > 0][:REASONS]
                reasons[event] = [self._reason(self._groups[place], drop[place], told, event) for place in order]
        return Risks(scores, reasons, self.weights.alarm)

    @staticmethod
    def _reason(name: str, drop: float, told: dict[str, tuple[Doubles, Doubles]], event: int) -> RiskReason:
        value, usual = told[name]
        return RiskReason(name, round(float(value[event]), 3), round(float(usual[event]), 3), round(float(drop), 3))
