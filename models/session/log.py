"""A log of events -> what the model of sessions reads: counters walked event by event, and the keys of the rates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from models.session.counters import BLANK, Event, step

Keys = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Walked:
    """n events as the network reads them."""

    features: NDArray[np.float32]  # (n, len(counters.FEATURES))
    products: Keys  # (n,)
    categories: Keys  # (n,)

    def take(self, rows: NDArray[np.generic]) -> Walked:
        """Some of the events."""
        return Walked(self.features[rows], self.products[rows], self.categories[rows])


@lru_cache(65_536)
def key(id_: str) -> int:
    """The 32-bit hash of a product's, category's or session's id, never 0."""
    return crc32(id_.encode()) or 1


def counted(kind: int, session: int, product: int, category: int, price: float, time_ms: int) -> Event:
    """An event as the counters read it; session, product and category are keys, 0 = none, and the session has one."""
    return Event(kind, session, product, category and (category & 0xFFFF or 1), price, time_ms // 1_000)


def walk(
    users: NDArray[np.int64],
    sessions: NDArray[np.int32],
    types: NDArray[np.uint8],
    products: NDArray[np.int64],
    categories: NDArray[np.int64],
    prices: NDArray[np.float32],
    times_ms: NDArray[np.int64],
) -> Walked:
    """(n,) events in the order of their log, of any number of users; a price of 0 is an unknown one."""
    hashes: dict[int, int] = {}
    product_keys, category_keys = (
        [hashes.get(number) or hashes.setdefault(number, key(str(number))) for number in numbers.tolist()]
        for numbers in (products, categories)
    )
    states: dict[int, bytes] = {}
    features = []
    for user, session, kind, product, category, price, time_ms in zip(
        *(users.tolist(), sessions.tolist(), types.tolist(), product_keys, category_keys),
        *(prices.tolist(), times_ms.tolist()),
        strict=True,
    ):
        event = counted(kind, key(str(session)), product, category, price, time_ms)
        states[user], numbers = step(states.get(user, BLANK), event)
        features.append(numbers)
    return Walked(np.array(features, np.float32), np.array(product_keys, np.uint32), np.array(category_keys, np.uint32))
