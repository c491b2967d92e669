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

from models.behaviour.ranking import LAST, heaviest

NEAR = 10  # categories whose best sellers are looked at: those beyond carry too little to reach the first ten products
IDS = 65_536  # numbers that a row can hold for a product, NO_PRODUCT among them
CATEGORY, PLACE, CODE, TRUSTED = range(4)  # columns of what is known of a product


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


class Offers:
    """A shelf as tables by the numbers that rows hold, for up to `most` events at once.

    One more category stands for what is no product, and one more place in each list of best sellers for what is not
    among them; neither offers anything.
    """

    def __init__(self, shelf: Shelf, most: int) -> None:
        categories, listed = shelf.best.shape
        self._trust, self._columns, self._listed = shelf.trust, categories + 1, listed + 1
        # Of each product its category, its place in a table of best sellers, its code, trust times its share.
        count = len(shelf.category)
        products = np.zeros((IDS, 4), np.int32)
        products[:, CATEGORY], products[:, PLACE], products[:, CODE] = categories, listed, LAST - np.arange(IDS)
        products[:count, CATEGORY] = shelf.category
        products[:count, PLACE] = shelf.category * self._listed + np.where(shelf.place < 0, listed, shelf.place)
        products[:count, TRUSTED] = (np.float32(shelf.trust) * shelf.share).view(np.int32)
        self._products = products
        codes = np.zeros((self._columns, listed), np.int32)
        codes[:categories] = LAST - np.where(shelf.best < 0, LAST, shelf.best)
        shares = np.zeros(codes.shape, np.float32)
        shares[:categories] = np.float32(shelf.trust) * shelf.best_share
        self._codes, self._shares = codes, shares
        self._free = np.ones((most * self._columns, self._listed), bool)  # best sellers that an event's user lacks
        self._base = np.arange(most)[:, None] * self._columns
        self._places = self._base * self._listed

    def rank(
        self,
        chances: NDArray[np.float32],
        near: NDArray[np.int32],
        bought: NDArray[np.uint16],
        weight: NDArray[np.float16],
        top: int,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Shapes: (m, categories + 1) chances, 0 in the last column, (m, NEAR) likeliest categories, -1 pads, (m,
        places) products bought and own weights -> (m, top) products and confidences; -1 pads.

        A category with chance 0 (one of the running basket) offers nothing.
        """
        m = len(chances)
        base = self._base[:m]
        products = self._products.take(bought, axis=0)  # (m, places, 4)
        owner = products[:, :, CATEGORY] + base  # where the category of each product is in a table of all
        total = np.bincount(owner.reshape(-1), weight.reshape(-1), chances.size)
        unit = chances.reshape(-1) / np.add(total, self._trust)  # of each category, for a weight of 1
        trusted = products.view(np.float32)[:, :, TRUSTED]
        own = trusted + weight
        own *= unit.take(owner)

        at = near + base  # -1 is the last of the row before, which offers nothing
        popular = self._shares.take(near, axis=0)  # (m, NEAR, b)
        popular *= unit.take(at)[:, :, None]
        # A best seller that is among the user's own products is counted there already.
        place, free = products[:, :, PLACE] + self._places[:m], self._free.reshape(-1)
        free[place] = False
        popular *= self._free.take(at, axis=0)[:, :, :-1]
        free[place] = True
        values = np.concatenate([own, popular.reshape(m, -1)], axis=1)
        codes = np.concatenate([products[:, :, CODE], self._codes.take(near, axis=0).reshape(m, -1)], axis=1)
        return heaviest(values, top, codes)
