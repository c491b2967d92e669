"""How likely a user's next purchase has an attribute's value: chances beside the shares of what the user likes.

    weights that the row holds of one name's values ──► a logit of each ┐
    how many more values the name can have ───────────► a logit of them ┴─► softmax

So the chances of the values of one name and of all that the row does not hold add up to one. "The next purchase" is
the next of something that has the attribute at all. The seven numbers know no name and no value, so they go with the
colours of any shop. What they have to learn is how far a share is to be believed: a user of whom little is known, and
a name with many values, move on more often than the weights say.

    logit of a value    exp(slope + slope_more t) log(share + exp(floor - floor_more t))
    of all others       other + other_left log(values left) + other_more t        t = log(weight of the name)

Price bands (price_bands.py) are answered by the same numbers. Their three weights stand apart in the row: among the
liked attributes' eight places they would crowd others out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.behaviour.price_bands import NAME, VALUES, PriceBands, UsualPrices
from models.columns import ModelInfo
from schemas.state import attribute_key

Doubles = NDArray[np.float64]

NUMBERS = ("slope", "slope_more", "floor", "floor_more", "other", "other_left", "other_more")
AT_ONCE = 512  # events
NO_NAME, BAND_NAME = 0, 1  # numbers of names; those of attributes follow
LEAST = 1e-6  # of a weight: one that has faded away
BANDS = [(NAME, value) for value in VALUES]


@dataclass(frozen=True, slots=True)
class TasteModel:
    """The trained numbers, and what products usually cost."""

    info: ModelInfo
    weights: Doubles  # (NUMBERS,)
    usual: UsualPrices

    def reader(self, categories: Sequence[str], attributes: Iterable[tuple[str, str]] = ()) -> TasteReader:
        """For events whose categories are numbers of `categories`, and products that have these names and values."""
        return TasteReader(self, categories, attributes)

    def chances(self, weights: Doubles, left: Doubles) -> Doubles:
        """(m, p) weights of one name's values, 0 = none, and (m,) how many values it has besides -> (m, p)."""
        return chances(self.weights, weights, left)


def chances(numbers: Doubles, weights: Doubles, left: Doubles) -> Doubles:
    """As `TasteModel.chances`; nan where a name has no weight at all."""
    m, places = weights.shape
    group = np.repeat(np.arange(m), places)
    return grouped(numbers, weights.ravel(), group, left + np.count_nonzero(weights > 0, axis=1)).reshape(m, places)


def grouped(numbers: Doubles, weights: Doubles, group: NDArray[np.int64], values: Doubles) -> Doubles:
    """(k,) weights, the (k,) group of each, and (g,) how many values each group can have -> (k,) chances.

    A group is one user's values of one name; nan: one without a weight.
    """
    slope, slope_more, floor, floor_more, other, other_left, other_more = numbers.tolist()
    groups, held = len(values), weights > 0
    total = np.bincount(group, weights, groups)
    with np.errstate(divide="ignore", invalid="ignore"):  # of a group without a weight
        much = np.log(total + LEAST)
        rest = np.log(values - np.bincount(group, held, groups))  # -inf: all are held
        rest = np.where(np.isfinite(rest), rest * other_left + (other + other_more * much), -np.inf)
        found: Doubles = weights / total[group]
        found += np.exp(floor - floor_more * much)[group]
        np.log(found, out=found)
        found *= np.exp(slope + slope_more * much)[group]
        np.exp(found, out=found)
        found *= held
        found /= (np.bincount(group, found, groups) + np.exp(rest))[group]
    return found


class Liked(NamedTuple):
    """What a prediction says of m users, the heaviest first; the last column is the heaviest price band."""

    keys: NDArray[np.uint32]  # (m, shown + 1) 0 = none
    share: NDArray[np.float32]  # (m, shown + 1) of the weight that the row holds; of a band: of all bands
    probability: Doubles  # (m, shown + 1) nan: a key that is none of the attributes


class TasteReader:
    """A model of tastes for one table of categories and one set of attributes."""

    def __init__(self, model: TasteModel, categories: Sequence[str], attributes: Iterable[tuple[str, str]]) -> None:
        pairs = list(dict.fromkeys(attributes))
        values = Counter(name for name, _ in pairs)
        number = {name: place for place, name in enumerate(values, start=BAND_NAME + 1)}
        known = sorted({attribute_key(*pair): number[pair[0]] for pair in pairs}.items())
        self._numbers = model.weights
        self._bands = PriceBands(model.usual, categories)
        self._keys = np.array([key for key, _ in known] or [0], np.uint32)
        self._names = np.array([name for _, name in known] or [NO_NAME], np.int64)
        self._values = np.array([0, len(VALUES), *values.values()], np.float64)  # that each name can have
        self._band_keys = np.array([attribute_key(*band) for band in BANDS], np.uint32)

    def bands(self, categories: list[int], prices: list[float] | None) -> list[int] | None:
        """As `PriceBands.of`."""
        return self._bands.of(categories, prices)

    def read(self, rows: np.ndarray, keys: NDArray[np.uint32], share: NDArray[np.float32]) -> Liked:
        """(m,) rows and the (m, shown) keys and shares that are to be said of them."""
        if len(rows) <= AT_ONCE:
            return self._part(rows, keys, share)
        cuts = [slice(start, start + AT_ONCE) for start in range(0, len(rows), AT_ONCE)]
        parts = [self._part(rows[cut], keys[cut], share[cut]) for cut in cuts]
        return Liked(*(np.concatenate(pieces) for pieces in zip(*parts, strict=True)))

    def _part(self, rows: np.ndarray, keys: NDArray[np.uint32], share: NDArray[np.float32]) -> Liked:
        m, shown = keys.shape
        weights, every = rows["price_band"], np.arange(m)
        names = np.full(weights.shape, BAND_NAME)
        best = weights.argmax(axis=1)
        heaviest = weights[every, best]
        told = np.zeros((m, shown + 1), np.uint32), np.zeros((m, shown + 1), np.float32), np.zeros((m, shown + 1))
        of_key, of_share, chance = told
        of_key[:, :shown], of_share[:, :shown] = keys, share
        of_key[:, shown] = self._band_keys[best] * (heaviest > 0)
        of_share[:, shown] = heaviest / np.maximum(weights.sum(axis=1), LEAST)
        places = best[:, None]
        if keys.any():
            held = rows["liked_key"]
            weights, names = np.hstack([weights, rows["liked_weight"]]), np.hstack([names, self._names_of(held)])
            weights[names == NO_NAME] = 0
            shown_at = (held[:, None, :] == keys[:, :, None]).argmax(axis=2)
            places = np.hstack([shown_at + len(VALUES), places])
        else:
            chance[:, :shown] = np.nan
        size = len(self._values)
        group = (names + size * every[:, None]).ravel()
        found = grouped(self._numbers, weights.ravel().astype(np.float64), group, np.tile(self._values, m))
        chance[:, -places.shape[1] :] = found.reshape(weights.shape)[every[:, None], places]
        chance[of_key == 0] = np.nan
        return Liked(of_key, of_share, chance)

    def _names_of(self, keys: NDArray[np.uint32]) -> NDArray[np.int64]:
        """The number of each key's name."""
        place = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.asarray(np.where(self._keys[place] == keys, self._names[place], NO_NAME))
