"""One window of events against the rows of its users, one event after the other: everything but the network.

    1. purchase   does it move the LSTM on (tokens.py)? running basket, ring, visits and their rhythm
    2. habit      weight and hour of the category (habits.py)
    3. lists      the product bought, the attributes liked (lists.py)
    4. copy       of what the row holds then, if the event is to be answered: that is what the network reads
An event changes a few numbers of one row, so this is plain Python on the rows' memory: with numpy each of them would
cost as much as a hundred. Every number is rounded as rows hold it, so it does not matter how the stream was cut into
windows. The network then writes h and c into the rows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from math import log1p
from struct import Struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.behaviour import habits as habit
from models.behaviour import lists as kept_lists
from models.behaviour.habits import HOUR_MS
from models.behaviour.row import NEW_BASKET, NO_HABIT, PREFIX, PREFIX_BYTES, RING, byte_of
from models.behaviour.tokens import CLOCK, DAY_MS, PAUSE_MS, PURCHASE, RHYTHM_SHARE, Tokens
from models.columns import EventColumns

HEAD = Struct("<qqQII")  # seen_ms, purchase_ms, session, table, cursor
BODY = Struct("<qqffH")  # first_ms, token_ms, visits, rhythm, basket_size
SEEN, WORD, SINGLE = Struct("<q"), Struct("<I"), Struct("<f")
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
        )


class Pace(NamedTuple):
    """A user's visits, as of a time."""

    time_ms: int
    visits: float  # baskets, fading
    span: float  # days since the first purchase
    rhythm: float  # mean days between baskets, 0 = unknown


