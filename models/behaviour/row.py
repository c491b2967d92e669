"""A user's state row: what the behaviour model keeps between two events of a user. Little-endian, fixed size.

    bytes            field         what
    ---------------- ------------- ---------------------------------------------------------------------------------
    0      16        (head)        format, reserved, model, offset: schemas/state.py; offset belongs to the engine
    16     8  i8     seen_ms       latest time of an event of any kind
    24     8  i8     purchase_ms   time of the last purchase whose category is known
    32     8  u8     session       session hash of the running basket, 0 = none
    40     4  u4     table         crc32 of the model's category names: which table the numbers of the body refer to
    44     4  u4     cursor        tokens ever written to the ring; the next goes to place cursor % 32
    48     128 u4    ring_name     crc32 of the category's name                  ┐ the last 32 tokens, readable by any
    176    128 u4    ring_minute   minutes since the epoch                       │ model: `rewarm` replays them
    304    32  u1    ring_flags    bit 0: this token begins a basket             ┘
    ---------------- ------------- 336: end of PREFIX, the same in every version; below, sizes are the model's own
    336    8  i8     first_ms      first purchase, 0 = none yet
    344    8  i8     token_ms      last token (a purchase that was new in its basket)
    352    4  f4     visits        baskets so far, halved every 180 days
    356    4  f4     rhythm        days between baskets, running mean
    360    2  u2     basket_size   categories in the running basket
    362    38 u1     basket        which: bit i of byte i // 8 (lowest first), for 302 categories
    400    4H f4     h             ┐ state of the LSTM; float32, since a rounding that depends on how the stream was cut
           4H f4     c             ┘ into windows would break batch = one by one
           2S u2     habit_id      ┐ up to S categories the user buys, by rising number; unused: 65535
           2S u2     habit_hour    │ hour of the last purchase (hours since the epoch modulo 65536)
           2S f2     habit_weight  ┘ purchases, halved every 180 days, as of that hour
           2P u2     bought_id     ┐ up to P products bought, in no order; unused: 65535
           2P f2     bought_weight ┘ purchases of each, fading with every product bought since
           4A u4     liked_key     ┐ preferred attributes, crc32 of "name=value", 0 = unused
           4A f4     liked_weight  ┘ their decayed weights
           32 u4     recent_id       hashes of the last 8 event ids, the newest first, 0 = none (recent.py)
           40 u1     risk            what is usual for the user, and what the last hours were like (risk.py)
           40 u1     session_counts  the running session (models/session/counters.py); zero without its model
           12 f4     price_band      decayed weights of low, mid and high prices (taste.py); zero without its model

With H = 64, S = 112, P = 64, A = 8 a row takes 2,028 bytes, of 2,048 that it may take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from schemas.state import ROW_HEADER

RING = 32
BOUGHT = 64
BOUGHT_FIRST = 96  # in the first layout
LIKED = 8
NO_HABIT = 65_535
NO_PRODUCT = 65_535
NEW_BASKET = 1  # bit 0 of ring_flags
RECENT = 8
RISK_BYTES = 40
SESSION_BYTES = 40
PRICE_BANDS = 3

PREFIX_FIELDS = [
    *ROW_HEADER,
    ("seen_ms", "<i8"),
    ("purchase_ms", "<i8"),
    ("session", "<u8"),
    ("table", "<u4"),
    ("cursor", "<u4"),
    ("ring_name", "<u4", (RING,)),
    ("ring_minute", "<u4", (RING,)),
    ("ring_flags", "<u1", (RING,)),
]
PREFIX = np.dtype(PREFIX_FIELDS)
PREFIX_BYTES = PREFIX.itemsize
RECENT_FIELDS = [("recent_id", "<u4", (RECENT,))]
RISK_FIELDS = [("risk", "<u1", (RISK_BYTES,))]
SESSION_FIELDS = [("session_counts", "<u1", (SESSION_BYTES,))]
BAND_FIELDS = [("price_band", "<f4", (PRICE_BANDS,))]
ADDED = [*RECENT_FIELDS, *RISK_FIELDS, *SESSION_FIELDS, *BAND_FIELDS]  # since the first layout


def row_dtype(
    categories: int, hidden: int, habits: int, *, bought: int = BOUGHT, added: Sequence[Any] = ADDED
) -> np.dtype[np.void]:
    """The row of a model with that many categories, LSTM units and habit slots."""
    return np.dtype(
        [
            *PREFIX_FIELDS,
            ("first_ms", "<i8"),
            ("token_ms", "<i8"),
            ("visits", "<f4"),
            ("rhythm", "<f4"),
            ("basket_size", "<u2"),
            ("basket", "<u1", ((categories + 7) // 8,)),
            ("h", "<f4", (hidden,)),
            ("c", "<f4", (hidden,)),
            ("habit_id", "<u2", (habits,)),
            ("habit_hour", "<u2", (habits,)),
            ("habit_weight", "<f2", (habits,)),
            ("bought_id", "<u2", (bought,)),
            ("bought_weight", "<f2", (bought,)),
            ("liked_key", "<u4", (LIKED,)),
            ("liked_weight", "<f4", (LIKED,)),
            *added,
        ]
    )


def earlier_dtypes(categories: int, hidden: int, habits: int) -> list[np.dtype[np.void]]:
    """The layouts that rows of such a model had before; each is told from the others by its size."""
    shape = categories, hidden, habits
    return [
        row_dtype(*shape, bought=BOUGHT_FIRST, added=()),
        row_dtype(*shape, added=[*RECENT_FIELDS, *RISK_FIELDS]),
        row_dtype(*shape, added=[*RECENT_FIELDS, *RISK_FIELDS, *SESSION_FIELDS]),
    ]


def blank(dtype: np.dtype[np.void], n: int) -> np.ndarray:
    """(n,) rows of users never seen; the head is all zero."""
    rows = np.zeros(n, dtype)
    rows["habit_id"] = NO_HABIT
    rows["bought_id"] = NO_PRODUCT
    return rows


def byte_of(dtype: np.dtype[np.void], name: str) -> int:
    """Where a field begins."""
    if dtype.fields is None:
        raise TypeError(f"{dtype} has no fields")
    return int(dtype.fields[name][1])
