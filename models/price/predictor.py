"""The door for prices: texts in, quantiles out.

    ln price   ~   middle(text) + spread(text) * z,      z = the training residuals' quantiles

middle and spread are linear in weighted n-grams. The outer quantiles were moved so that 80 % of the validation products
lie between them (conformalized quantile regression, Romano et al. 2019, https://arxiv.org/abs/1905.03222). Quantiles
never cross: spread is above 0 and no quantile may pass the median.

A price is *far outside* when its distance from the median, in units of the way from the median to the end of the range
on its side (all in logarithms), is above `limit`: that of all but 1 % of the validation products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.columns import ModelInfo
from models.errors import ArtifactError
from models.price.words import BAGS, Words, matrix, without_prices
from models.registry import Artifact, load, shipped

KIND = "price"
QUANTILES = (0.1, 0.5, 0.9)
SPREADS = (0.05, 3.0)  # bounds of spread: 5 % of a price to a factor of 20; beyond, the text said nothing

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Market:
    """What was learnt of one market's prices."""

    words: tuple[Words, ...]  # by BAGS
    weights: NDArray[np.float32]  # (w, 2): of the n-grams of all bags, for the middle and for ln spread
    base: tuple[float, float]
    z: tuple[float, float, float]
    widen: float  # in units of spread, added on both sides
    limit: float
    currency: str

    def linear(self, texts: Sequence[str]) -> tuple[Floats, Floats]:
        """(n,) texts without prices -> (n,) middle and (n,) spread, of ln price."""
        found = matrix(self.words, texts) @ self.weights + np.array(self.base)
        return found[:, 0].astype(np.float64), np.exp(np.clip(found[:, 1].astype(np.float64), *np.log(SPREADS)))

    def quantiles(self, middle: Floats, spread: Floats) -> Floats:
        """(n,), (n,) -> (n, 3) of ln price, rising."""
        low, median, high = self.z
        factors = np.array([min(low - self.widen, median), median, max(high + self.widen, median)])
        ends: Floats = middle[:, None] + spread[:, None] * factors
        return ends


@dataclass(frozen=True, slots=True)
class PriceRanges:
    """n ranges in the market's currency: `low` <= `median` <= `high`, each (n,)."""

    low: Floats
    median: Floats
    high: Floats
    currency: str
    limit: float

    def far_outside(self, prices: Sequence[float]) -> NDArray[np.bool_]:
        """(n,) whether each price is far outside its range; one that is 0, negative or no number is."""
        given = np.asarray(prices, dtype=np.float64)
        return ~(distance(np.stack([self.low, self.median, self.high], axis=1), given) <= self.limit)


class PricePredictor:
    """Answers with one artifact. An answer does not depend on the other texts of the batch."""

    def __init__(self, artifact: Artifact) -> None:
        """Errors: ArtifactError."""
        manifest = artifact.manifest
        try:
            self.markets = {
                name: market_of(artifact.tensors, name, given) for name, given in manifest.inputs["markets"].items()
            }
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"{artifact.path} lacks what a price model needs: {error!r}; train it again") from error
        self.info = ModelInfo(manifest.name, manifest.version)

    def run(self, texts: Sequence[str], market: str) -> PriceRanges:
        """Ranges of n texts (name and description), in the order given; of each the first 4,096 characters are read.

        Errors: ValueError for a market that the artifact does not know.
        """
        if market not in self.markets:
            raise ValueError(f"no prices of the market {market!r} were learnt; there are {sorted(self.markets)}")
        known = self.markets[market]
        plain = [without_prices(text) for text in texts]
        found = np.exp(known.quantiles(*known.linear(plain)))
        return PriceRanges(found[:, 0], found[:, 1], found[:, 2], known.currency, known.limit)


def load_prices(path: Path | None = None) -> PricePredictor:
    """The predictor of an artifact folder; None = the one shipped in the package. Errors: ArtifactError."""
    return PricePredictor(load(path or shipped(KIND), KIND))


def distance(ranges: Floats, prices: Floats) -> Floats:
    """(n, 3) quantiles and (n,) prices -> (n,) distance from the median in ways to the end; nan for no price."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ends = np.log(ranges)
        apart = np.log(np.where(prices > 0, prices, np.nan)) - ends[:, 1]
        way = np.where(apart < 0, ends[:, 1] - ends[:, 0], ends[:, 2] - ends[:, 1])
        found: Floats = np.abs(apart) / np.maximum(way, 1e-6)
    return found


def market_of(tensors: dict[str, NDArray[np.generic]], name: str, given: dict[str, object]) -> Market:
    """One stored market. Errors: KeyError, TypeError, ValueError where something is missing or of another shape."""
    words = tuple(
        Words(
            tensors[f"{name}.slots.{groups}"].astype(np.int32),
            tensors[f"{name}.rarity.{groups}"].astype(np.float32),
            groups,
        )
        for groups in BAGS
    )
    weights = tensors[f"{name}.weights"].astype(np.float32)
    known = sum(len(one.slots) for one in words)
    if known != len(weights):
        raise ValueError(f"{name}: {known} n-grams have {len(weights)} weights")
    low, median, high = _numbers(given["z"])
    middle, spread = _numbers(given["base"])
    return Market(
        words=words,
        weights=weights,
        base=(middle, spread),
        z=(low, median, high),
        widen=_numbers([given["widen"]])[0],
        limit=_numbers([given["limit"]])[0],
        currency=str(given["currency"]),
    )


def _numbers(given: object) -> list[float]:
    if not isinstance(given, list):
        raise TypeError(f"wanted a list of numbers, found {given!r}")
    return [float(each) for each in given]
