"""Two short lists that are kept per user: the products bought, and the attributes liked.

Both keep what weighs most in few places. A product counts one for each purchase and fades with every product bought
since; when all places are taken, the lightest makes room. Liked attributes are the heavy hitters of what the user
bought, put in the cart, wished for or viewed, found with the space-saving method (Metwally, Agrawal, El Abbadi:
Efficient computation of frequent and top-k elements in data streams, ICDT 2005): a new key takes the place of the
lightest and inherits its weight, so a key that is truly frequent cannot be missed. Weights fade with every event that
has attributes, so that taste may change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.behaviour.row import NO_PRODUCT
from models.behaviour.schedule import Schedule
from schemas.events import EVENT_TYPES

KEEP = np.float32(0.98)  # of a liked weight per event with attributes: half is gone after 34 of them
LIKING = np.array([{"purchase": 1.0, "cart": 0.5, "wishlist": 0.3, "view": 0.1}.get(name, 0.0) for name in EVENT_TYPES],
                  np.float32)  # fmt: skip


@dataclass(slots=True)
class Lists:
    """Lists of r users by rank."""

    products: NDArray[np.int32]  # (r, places) -1 = unused
    product_weights: NDArray[np.float32]  # (r, places)
    keys: NDArray[np.uint32]  # (r, places) 0 = unused
    weights: NDArray[np.float32]  # (r, places)


def unpack(rows: np.ndarray) -> Lists:
    """(r,) rows -> their lists."""
    products = rows["bought_id"].astype(np.int32)
    products[products == NO_PRODUCT] = -1
    return Lists(
        products, rows["bought_weight"].astype(np.float32), rows["liked_key"].copy(), rows["liked_weight"].copy()
    )


def pack(lists: Lists, rows: np.ndarray) -> None:
    """Write the lists into their (r,) rows."""
    rows["bought_id"] = np.where(lists.products < 0, NO_PRODUCT, lists.products)
    rows["bought_weight"] = lists.product_weights
    rows["liked_key"], rows["liked_weight"] = lists.keys, lists.weights


def walk_products(
    lists: Lists, steps: Schedule, bought: NDArray[np.int32], keep: float
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Count the product that each event bought (-1 = none). Returns (n, places) products and weights after each event.

    Weights are rounded to float16, as rows hold them, at every event and not only where a window ends.
    """
    places = lists.products.shape[1]
    after = np.empty((len(steps.order), places), np.int32)
    after_weights = np.empty((len(steps.order), places), np.float32)
    products = bought[steps.order]
    ranks = np.arange(len(steps.users))
    for start, width in zip(steps.starts.tolist(), steps.widths.tolist(), strict=True):
        cut = slice(start, start + width)
        user = ranks[:width][products[cut] >= 0]
        if len(user):
            product = products[cut][user]
            weight = (lists.product_weights[user] * np.float32(keep)).astype(np.float16).astype(np.float32)
            found = lists.products[user] == product[:, None]
            known = found.any(axis=1)
            place = np.where(known, found.argmax(axis=1), weight.argmin(axis=1))
            row = ranks[: len(user)]
            gained = np.where(known, weight[row, place], 0) + np.float32(1)
            weight[row, place] = gained.astype(np.float16)
            lists.product_weights[user] = weight
            lists.products[user, place] = product
        after[cut], after_weights[cut] = lists.products[:width], lists.product_weights[:width]
    return after, after_weights


def walk_attributes(
    lists: Lists, steps: Schedule, attributes: NDArray[np.uint32], liking: NDArray[np.float32]
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Count the (n, A) attributes of each event with its weight. Returns (n, places) keys and weights after each."""
    places = lists.keys.shape[1]
    after_keys = np.empty((len(steps.order), places), np.uint32)
    after_weights = np.empty((len(steps.order), places), np.float32)
    attributes = np.where(liking[:, None] > 0, attributes, 0)[steps.order]
    liking = liking[steps.order]
    ranks = np.arange(len(steps.users))
    for start, width in zip(steps.starts.tolist(), steps.widths.tolist(), strict=True):
        cut = slice(start, start + width)
        keys, weights = lists.keys[:width], lists.weights[:width]
        present = attributes[cut]
        if present.any():
            weights[present.any(axis=1)] *= KEEP
            for key in present.T:
                found = (keys == key[:, None]) & (key != 0)[:, None]
                place = np.where(found.any(axis=1), found.argmax(axis=1), weights.argmin(axis=1))
                some = key != 0
                user, place = ranks[:width][some], place[some]
                keys[user, place] = key[some]
                weights[user, place] += liking[cut][some]
        after_keys[cut], after_weights[cut] = keys, weights
    return after_keys, after_weights
