"""Which events move the LSTM on, and what it reads of them.

A token is a purchase of a known category that is not in the running basket yet. Other lines of that category, other
event types and unknown categories are no tokens: raw purchase lines and one line per category give the same tokens.
A basket ends when the session changes; without sessions, when more than two hours pass between two purchases.

All of it is decided for a whole window at once: per user only the line before counts, and for the first line the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.columns import EventColumns
from schemas.events import EVENT_TYPES

PURCHASE = EVENT_TYPES.index("purchase")
PAUSE_MS = 2 * 3600 * 1000  # between two purchases without session: from here on it is another visit to the shop
HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS
NUMERIC = 7  # columns of Tokens.numeric
RHYTHM_SHARE = 0.2  # of the latest gap in the running mean of the days between baskets
VISIT_HALF_DAYS = 180.0  # as habits.HALF_DAYS: visits and purchases must fade alike for their ratio to be a rate

Item = TypeVar("Item", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The t tokens of a window, by user, then in order; `event` says where each one is in the window."""

    event: NDArray[np.int64]  # (t,)
    user: NDArray[np.int64]  # (t,) row of the user
    category: NDArray[np.int64]  # (t,)
    new_basket: NDArray[np.bool_]  # (t,)
    gap_hours: NDArray[np.float32]  # (t,) since the token before, 0 for a user's first
    position: NDArray[np.int64]  # (t,) 0 for the first category of a basket
    times_ms: NDArray[np.int64]  # (t,)
    session: NDArray[np.uint64]  # (t,)
    bought: NDArray[np.int64]  # (b,) events that are purchases of a known category, tokens or not

    def numeric(self) -> NDArray[np.float32]:
        """(t, 7) float32: what the LSTM reads besides the category, each about -1 to 1.

        New basket, log hours since the last token, hour of day and of week as points on circles, place in the basket.
        """
        hour = (self.times_ms // HOUR_MS + 72) % 168  # the epoch was a Thursday; 0 is Monday, midnight
        day, week = hour * (2 * np.pi / 24), hour * (2 * np.pi / 168)
        return np.stack(
            [
                self.new_basket,
                np.log1p(self.gap_hours) / 5,
                np.sin(day),
                np.cos(day),
                np.sin(week),
                np.cos(week),
                np.log1p(self.position) / 3,
            ],
            axis=1,
        ).astype(np.float32)


def read_tokens(rows: np.ndarray, slots: NDArray[np.integer], events: EventColumns, categories: int) -> Tokens:
    """Rows before the window, (n,) row of each event, the events -> the tokens among them."""
    known = (events.types == PURCHASE) & (events.categories >= 0)
    order = np.argsort(slots, kind="stable")
    bought = order[known[order]]
    user = slots[bought].astype(np.int64)
    category = events.categories[bought].astype(np.int64)
    times, session = events.times_ms[bought], events.sessions[bought]

    head = _heads(user)
    before_ms = _shifted(times, head, rows["purchase_ms"][user])
    before_session = _shifted(session, head, rows["session"][user])
    has_basket = _shifted(np.ones(len(bought), bool), head, rows["cursor"][user] > 0)
    new = ~has_basket | (session != before_session) | ((session == 0) & (times - before_ms > PAUSE_MS))

    basket = _running(new, head)  # 0: still the basket of the row
    key = (user * (len(bought) + 1) + basket) * categories + category
    first = np.zeros(len(bought), bool)
    first[np.unique(key, return_index=True)[1]] = True
    stored = (rows["basket"][user, category // 8] >> (category % 8).astype(np.uint8)) & 1
    token = first & ~((basket == 0) & (stored == 1))

    user, category, times, session, basket = (column[token] for column in (user, category, times, session, basket))
    head = _heads(user)
    begins = new[token]  # the first line of a basket is always a token
    last_ms = _shifted(times, head, np.where(rows["cursor"][user] > 0, rows["token_ms"][user], times))
    gap_hours = (np.maximum(times - last_ms, 0) / HOUR_MS).astype(np.float32)
    place = np.arange(len(user)) - np.maximum.accumulate(np.where(head | begins, np.arange(len(user)), 0))
    position = place + np.where(basket == 0, rows["basket_size"][user], 0)
    return Tokens(bought[token], user, category, begins, gap_hours, position, times, session, bought)


def _heads(user: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True where a user's run begins."""
    return np.concatenate([np.ones(min(len(user), 1), bool), user[1:] != user[:-1]])


def _shifted(column: NDArray[Item], head: NDArray[np.bool_], at_head: NDArray[Item]) -> NDArray[Item]:
    """Each entry's predecessor in its run; at the head of a run, what the row says."""
    return np.where(head, at_head, np.concatenate([column[:1], column[:-1]])).astype(column.dtype)


def _running(flags: NDArray[np.bool_], head: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many flags were set in the run so far, this entry's included."""
    total = np.cumsum(flags)
    start = np.maximum.accumulate(np.where(head, np.arange(len(flags)), 0))
    before = (total - flags)[start] if len(flags) else total
    return np.asarray(total - before, np.int64)