@dataclass(slots=True)
class Window:
    """A window after its events have been applied. What is kept is in event order, m of n events."""

    raw: bytearray  # the rows after it, but for h and c
    rows: np.ndarray  # (u,) the same memory
    kept: np.ndarray  # (m,) copies of their users' rows right after each event that is kept
    tokens: Tokens
    categories: int
    known: list[int] = field(default_factory=list)  # (m,) habits of the user
    hours: list[int] = field(default_factory=list)  # (m,) of the event, since the epoch modulo 65536
    pace: list[Pace] = field(default_factory=list)  # (m,) lines of one basket share one
    states: list[int] = field(default_factory=list)  # (m,) where h is: the user's row, or u + the user's last token

    @property
    def latest(self) -> NDArray[np.int64]:
        """(m,) the user's last token at each event, -1 = none in this window."""
        return np.maximum(np.array(self.states, np.int64) - len(self.rows), -1)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a row type has its fields, in bytes."""

    size: int
    habits: int  # how many
    basket: int
    no_basket: bytes
    habit: int
    bought: int
    liked: int


@cache
def _places(row: np.dtype[np.void]) -> _Places:
    basket, habits, bought, liked = (byte_of(row, name) for name in ("basket", "habit_id", "bought_id", "liked_key"))
    no_basket = bytes(row["basket"].itemsize)
    return _Places(row.itemsize, row["habit_id"].shape[0], basket, no_basket, habits, bought, liked)


def walk(
    rows: np.ndarray,
    slots: Sequence[int],
    events: EventLists,
    names: Sequence[int],
    *,
    kept: Sequence[bool] | None = None,
    product_keep: float | None = None,
) -> Window:
    """Apply events to a copy of (u,) rows; all but h and c.

    `names` (categories,) are the crc32 of the category names, for the ring. Copies are kept at the events that `kept`
    (n,) names; None is all. A product's weight shrinks to `product_keep` of it with every other one bought; None
    leaves products bought and liked attributes alone (training needs neither).
    """
    place, users = _places(rows.dtype), len(rows)
    size, habit_places, bought_at = place.size, place.habits, place.bought
    raw, tokens = bytearray(rows.tobytes()), Tokens()
    view = memoryview(raw)
    habits_of = [view[row + place.habit : row + place.bought].cast("H") for row in range(0, users * size, size)]
    after = np.frombuffer(raw, rows.dtype)
    bought_weights = after["bought_weight"].view(np.uint16)
    faded = None if product_keep is None else kept_lists.fading(product_keep)
    likes = None if faded is None else events.attributes

    copies = np.empty((len(slots) if kept is None else sum(kept)) * size, np.uint8)  # a bytearray would be cleared
    window = Window(raw, after, copies.view(rows.dtype), tokens, len(names))
    known, hours, paces, states = window.known, window.hours, window.pace, window.states
    copy_to, copied = copies.data, 0
    current = list(range(users))  # of each row, as Window.states
    pace_of: list[Pace | None] = [None] * users

    columns = (slots, events.types, events.categories, events.products, events.sessions, events.times_ms)
    for event, (slot, kind, category, product, session, time_ms) in enumerate(zip(*columns, strict=True)):
        row, hour, habits = slot * size, time_ms // HOUR_MS, habits_of[slot]
        if kind == PURCHASE and category >= 0:
            _, purchase_ms, before, table, cursor = HEAD.unpack_from(raw, row + HEAD_AT)
            begins = not cursor or session != before or (not session and time_ms - purchase_ms > PAUSE_MS)
            basket, bit = row + place.basket, 1 << (category & 7)
            cell = basket + (category >> 3)
            if begins:
                raw[basket : basket + len(place.no_basket)] = place.no_basket
                pace_of[slot] = None
            if begins or not raw[cell] & bit:
                raw[cell] |= bit
                current[slot] = users + len(tokens.users)
                _token(raw, row, names[category], event, slot, category, time_ms, hour, begins, cursor, tokens)
                habit.touch(habits, habit_places, category, hour & 0xFFFF, habit.PURCHASED, True)
                cursor += 1
            HEAD.pack_into(raw, row + HEAD_AT, time_ms, time_ms, session, table, cursor)
        else:
            SEEN.pack_into(raw, row + HEAD_AT, time_ms)
            gain = habit.WEIGHT[kind if kind < LAST_TYPE else LAST_TYPE]
            if gain and category >= 0:
                habit.touch(habits, habit_places, category, hour & 0xFFFF, gain, False)
        if product >= 0 and kind == PURCHASE and faded is not None:
            kept_lists.buy(raw, row + bought_at, bought_weights[slot], product, faded)
        if likes is not None:
            liking = kept_lists.LIKING[kind if kind < LAST_TYPE else LAST_TYPE]
            kept_lists.like(raw, row + place.liked, likes[event], liking)
        if kept is None or kept[event]:
            copy_to[copied : copied + size] = raw[row : row + size]
            copied += size
            pace = pace_of[slot]
            if pace is None or pace[0] != time_ms:
                pace = pace_of[slot] = _pace(raw, row, time_ms)
            known.append(bisect_left(habits, NO_HABIT, 0, habit_places))
            hours.append(hour & 0xFFFF)
            paces.append(pace)
            states.append(current[slot])
    return window


def _token(
    raw: bytearray,
    row: int,
    name: int,
    event: int,
    slot: int,
    category: int,
    time_ms: int,
    hour: int,
    begins: bool,
    cursor: int,
    tokens: Tokens,
) -> None:
    """Count a token in the row that begins at this byte, and add it to the tokens."""
    first_ms, token_ms, visits, rhythm, size = BODY.unpack_from(raw, row + PREFIX_BYTES)
    gap_hours = 0.0
    if cursor and time_ms > token_ms:
        (gap_hours,) = SINGLE.unpack(SINGLE.pack((time_ms - token_ms) / HOUR_MS))  # as a float32
    if begins:
        days = gap_hours / 24
        rhythm = (rhythm + RHYTHM_SHARE * (days - rhythm) if rhythm else days) if visits else 0.0
        visits = visits * float(habit.FADE[int(min(gap_hours, habit.LATEST_AGE))]) + 1
        size = 0
    BODY.pack_into(raw, row + PREFIX_BYTES, first_ms or max(time_ms, 1), time_ms, visits, rhythm, size + 1)
    ring = cursor % RING
    WORD.pack_into(raw, row + NAME_AT + 4 * ring, name)
    WORD.pack_into(raw, row + MINUTE_AT + 4 * ring, time_ms // 60_000)
    raw[row + FLAGS_AT + ring] = NEW_BASKET if begins else 0
    tokens.users.append(slot)
    tokens.categories.append(category)
    clock = CLOCK[(hour + 72) % 168]  # the epoch was a Thursday
    tokens.numbers.extend((begins, log1p(gap_hours) / 5, *clock, log1p(size) / 3))
    tokens.events.append(event)


def _pace(raw: bytearray, row: int, time_ms: int) -> Pace:
    first_ms, _, visits, rhythm, _ = BODY.unpack_from(raw, row + PREFIX_BYTES)
    return Pace(time_ms, visits, max(time_ms - first_ms, 0) / DAY_MS if first_ms else 0.0, rhythm)
