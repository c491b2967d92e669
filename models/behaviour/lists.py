"""Two short lists that are kept per user: the products bought, and the attributes liked.

Both keep what weighs most in few places. A product counts one for each purchase and fades with every product bought
since; when all places are taken, the lightest makes room. Liked attributes are the heavy hitters of what the user
bought, put in the cart, wished for or viewed, found with the space-saving method (Metwally, Agrawal, El Abbadi:
Efficient computation of frequent and top-k elements in data streams, ICDT 2005): a new key takes the place of the
lightest and inherits its weight, so a key that is truly frequent cannot be missed. Weights fade with every event that
has attributes, so that taste may change. Price bands are three, so each has a place of its own, apart from that list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from models.behaviour.habits import VALUE
from models.behaviour.row import LIKED, NO_PRODUCT, PRICE_BANDS
from models.behaviour.schedule import Schedule
from schemas.events import EVENT_TYPES

KEEP = float(np.float32(0.98))  # of a liked weight per event with attributes: half is gone after 34 of them
LIKING = [{"purchase": 1.0, "cart": 0.5, "wishlist": 0.3, "view": 0.1}.get(name, 0.0) for name in EVENT_TYPES]
_ID = Struct("<H")
_BANDS = Struct(f"<{PRICE_BANDS}f")  # price_band of a row
_LIKED = Struct(f"<{LIKED}I{LIKED}f")  # liked_key and liked_weight of a row


def _bits(weights: NDArray[np.float32]) -> NDArray[np.uint16]:
    return weights.astype(np.float16).view(np.uint16)


ONE = int(_bits(np.ones(1, np.float32))[0])
ONE_MORE = _bits(VALUE + np.float32(1))  # by the bits of a float16


@cache
def fading(keep: float) -> NDArray[np.uint16]:
    """(65536,) a float16 by its bits -> the bits of `keep` times it. As in rows, weights are rounded at every event."""
    return _bits(VALUE * np.float32(keep))


def buy(raw: bytearray, at: int, weights: NDArray[np.uint16], product: int, faded: NDArray[np.uint16]) -> bool:
    """Count a product in one user's list: ids from byte `at` on, (places,) bits of their weights. `faded`: `fading`.

    Returns whether it was not there.
    """
    faded.take(weights, out=weights, mode="clip")
    wanted, end = _ID.pack(product), at + 2 * len(weights)
    found = raw.find(wanted, at, end)
    while found >= 0 and (found - at) & 1:  # halves of two neighbours
        found = raw.find(wanted, found + 1, end)
    if found >= 0:
        place = (found - at) // 2
        weights[place] = ONE_MORE[weights[place]]
        return False
    place = int(weights.argmin())  # bits of floats that are not negative are in their order
    raw[at + 2 * place : at + 2 * place + 2] = wanted
    weights[place] = ONE
    return True


def like(raw: bytearray, at: int, attributes: Sequence[int], liking: float) -> None:
    """Count an event's attributes (0 = none) in one user's list, which begins at byte `at`."""
    present = [key for key in attributes if key] if liking > 0 else []
    if not present:
        return
    held = _LIKED.unpack_from(raw, at)
    keys, weights = list(held[:LIKED]), [weight * KEEP for weight in held[LIKED:]]
    for key in present:
        place = keys.index(key) if key in keys else weights.index(min(weights))
        keys[place] = key
        weights[place] += liking
    _LIKED.pack_into(raw, at, *keys, *weights)


def like_band(raw: bytearray, at: int, band: int, liking: float) -> None:
    """Count an event's price band, from 1, in one user's weights, which begin at byte `at`."""
    if liking > 0:
        low, mid, high = _BANDS.unpack_from(raw, at)
        more = [0.0, 0.0, 0.0]
        more[band - 1] = liking
        _BANDS.pack_into(raw, at, low * KEEP + more[0], mid * KEEP + more[1], high * KEEP + more[2])


@dataclass(slots=True)
class Lists:
    """Lists of r users by rank."""

    products: NDArray[np.int32]  # (r, places) -1 = unused
    product_weights: NDArray[np.float32]  # (r, places)
    keys: NDArray[np.uint32]  # (r, places) 0 = unused
    weights: NDArray[np.float32]  # (r, places)


def walk_products(
    lists: Lists, steps: Schedule, bought: NDArray[np.int32], keep: float
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Count the product that each event bought (-1 = none). Returns (n, places) products and weights after each event,
    in the order of the steps.
    """
    ids = bytearray(np.where(lists.products < 0, NO_PRODUCT, lists.products).astype("<u2").tobytes())
    weights, faded = _bits(lists.product_weights), fading(keep)
    now = np.frombuffer(ids, "<u2").reshape(weights.shape)
    after, after_weights = np.empty((2, len(steps.order), weights.shape[1]), np.uint16)
    for number, (rank, product) in enumerate(zip(steps.rank.tolist(), bought[steps.order].tolist(), strict=True)):
        if product >= 0:
            buy(ids, rank * now[0].nbytes, weights[rank], product, faded)
        after[number], after_weights[number] = now[rank], weights[rank]
    lists.products, lists.product_weights = _products(now), VALUE[weights]
    return _products(after), VALUE[after_weights]


def _products(ids: NDArray[np.uint16]) -> NDArray[np.int32]:
    products = ids.astype(np.int32)
    products[products == NO_PRODUCT] = -1
    return products
