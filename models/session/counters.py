"""What is kept of a user's running session, in 40 bytes, and how an event changes it. Little-endian, fixed size.

    byte  0   u4  session    hash of the running session, 0 = none yet
          4   u4  start_s    its first event, seconds since the epoch
          8   u4  product    hash of the last product, 0 = none
         12   u4  carted     hash of the product put into the cart last, 0 = none or bought since
         16   u4  shelf      the products seen: a Bloom filter of 32 bits, one for each product (Bloom 1970)
         20   u2  last       seconds from the start to the last event        ┐
         22   u2  cart       the same to the last cart                       │ all stop at their largest value
         24   u2  change     the same to the last change of product          │
         26   u2  category   hash of the last category, 0 = none             │
         28   f2  ln_price   mean ln price of the events with a price        │
         30   u1  priced     how many those are                              │
         31   u1  views                                                      │
         32   u1  carts                                                      │
         33   u1  purchases                                                  │
         34   u1  products   different ones, as far as `shelf` can tell      │
         35   u1  returns    changes to one that was seen before             │
         36   u1  again      events with the last product, after the first   │
         37   u1  moves      changes of category                             │
         38   u1  sessions   earlier sessions of the user                    │
         39   u1  bought     purchases in them                               ┘

An event is counted first and its features are taken then: they tell of it and of what came before it, never of more.
Training walks a log through `step` event by event, as a stream would walk a row, so both see the same.
"""

from __future__ import annotations

from math import log, log1p
from struct import Struct
from typing import NamedTuple

import numpy as np

from schemas.events import EVENT_TYPES

DTYPE = np.dtype(
    [
        *((name, "<u4") for name in ("session", "start_s", "product", "carted", "shelf")),
        *((name, "<u2") for name in ("last", "cart", "change", "category")),
        ("ln_price", "<f2"),
        *((name, "u1") for name in ("priced", "views", "carts", "purchases", "products")),
        *((name, "u1") for name in ("returns", "again", "moves", "sessions", "bought")),
    ]
)
LAYOUT = Struct("<5I4He10B")
BLANK = bytes(LAYOUT.size)  # a user never seen
BYTE, WORD = 255, 65_535
VIEW, CART, PURCHASE = (EVENT_TYPES.index(name) for name in ("view", "cart", "purchase"))
LN_PRICE = 5.0  # about the middle of a shop's prices: what the features are centred on
FEATURES = (
    *("views", "carts", "purchases", "products", "returns", "again", "moves", "sessions", "bought"),
    *("seconds", "pause", "on_product", "pace", "since_cart"),
    *("is_view", "is_cart", "is_purchase", "in_cart", "cart_open", "is_first"),
    *("price", "price_squared", "price_step", "price_apart"),
)


class Event(NamedTuple):
    """What is read of one event."""

    type: int  # index into EVENT_TYPES
    session: int  # 32-bit hash of the session, not 0
    product: int  # 32-bit hash, 0 = none
    category: int  # 16-bit hash, 0 = none
    price: float  # 0 = unknown
    time_s: int  # seconds since the epoch


def step(raw: bytes, event: Event) -> tuple[bytes, list[float]]:
    """The 40 bytes of a user before an event -> those after it, and FEATURES.

    Two events out of order count as simultaneous. A session that comes back after another one is a new one.
    """
    (session, start_s, product, carted, shelf, last, cart, change, category, ln_price, *counts) = LAYOUT.unpack(raw)
    priced, views, carts, purchases, products, returns, again, moves, sessions, bought = counts
    if event.session != session:
        if session:
            sessions, bought = _more(sessions), min(bought + purchases, BYTE)
        session, start_s = event.session, event.time_s
        product = carted = shelf = last = cart = change = category = 0
        ln_price, priced, views, carts, purchases, products, returns, again, moves = 0.0, 0, 0, 0, 0, 0, 0, 0, 0
    now = min(max(event.time_s - start_s, last), WORD)
    pause, last = now - last, now
    if event.category and event.category != category:
        moves, category = _more(moves) if category else 0, event.category
    if event.product and event.product == product:
        again = _more(again)
    elif event.product:
        bit = 1 << (event.product & 31)
        returns, products = (_more(returns), products) if shelf & bit else (returns, _more(products))
        shelf, product, again, change = shelf | bit, event.product, 0, now
    if event.type == VIEW:
        views = _more(views)
    elif event.type == CART:
        carts, cart, carted = _more(carts), now, event.product
    elif event.type == PURCHASE:
        purchases, carted = _more(purchases), 0
    price = log(event.price) - LN_PRICE if event.price > 0 else 0.0
    apart = 0.0
    if event.price > 0:
        apart = price + LN_PRICE - ln_price if priced else 0.0
        priced = _more(priced)
        ln_price += (price + LN_PRICE - ln_price) / priced
    state = LAYOUT.pack(
        *(session, start_s, product, carted, shelf, last, cart, change, category, ln_price),
        *(priced, views, carts, purchases, products, returns, again, moves, sessions, bought),
    )
    counted = (views, carts, purchases, products, returns, again, moves, sessions, bought)
    times = (now, pause, now - change, now / max(views + carts + purchases, 1), now - cart if carted else 0)
    return state, [
        *map(log1p, counted),
        *map(log1p, times),
        *(event.type == VIEW, event.type == CART, event.type == PURCHASE),
        *(bool(carted) and carted == event.product, bool(carted), views + carts + purchases == 1),
        *(price, price * price / 4, apart, abs(apart)),
    ]


def _more(count: int) -> int:
    return count + 1 if count < BYTE else BYTE
