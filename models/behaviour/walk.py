"""One window of events against the rows of its users, user by user: everything but the network.

    1. purchase   does it move the LSTM on (tokens.py)? running basket, ring, visits and their rhythm
    2. habit      weight and hour of the category (habits.py)
    3. lists      the product bought, the attributes and price bands liked (lists.py)
    4. copy       of what the row holds then, if the event is to be answered: that is what the network reads
An event changes a few numbers of one row, so this is plain Python on the rows' memory: with numpy each of them would
cost as much as a hundred. Every number is rounded as rows hold it, so it does not matter how the stream was cut into
windows. The network then writes h and c into the rows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from math import log1p
from struct import Struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.behaviour import habits as habit
from models.behaviour import lists as kept_lists
from models.behaviour.habits import HOUR_MS
from models.behaviour.recent import NO_EVENT, remember
from models.behaviour.risk import BLOCK, SIGNS, RiskReader, Signs
from models.behaviour.row import NEW_BASKET, NO_HABIT, PREFIX, PREFIX_BYTES, RING, byte_of
from models.behaviour.tokens import CLOCK, DAY_MS, GAP_SCALE, PAUSE_MS, PURCHASE, RHYTHM_SHARE, Tokens, goods
from models.columns import EventColumns

HEAD = Struct("<qqQII")  # seen_ms, purchase_ms, session, table, cursor
BODY = Struct("<qqffH")  # first_ms, token_ms, visits, rhythm, basket_size
WORD, SINGLE, SINGLES = Struct("<I"), Struct("<f"), Struct("<ff")
HEAD_AT, NAME_AT, MINUTE_AT, FLAGS_AT = (
    byte_of(PREFIX, name) for name in ("seen_ms", "ring_name", "ring_minute", "ring_flags")
)
LAST_TYPE = len(habit.WEIGHT) - 1  # any number above stands for a type that is not known yet, as the last one


class EventLists(NamedTuple):
    """n events, column by column, as EventColumns; lists, since a number of a list is read ten times faster."""

    types: list[int]
    categories: list[int]
    products: list[int]
    attributes: list[list[int]] | None  # None when no event has any
    sessions: list[int]
    times_ms: list[int]
    ids: list[int] | None = None  # hashes of the event ids (recent.py); None: rows remember none
    prices: list[float] | None = None  # of one piece, 0 = none
    countries: list[int] | None = None  # risk.py's numbers, 0 = none
    quantities: list[float] | None = None  # pieces, 0 = not told
    # Hashes of ids for the counters of sessions (models.session.log.key), 0 = none; None: nothing counts there.
    session_keys: list[int] | None = None
    product_keys: list[int] | None = None
    category_keys: list[int] | None = None

    @classmethod
    def of(cls, events: EventColumns) -> EventLists:
        """The same events."""
        attributes = events.attributes.tolist() if np.count_nonzero(events.attributes) else None
        return cls(
            events.types.tolist(),
            events.categories.tolist(),
            events.products.tolist(),
            attributes,
            events.sessions.tolist(),
            events.times_ms.tolist(),
            prices=None if events.prices is None else events.prices.tolist(),
            quantities=None if events.quantities is None else events.quantities.tolist(),
        )


class Pace(NamedTuple):
    """A user's visits, as of a time."""

    time_ms: int
    visits: float  # baskets, fading
    span: float  # days since the first purchase
    rhythm: float  # mean days between baskets, 0 = unknown
    token_ms: int  # last token, 0 = none


NO_PACE = Pace(-1, 0.0, 0.0, 0.0, 0)


