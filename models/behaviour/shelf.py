"""From categories to products: what a user will most likely take from a category.

    P(product) = P(category) x P(product | category, user)

    P(product | category, user) = (own weight of the product + trust x its share of the category's sales)
                                  -----------------------------------------------------------------------
                                  (own weights of all the user's products of that category + trust)

A product's own weight counts its purchases and fades with every product bought since. Shares come from the training
households; the product shares of one category sum to 1, so the confidences of an answer are honest shares: what is
missing to 1 is for products that are not listed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.behaviour.ranking import heaviest

NEAR = 10  # categories whose best sellers are looked at: those beyond carry too little to reach the first ten products


@dataclass(frozen=True, slots=True)
class Shelf:
    """The products that can be recommended, and how they sell.

    `best` holds the best-selling products of each category, falling, -1 pads; `best_share` their shares of its sales.
    """

    category: NDArray[np.int32]  # (products,)
    share: NDArray[np.float32]  # (products,) of its category's sales
    place: NDArray[np.int16]  # (products,) column in `best`, -1 = not there
    best: NDArray[np.int32]  # (categories, b)
    best_share: NDArray[np.float32]  # (categories, b)
    trust: float
    keep: float  # of a product's own weight with every other product bought

    def rank(
        self,
        chances: NDArray[np.float32],
        near: NDArray[np.int32],
        bought: NDArray[np.int32],
        own: NDArray[np.float32],
        top: int,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Shapes: (m, categories) chances, (m, NEAR) likeliest categories, (m, places) products bought and own weights
        -> (m, top) products and confidences; -1 pads everywhere.

        A category with chance 0 (one of the running basket) offers nothing.
        """
        m, categories = chances.shape
        heavy = np.maximum(near, 0).astype(np.int64)  # (m, NEAR)
        held = bought >= 0
        product = np.where(held, bought, 0)
        owner = self.category[product]  # (m, places)
        cell = np.arange(m)[:, None] * categories + owner
        total = np.bincount(cell.reshape(-1), own.reshape(-1), minlength=m * categories).astype(np.float32)
        unit = chances.reshape(-1) / (total + np.float32(self.trust))  # (m * categories,)
        own_chance = unit[cell] * (own + np.float32(self.trust) * self.share[product]) * held

        near_unit = unit[np.arange(m)[:, None] * categories + heavy] * np.float32(self.trust) * (near >= 0)
        popular_chance = near_unit[:, :, None] * self.best_share[heavy]  # (m, near, b)
        self._drop_held(popular_chance, heavy, owner, self.place[product], held, categories)

        chance = np.concatenate([own_chance, popular_chance.reshape(m, -1)], axis=1)
        ids = np.concatenate([product, self.best[heavy].reshape(m, -1)], axis=1)
        place, confidence = heaviest(chance, top)
        return np.where(place >= 0, np.take_along_axis(ids, place.astype(np.int64), axis=1), -1), confidence

    @staticmethod
    def _drop_held(
        popular: NDArray[np.float32],
        heavy: NDArray[np.int64],
        owner: NDArray[np.int32],
        place: NDArray[np.int16],
        held: NDArray[np.bool_],
        categories: int,
    ) -> None:
        """A best seller that is among the user's own products is counted there already."""
        m, near = heavy.shape
        position = np.full((m, categories), -1, np.int8)
        np.put_along_axis(position, heavy, np.arange(near, dtype=np.int8)[None, :], axis=1)
        at = np.take_along_axis(position, owner.astype(np.int64), axis=1)  # (m, places)
        user, k = np.nonzero(held & (at >= 0) & (place >= 0))
        popular[user, at[user, k], place[user, k]] = 0
