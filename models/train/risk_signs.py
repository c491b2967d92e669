"""Households with takeovers through the walk of the stream: the signs of every event, and which are not the user's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.behaviour import BehaviourPredictor, EventLists
from models.behaviour.risk import RiskReader, Signs
from models.behaviour.risk_model import Doubles, features
from models.data.journey import Purchases
from models.data.takeovers import KINDS, Shopping, with_takeovers
from models.data.usual_prices import beside, usual_logs
from schemas.events import EVENT_TYPES

AT_ONCE = 8  # households in one window: their rows are copied at every event
PURCHASE = EVENT_TYPES.index("purchase")


@dataclass(frozen=True, slots=True)
class Tables:
    """What is usual for everybody: see RiskModel."""

    shares: Doubles  # (categories,)
    prices: Doubles  # (categories + 1,)


def fit_tables(lines: Purchases, prices: Doubles) -> Tables:
    """From the lines of training households."""
    size = len(lines.categories)
    baskets, first = np.unique(np.stack([lines.basket, lines.category]), axis=1, return_index=True)
    shares = (np.bincount(lines.category[first], minlength=size) + 0.5) / (len(np.unique(baskets[0])) + 1)
    return Tables(shares, usual_logs(lines.category, prices, size))


@dataclass(frozen=True, slots=True)
class Watched:
    """n events, by household and time."""

    x: Doubles  # (n, FEATURES)
    kind: NDArray[np.int8]  # (n,) -1 = the household's own, else into KINDS
    takeover: NDArray[np.int64]  # (n,) number of the takeover, -1 = none
    household: NDArray[np.int32]  # (n,)
    times_ms: NDArray[np.int64]  # (n,)


def watch(
    predictor: BehaviourPredictor,
    tables: Tables,
    lines: Purchases,
    prices: Doubles,
    *,
    share: float,
    seed: int,
    kinds: tuple[str, ...] = KINDS,
) -> Watched:
    """Take accounts over and walk through all events."""
    dear = beside(lines.category, prices, tables.prices)
    shopping = with_takeovers(lines, prices, dear, share=share, kinds=kinds, seed=seed)
    reader = RiskReader(tables.shares.tolist(), tables.prices.tolist())
    x = np.concatenate([features(signs)[0] for signs in _signs(predictor, reader, shopping)])
    own = shopping.kind < 0
    _, takeover = np.unique(np.where(own, -1, shopping.household), return_inverse=True)
    return Watched(x, shopping.kind, np.where(own, -1, takeover), shopping.household, shopping.times_ms)


def _signs(predictor: BehaviourPredictor, reader: RiskReader, shopping: Shopping) -> list[Signs]:
    numbers = {int(product): number for number, product in enumerate(predictor.products)}
    products = [numbers.get(product, -1) for product in shopping.product.tolist()]
    starts = np.flatnonzero(np.concatenate([[True], shopping.household[1:] != shopping.household[:-1]]))
    found = []
    for first in range(0, len(starts), AT_ONCE):
        mine = starts[first : first + AT_ONCE]
        end = int(starts[first + AT_ONCE]) if first + AT_ONCE < len(starts) else len(shopping)
        cut = slice(int(mine[0]), end)
        slots = (np.searchsorted(mine, np.arange(cut.start, end), side="right") - 1).tolist()
        events = EventLists(
            [PURCHASE] * len(slots),
            shopping.category[cut].tolist(),
            products[cut],
            None,
            shopping.session[cut].tolist(),
            shopping.times_ms[cut].tolist(),
            prices=shopping.price[cut].tolist(),
            countries=shopping.country[cut].tolist(),
        )
        signs = predictor.observe(len(mine), slots, events, reader)
        found.append(Signs(signs.blocks.copy(), signs.values))
    return found