@dataclass(slots=True)
class Window:
    """A window after its events have been applied. What is kept is in event order, m of n events."""

    raw: bytearray  # the rows after it, but for h and c
    rows: np.ndarray  # (u,) the same memory
    kept: np.ndarray  # (m,) copies of their users' rows right after each event that is kept
    tokens: Tokens
    categories: int
    known: list[int]  # (m,) habits of the user
    hours: list[int]  # (m,) of the event, since the epoch modulo 65536
    pace: list[Pace]  # (m,) lines of one basket share one
    signs: Signs | None  # what `risk` told
    states: list[int]  # (m,) where h is: the user's row, or u + the user's last token

    @property
    def latest(self) -> NDArray[np.int64]:
        """(m,) the user's last token at each event, -1 = none in this window."""
        return np.maximum(np.array(self.states, np.int64) - len(self.rows), -1)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a row type has its fields, in bytes."""

    habits: int  # how many
    basket: int
    basket_bytes: int
    habit: int
    bought: int
    liked: int
    recent: int
    risk: int
    band: int


@cache
def _places(row: np.dtype[np.void]) -> _Places:
    names = ("habit_id", "bought_id", "liked_key", "recent_id", "risk", "price_band")
    return _Places(
        row["habit_id"].shape[0],
        byte_of(row, "basket"),
        row["basket"].itemsize,
        *(byte_of(row, name) for name in names),
    )


def walk(
    rows: np.ndarray,
    slots: Sequence[int],
    events: EventLists,
    names: Sequence[int],
    *,
    kept: Sequence[bool] | None = None,
    product_keep: float | None = None,
    risk: RiskReader | None = None,
    bands: Sequence[int] | None = None,
) -> Window:
    """Apply events to a copy of (u,) rows; all but h and c.

    `risk` moves the risk block on and gives the signs of each event that is kept; None leaves it alone.
    `names` (categories,) are the crc32 of the category names, for the ring. Copies are kept at the events that `kept`
    (n,) names; None is all. A product's weight shrinks to `product_keep` of it with every other one bought; None
    leaves products bought and liked attributes alone (training needs neither). `bands` (n,) are price bands, 0 = none;
    None leaves those alone.
    """
    place, size, m = _places(rows.dtype), rows.dtype.itemsize, len(slots) if kept is None else sum(kept)
    raw, tokens = bytearray(rows.tobytes()), Tokens()
    view, after = memoryview(raw), np.frombuffer(raw, rows.dtype)
    bought_weights = after["bought_weight"].view(np.uint16)
    faded = None if product_keep is None else kept_lists.fading(product_keep)
    likes = None if faded is None else events.attributes

    copies = np.empty(m * size, np.uint8)  # a bytearray would be cleared
    copy_to = copies.data
    known, hours, states = [0] * m, [0] * m, [0] * m
    told = None if risk is None else np.full((m, len(SIGNS)), np.nan)
    signs: list[float] = []
    signs_of: list[int] = []
    paces: list[Pace] = [NO_PACE] * m
    places = range(m) if kept is None else [place - 1 for place in accumulate(kept)]  # of each event that is kept

    of_user: dict[int, list[int]] = {}
    for event, slot in enumerate(slots):
        of_user.setdefault(slot, []).append(event)
    types, categories, products, _, sessions, times_ms, ids, prices, countries, quantities = events[:10]
    for slot, mine in of_user.items():
        row, state = slot * size, slot
        habits, weights = view[row + place.habit : row + place.bought].cast("H"), bought_weights[slot]
        basket_at, bought_at, liked_at = row + place.basket, row + place.bought, row + place.liked
        basket = int.from_bytes(raw[basket_at : basket_at + place.basket_bytes], "little")
        seen_ms, purchase_ms, before, table, cursor = HEAD.unpack_from(raw, row + HEAD_AT)
        first_ms, token_ms, visits, rhythm, position = BODY.unpack_from(raw, row + PREFIX_BYTES)
        pace = NO_PACE
        if risk is not None:
            follower = risk.follow(raw, row + place.risk)
            next(follower)
        for event in mine:
            kind, category, product, time_ms = types[event], categories[event], products[event], times_ms[event]
            hour = time_ms // HOUR_MS
            begins, held, new, seen_before = False, -1.0, False, seen_ms
            if time_ms > seen_ms:
                seen_ms = time_ms
            if ids is not None:
                remember(raw, row + place.recent, ids[event])
            if kind == PURCHASE and category >= 0:
                session = sessions[event]
                begins = not cursor or session != before or (not session and time_ms - purchase_ms > PAUSE_MS)
                purchase_ms, before = time_ms, session
                if begins or not basket >> category & 1:
                    gap_hours = 0.0
                    if cursor and time_ms > token_ms:
                        (gap_hours,) = SINGLE.unpack(SINGLE.pack((time_ms - token_ms) / HOUR_MS))  # as a float32
                    if begins:
                        basket, position = 0, 0
                        visits, rhythm = _visit(visits, rhythm, gap_hours)
                    basket, pace = basket | 1 << category, pace if time_ms == token_ms and not begins else NO_PACE
                    token_ms, first_ms = time_ms, first_ms or max(time_ms, 1)
                    ring = cursor % RING
                    WORD.pack_into(raw, row + NAME_AT + 4 * ring, names[category])
                    WORD.pack_into(raw, row + MINUTE_AT + 4 * ring, time_ms // 60_000)
                    raw[row + FLAGS_AT + ring] = NEW_BASKET if begins else 0
                    state = len(rows) + len(tokens.users)
                    tokens.users.append(slot)
                    tokens.categories.append(category)
                    tokens.products.append(product)
                    clock = CLOCK[(hour + 72) % 168]  # the epoch was a Thursday
                    bought = goods(
                        0.0 if prices is None else prices[event], 0.0 if quantities is None else quantities[event]
                    )
                    tokens.numbers.extend((begins, log1p(gap_hours) / GAP_SCALE, *clock, log1p(position) / 3, *bought))
                    tokens.events.append(event)
                    held = habit.touch(habits, place.habits, category, hour & 0xFFFF, habit.PURCHASED, True)
                    position += 1
                    cursor += 1
            elif category >= 0:
                gain = habit.WEIGHT[kind if kind < LAST_TYPE else LAST_TYPE]
                if gain:
                    held = habit.touch(habits, place.habits, category, hour & 0xFFFF, gain, False)
            if product >= 0 and kind == PURCHASE and faded is not None:
                new = kept_lists.buy(raw, bought_at, weights, product, faded)
            if likes is not None:
                liking = kept_lists.LIKING[kind if kind < LAST_TYPE else LAST_TYPE]
                kept_lists.like(raw, liked_at, likes[event], liking)
            if bands is not None and bands[event]:
                liking = kept_lists.LIKING[kind if kind < LAST_TYPE else LAST_TYPE]
                kept_lists.like_band(raw, row + place.band, bands[event], liking)
            if risk is not None and kind != NO_EVENT:
                price = 0.0 if prices is None else prices[event]
                country = 0 if countries is None else countries[event]
                sign = follower.send((category, held, visits, new, price, country, time_ms, seen_before, begins))
                if kept is None or kept[event]:
                    signs += sign
                    signs_of.append(places[event])
            if kept is None or kept[event]:
                number = places[event]
                copy = number * size
                copy_to[copy : copy + size] = raw[row : row + size]
                copy += place.basket
                copy_to[copy : copy + place.basket_bytes] = basket.to_bytes(place.basket_bytes, "little")
                if pace.time_ms != time_ms:
                    span = max(time_ms - first_ms, 0) / DAY_MS if first_ms else 0.0
                    pace = Pace(time_ms, visits, span, rhythm, token_ms)
                paces[number], hours[number], states[number] = pace, hour & 0xFFFF, state
                known[number] = bisect_left(habits, NO_HABIT, 0, place.habits)
        if risk is not None:
            follower.close()
        HEAD.pack_into(raw, row + HEAD_AT, seen_ms, purchase_ms, before, table, cursor)
        BODY.pack_into(raw, row + PREFIX_BYTES, first_ms, token_ms, visits, rhythm, position)
        raw[basket_at : basket_at + place.basket_bytes] = basket.to_bytes(place.basket_bytes, "little")
    after_each, found = copies.view(rows.dtype), None
    if told is not None:
        told[signs_of] = np.array(signs).reshape(-1, len(SIGNS))
        found = Signs(after_each["risk"].view(BLOCK)[:, 0], told)
    return Window(raw, after, after_each, tokens, len(names), known, hours, paces, found, states)


def _visit(visits: float, rhythm: float, gap_hours: float) -> tuple[float, float]:
    """Another basket, so many hours after the last token: visits and mean days between, as float32."""
    days = gap_hours / 24
    rhythm = (rhythm + RHYTHM_SHARE * (days - rhythm) if rhythm else days) if visits else 0.0
    visits = visits * float(habit.FADE[int(min(gap_hours, habit.LATEST_AGE))]) + 1
    return SINGLES.unpack(SINGLES.pack(visits, rhythm))
