"""What a user bought lately and which attributes the user likes: two short lists that are kept per user.

Recent products are held latest first, each once. Liked attributes are the heavy hitters of the attributes of what the
user bought, put in the cart, wished for or viewed, found with the space-saving method (Metwally, Agrawal, El Abbadi:
Efficient computation of frequent and top-k elements in data streams, ICDT 2005): a new key takes the place of the
lightest and inherits its weight, so a key that is truly frequent cannot be missed. Weights fade with every event that
has attributes, so that taste may change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.behaviour.schedule import Schedule
from schemas.events import EVENT_TYPES

KEEP = np.float32(0.98)  # of a liked weight per event with attributes: half is gone after 34 of them
LIKING = np.array([{"purchase": 1.0, "cart": 0.5, "wishlist": 0.3, "view": 0.1}.get(name, 0.0) for name in EVENT_TYPES],
                  np.float32)  # fmt: skip


@dataclass(slots=True)
class Recent:
    """Lists of r users by rank; `after_*` are the lists right after each event, in the order of the steps."""

    products: NDArray[np.int32]  # (r, places) -1 = unused
    keys: NDArray[np.uint32]  # (r, places) 0 = unused
    weights: NDArray[np.float32]  # (r, places)


def unpack(rows: np.ndarray) -> Recent:
    """(r,) rows -> their lists."""
    return Recent(rows["recent"].copy(), rows["liked_key"].copy(), rows["liked_weight"].copy())


def pack(recent: Recent, rows: np.ndarray) -> None:
    """Write the lists into their (r,) rows."""
    rows["recent"], rows["liked_key"], rows["liked_weight"] = recent.products, recent.keys, recent.weights


def walk_products(recent: Recent, steps: Schedule, bought: NDArray[np.int32]) -> NDArray[np.int32]:
    """Move each bought product (-1 = none) to the front of its user's list. Returns (n, places) after each event."""
    held = recent.products
    after = np.empty((len(steps.order), held.shape[1]), np.int32)
    products = bought[steps.order]
    behind = np.arange(1, held.shape[1])
    for start, width in zip(steps.starts.tolist(), steps.widths.tolist(), strict=True):
        product = products[start : start + width]
        lists = held[:width]
        if (product >= 0).any():
            found = lists == product[:, None]
            place = np.where(found.any(axis=1), found.argmax(axis=1), held.shape[1] - 1)
            place[product < 0] = 0
            lists[:, 1:] = np.where(behind <= place[:, None], lists[:, :-1], lists[:, 1:])
            lists[:, 0] = np.where(product >= 0, product, lists[:, 0])
        after[start : start + width] = lists
    return after


def walk_attributes(
    recent: Recent, steps: Schedule, attributes: NDArray[np.uint32], liking: NDArray[np.float32]
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Count the (n, A) attributes of each event with its weight. Returns (n, places) keys and weights after each."""
    places = recent.keys.shape[1]
    after_keys = np.empty((len(steps.order), places), np.uint32)
    after_weights = np.empty((len(steps.order), places), np.float32)
    attributes = np.where(liking[:, None] > 0, attributes, 0)[steps.order]
    liking = liking[steps.order]
    ranks = np.arange(len(steps.users))
    for start, width in zip(steps.starts.tolist(), steps.widths.tolist(), strict=True):
        cut = slice(start, start + width)
        keys, weights = recent.keys[:width], recent.weights[:width]
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
