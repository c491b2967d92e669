"""One window of events against the rows of its users: everything but the network.

    1. tokens     which events move the LSTM on (tokens.py)
    2. visits     baskets so far and days between them, at each token
    3. habits     and running baskets, after each event (habits.py)
    4. lists      products bought and liked attributes, after each event (recent.py)
    5. rows       all of it written back, and the tokens into the ring
The network reads what this gives and writes h and c into the rows. Every step gives the same numbers however the stream
was cut into windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.behaviour import habits as habit
from models.behaviour import lists as kept_lists
from models.behaviour.network import Memory
from models.behaviour.row import NEW_BASKET, RING
from models.behaviour.schedule import Schedule, schedule
from models.behaviour.tokens import DAY_MS, HOUR_MS, PURCHASE, RHYTHM_SHARE, Tokens, read_tokens
from models.columns import EventColumns


@dataclass(frozen=True, slots=True)
class Window:
    """A window after its events have been applied; arrays "by step" are in the order of `steps`."""

    steps: Schedule
    tokens: Tokens
    latest: NDArray[np.int64]  # (n,) the user's last token at each event, -1 = none in this window
    visits: NDArray[np.float32]  # (t,) after each token
    rhythm: NDArray[np.float32]  # (t,) days
    first_ms: NDArray[np.int64]  # (t,)
    habits: habit.Habits  # by step, of the events that are kept
    place: NDArray[np.int64]  # (n,) of each event by step
    kept_place: NDArray[np.int64]  # (n,) of each event that is kept, among those
    hour: NDArray[np.uint16]  # (n,)
    bought: NDArray[np.int32]  # (n, places) by step
    bought_weights: NDArray[np.float32]  # (n, places) by step
    liked_keys: NDArray[np.uint32]  # (n, places) by step
    liked_weights: NDArray[np.float32]  # (n, places) by step


def apply(
    rows: np.ndarray,
    slots: NDArray[np.integer],
    events: EventColumns,
    names: NDArray[np.uint32],
    *,
    kept: NDArray[np.bool_] | None = None,
    product_keep: float = 1.0,
    lists: bool = True,
) -> Window:
    """Apply events to rows in place, but for h and c.

    `names` (categories,) are the crc32 of the category names, for the ring. Habits are remembered at the events that
    `kept` (n,) names; None is all. A product's weight shrinks to `product_keep` of it with every other one bought.
    Without `lists`, products bought and liked attributes are left alone (training needs neither).
    """
    steps = schedule(slots)
    kept = np.ones(len(slots), bool) if kept is None else kept
    tokens = read_tokens(rows, slots, events, len(names))
    visits, rhythm, first_ms = _visits(rows, tokens)
    latest = _latest(slots, tokens)
    hour = (events.times_ms // HOUR_MS).astype(np.uint16)

    habits = habit.unpack(rows[steps.users], len(names))
    touches = _touches(events, tokens, hour, len(names))
    after = habit.walk(habits, steps, touches, rows["habit_id"].shape[1], kept)

    held = kept_lists.unpack(rows[steps.users])
    bought, bought_weights = np.empty((0, 0), np.int32), np.empty((0, 0), np.float32)
    liked_keys, liked_weights = np.empty((0, 0), np.uint32), np.empty((0, 0), np.float32)
    if lists:
        products = np.where(events.types == PURCHASE, events.products, -1).astype(np.int32)
        bought, bought_weights = kept_lists.walk_products(held, steps, products, product_keep)
        liked_keys, liked_weights = kept_lists.walk_attributes(
            held, steps, events.attributes, kept_lists.LIKING[np.minimum(events.types, len(kept_lists.LIKING) - 1)]
        )

    touched = rows[steps.users]
    habit.pack(habits, touched)
    kept_lists.pack(held, touched)
    rows[steps.users] = touched
    place = steps.place()
    window = Window(
        steps=steps,
        tokens=tokens,
        latest=latest,
        visits=visits,
        rhythm=rhythm,
        first_ms=first_ms,
        habits=after,
        place=place,
        kept_place=(np.cumsum(kept[steps.order]) - 1)[place],
        hour=hour,
        bought=bought,
        bought_weights=bought_weights,
        liked_keys=liked_keys,
        liked_weights=liked_weights,
    )
    _write_back(rows, slots, events, window, names)
    return window


def memory(
    window: Window, rows: np.ndarray, slots: NDArray[np.integer], events: EventColumns, chosen: NDArray[np.int64]
) -> Memory:
    """What the network reads at the chosen events, all of them kept; `rows` are those before the window."""
    at, user, token = window.kept_place[chosen], slots[chosen], window.latest[chosen]
    columns = slice(0, window.habits.weight.shape[1] - 1)
    age = habit.ages(window.hour[chosen][:, None], window.habits.hour[at, columns])
    first_ms = pick(window.first_ms, token, rows["first_ms"][user])
    span = np.where(first_ms > 0, np.maximum(events.times_ms[chosen] - first_ms, 0), 0) / DAY_MS
    return Memory(
        weight=torch.from_numpy(window.habits.weight[at, columns]),
        age=torch.from_numpy(age.astype(np.float32)),
        basket=torch.from_numpy(window.habits.basket[at, columns]),
        visits=torch.from_numpy(pick(window.visits, token, rows["visits"][user])),
        span=torch.from_numpy(span.astype(np.float32)),
        rhythm=torch.from_numpy(pick(window.rhythm, token, rows["rhythm"][user])),
    )


def pick(at_token: np.ndarray, token: NDArray[np.int64], otherwise: np.ndarray) -> np.ndarray:
    """(t, ...) values at tokens, (m,) token of each event or -1, (m, ...) the value when it is -1 -> (m, ...)."""
    out = np.array(otherwise)
    some = token >= 0
    out[some] = at_token[token[some]]
    return out


def _latest(slots: NDArray[np.integer], tokens: Tokens) -> NDArray[np.int64]:
    grouped = np.argsort(slots, kind="stable")
    is_token = np.zeros(len(slots), np.int64)
    is_token[tokens.event] = 1
    so_far = np.cumsum(is_token[grouped]) - 1  # tokens are by user as well
    mine = so_far >= 0
    mine[mine] = tokens.user[so_far[mine]] == slots[grouped[mine]]
    latest = np.empty(len(slots), np.int64)
    latest[grouped] = np.where(mine, so_far, -1)
    return latest


def _visits(rows: np.ndarray, tokens: Tokens) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """(t,) baskets so far, mean days between them and the first purchase, after each token."""
    begins = np.nonzero(tokens.new_basket)[0]
    steps = schedule(tokens.user[begins])
    visits, rhythm = rows["visits"].copy(), rows["rhythm"].copy()
    visits_at, rhythm_at = np.empty(len(begins), np.float32), np.empty(len(begins), np.float32)
    gap_hours = tokens.gap_hours[begins]
    fade = habit.FADE[np.minimum(gap_hours, habit.LATEST_AGE).astype(np.int64)]
    for start, width in zip(steps.starts.tolist(), steps.widths.tolist(), strict=True):
        here, user = steps.order[start : start + width], steps.users[:width]
        days, known = gap_hours[here] / np.float32(24), rhythm[user]
        slower = known + np.float32(RHYTHM_SHARE) * (days - known)
        rhythm[user] = np.where(visits[user] == 0, 0, np.where(known == 0, days, slower))
        visits[user] = visits[user] * fade[here] + 1
        visits_at[here], rhythm_at[here] = visits[user], rhythm[user]
    number = np.cumsum(tokens.new_basket) - 1  # the basket of each token, if it began in this window
    mine = number >= 0
    mine[mine] = tokens.user[begins[number[mine]]] == tokens.user[mine]
    number = np.where(mine, number, -1)
    first_ms = rows["first_ms"][tokens.user]
    fresh = np.nonzero(first_ms == 0)[0]
    head = np.unique(tokens.user[fresh], return_index=True)
    first_ms[fresh] = tokens.times_ms[fresh[head[1]]][np.searchsorted(head[0], tokens.user[fresh])]
    return (
        pick(visits_at, number, rows["visits"][tokens.user]),
        pick(rhythm_at, number, rows["rhythm"][tokens.user]),
        np.maximum(first_ms, 1),  # 0 means none
    )


def _touches(events: EventColumns, tokens: Tokens, hour: NDArray[np.uint16], categories: int) -> habit.Touches:
    token, begins = np.zeros(len(hour), bool), np.zeros(len(hour), bool)
    token[tokens.event], begins[tokens.event] = True, tokens.new_basket
    weight = np.where(token, np.float32(1), habit.WEIGHT[np.minimum(events.types, len(habit.WEIGHT) - 1)])
    nothing = (events.categories < 0) | (weight == 0)
    return habit.Touches(np.where(nothing, categories, events.categories).astype(np.int64), token, begins, weight, hour)


def _write_back(rows: np.ndarray, slots: NDArray[np.integer], events: EventColumns, window: Window,
                names: NDArray[np.uint32]) -> None:  # fmt: skip
    tokens = window.tokens
    rows["seen_ms"][slots] = events.times_ms  # of several events of a user the last one stays
    rows["purchase_ms"][slots[tokens.bought]] = events.times_ms[tokens.bought]
    if not len(tokens.event):
        return
    last = np.concatenate([tokens.user[1:] != tokens.user[:-1], [True]])
    user = tokens.user[last]
    rows["session"][user], rows["token_ms"][user] = tokens.session[last], tokens.times_ms[last]
    rows["visits"][user], rows["rhythm"][user] = window.visits[last], window.rhythm[last]
    rows["first_ms"][user], rows["basket_size"][user] = window.first_ms[last], tokens.position[last] + 1

    count = np.bincount(tokens.user, minlength=len(rows))
    nth = np.arange(len(tokens.user)) - np.repeat(np.cumsum(count) - count, count)
    kept = nth >= count[tokens.user] - RING
    owner = tokens.user[kept]
    place = (rows["cursor"][owner].astype(np.int64) + nth[kept]) % RING
    rows["ring_name"][owner, place] = names[tokens.category[kept]]
    rows["ring_minute"][owner, place] = (tokens.times_ms[kept] // 60_000).astype(np.uint32)
    rows["ring_flags"][owner, place] = np.where(tokens.new_basket[kept], NEW_BASKET, 0)
    rows["cursor"] += count.astype(np.uint32)
